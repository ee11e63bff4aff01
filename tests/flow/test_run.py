"""`make run` and `make stop` (deploy/screen/run and stop), beside others: own ports, own names."""
# usual time: 20 s
import os
import re
import shutil
import socket
import unittest

import container
import harness
from harness import ROOT, run


@unittest.skipUnless(shutil.which("screen"), "screen is not installed")
class MakeRun(harness.TestCase):
    def setUp(self):
        self.home = harness.temp_dir()
        self.prefix = f"test{os.getpid()}-"
        ports = {name: str(harness.free_port())
                 for name in ("RTMP_PORT", "HTTP_PORT", "ORCH_PORT", "TRANSCODER_HTTP_PORT",
                              "ORCH_CLI_PORT", "TRANSCODER_CLI_PORT", "BROADCASTER_CLI_PORT")}
        self.env = {**os.environ, **ports, "HOME": str(self.home), "SESSION_PREFIX": self.prefix,
                    "XDG_STATE_HOME": str(self.home / "state"), "BIN": str(harness.BIN)}
        self.addCleanup(self.script, "stop")

    def script(self, name, **env):
        return run([ROOT / "deploy/screen" / name], timeout=90, env={**self.env, **env})

    def sessions(self):
        listed = run(["screen", "-ls"], env=self.env).stdout
        return sorted(re.findall(rf"\d+\.{self.prefix}(\w)\b", listed))

    def test_start_again_and_stop(self):
        done = self.script("run")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.sessions(), ["B", "O", "P", "T"])
        url = re.search(r"^Playlist: +(\S+)$", done.stdout, re.M).group(1)
        self.assertTrue(harness.playlist(harness.http_get(url).text).segments)
        for word in ("Starting", "curl", "ffplay", "screen -r", "make stop"):
            self.assertIn(word, done.stdout)
        before = run(["screen", "-ls"], env=self.env).stdout
        again = self.script("run")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("nothing was started", again.stdout)
        self.assertEqual(re.findall(rf"\d+\.{self.prefix}", before),
                         re.findall(rf"\d+\.{self.prefix}",
                                    run(["screen", "-ls"], env=self.env).stdout))
        stopped = self.script("stop")
        self.assertEqual(stopped.returncode, 0)
        self.assertEqual(stopped.stdout.count("Stopped"), 4, stopped.stdout)
        self.assertEqual(self.sessions(), [])
        nothing = self.script("stop")
        self.assertEqual(nothing.returncode, 0)
        self.assertIn("Nothing of ours is running", nothing.stdout)

    def test_a_session_that_is_slow_to_appear_is_ours_all_the_same(self):
        tools = harness.temp_dir()
        slow = tools / "screen"
        slow.write_text('#!/bin/sh\ncase "$1" in -ls | -S) ;; *) sleep 0.7 ;; esac\n'
                        f'exec {shutil.which("screen")} "$@"\n')
        slow.chmod(0o755)
        path = f"{tools}:{os.environ['PATH']}"
        done = self.script("run", PATH=path, TRUSTED_PROXIES="127.0.0.1,::1")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        told = f"-cliAddr 127.0.0.1:{self.env['BROADCASTER_CLI_PORT']} -trustedProxies 127.0.0.1,::1"
        self.assertIn(told, run(["ps", "-ww", "-eo", "args"]).stdout)
        self.assertEqual(self.script("stop").stdout.count("Stopped"), 4)
        self.assertEqual(self.sessions(), [])

    def test_a_role_that_dies_is_named_with_its_log_and_nothing_is_left(self):
        taken = int(self.env["HTTP_PORT"])
        with socket.socket() as other:
            other.bind(("0.0.0.0", taken))
            other.listen()
            done = self.script("run")
        self.assertEqual(done.returncode, 1)
        self.assertIn("broadcaster", done.stderr)
        self.assertIn(f"another port: HTTP_PORT={taken + 1000} make run", done.stderr)
        self.assertIn("cannot_listen", done.stderr)
        self.assertEqual(self.sessions(), [])

    def test_a_place_for_sockets_that_screen_would_refuse_is_named(self):
        folder = harness.temp_dir() / "sockets"
        folder.mkdir(mode=0o755)
        done = self.script("run", SCREENDIR=str(folder))
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"chmod 700 {folder}", done.stderr)

    @unittest.skipIf(container.why_not(), container.why_not())
    def test_a_user_without_run_screen(self):
        """Not root, no /run/screen (no boot has made it), a long home directory."""
        self.home.chmod(0o755)
        home = self.home / ("h" * 80)
        home.mkdir()
        short = harness.temp_dir()
        for folder in (home, short):
            shutil.chown(folder, "nobody")
        user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        if run([*user, "test", "-x", harness.BIN / "livepeer"]).returncode != 0:
            self.skipTest("other users may not enter this folder")
        scripts = " && ".join(f"{ROOT}/deploy/screen/{n}" for n in ("run", "stop"))
        done = run(["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"',
                    "sh", *user, "bash", "-c", scripts], timeout=90,
                   env={**self.env, "HOME": str(home), "XDG_STATE_HOME": str(home / "state"),
                        "TMPDIR": str(short)})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"Attach: +SCREENDIR=\S+ screen -r")
        self.assertEqual(done.stdout.count("Stopped"), 4, done.stdout)

    def test_sessions_of_others_are_left_alone(self):
        theirs = f"{self.prefix}B"
        run(["screen", "-dmS", theirs, "sleep", "60"], env=self.env)
        harness.wait_for(self.sessions, 10, "their session is listed")
        self.addCleanup(run, ["screen", "-S", theirs, "-X", "quit"], env=self.env)
        done = self.script("run")
        self.assertEqual(done.returncode, 1)
        self.assertIn("not ours", done.stderr)
        self.assertEqual(done.stdout, "")  # found out before anything was started
        self.assertEqual(self.sessions(), ["B"])
        self.assertIn("Nothing of ours", self.script("stop").stdout)
        self.assertEqual(self.sessions(), ["B"])


if __name__ == "__main__":
    harness.main()
