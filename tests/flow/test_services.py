"""Services: `make install` and `make uninstall`, the systemd units by systemd-analyze's judgement,
and what a role tells the service manager. test_services_boot.py runs the units under a systemd."""
# usual time: 17 s
import os
import re
import shutil
import signal
import socket
import struct
import time
import unittest
from pathlib import Path

import harness
from harness import BIN, ROOT, TIME_SCALE, Role, free_port, http_get, run, temp_dir

UNITS = ["streaming-back-end-broadcaster.service", "streaming-back-end-orchestrator.service",
         "streaming-back-end-test-publisher.service", "streaming-back-end-transcoder.service"]
EXPOSURE_MAX = 1.5  # of 10, as systemd-analyze security counts


def make(target, check=True, **variables):
    done = run(["make", "-s", "-C", ROOT, target, f"BIN={BIN}",
                *(f"{k}={v}" for k, v in variables.items())], timeout=60)
    if check and done.returncode != 0:
        raise AssertionError(f"make {target}: {done.stdout}{done.stderr}")
    return done


def tree(top):
    """Every path below top, with what it is: {path: contents, link target or "/"}."""
    found = {}
    for path in sorted(Path(top).rglob("*")):
        name = str(path.relative_to(top))
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        else:
            found[name] = "/" if path.is_dir() else path.read_bytes()
    return found


class Install(harness.TestCase):
    def setUp(self):
        self.dest = temp_dir()

    def test_what_is_installed_and_where(self):
        make("install", DESTDIR=self.dest)
        found = {k for k, v in tree(self.dest).items() if v != "/"}
        lib, share = "usr/local/lib", "usr/local/share"
        programs = {p.name for p in (self.dest / lib / "streaming-back-end/bin").iterdir()}
        self.assertLessEqual({"orchestrator", "transcoder", "broadcaster", "livepeer", "publish",
                              "watch", "load", "pay"}, programs)
        wanted = {f"{lib}/streaming-back-end/bin/{p}" for p in programs}
        # `watch` belongs to procps.
        wanted |= {f"usr/local/bin/{p}" for p in programs - {"watch"}}
        wanted |= {f"{lib}/systemd/system/{u}" for u in UNITS}
        wanted.add(f"{lib}/systemd/system/streaming-back-end-.service.d/sandbox.conf")
        wanted |= {f"{share}/doc/streaming-back-end/{p}"
                   for p in ("README.md", "LICENSE", "server.md", "publishers.md")}
        samples = {p.name for p in (ROOT / "deploy").glob("systemd/*.env")}
        samples |= {p.name for p in (ROOT / "deploy").glob("config/*.yaml")}
        self.assertIn("orchestrator.env", samples)
        wanted |= {f"{share}/streaming-back-end/{p}" for p in samples | {"installed"}}
        self.assertEqual(found, wanted)
        for name in programs - {"watch"}:
            done = run([self.dest / f"usr/local/bin/{name}", "-version"])
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_paths_are_filled_in(self):
        for prefix, unitdir in (("/usr", "usr/lib/systemd/system"),
                                ("/usr/local", "usr/local/lib/systemd/system"),
                                ("/opt/sbe", "etc/systemd/system")):
            dest = temp_dir()
            make("install", DESTDIR=dest, PREFIX=prefix)
            for unit in UNITS:
                text = (dest / unitdir / unit).read_text()
                self.assertNotRegex(text, r"@[A-Z]+@")
                program = re.search(r"^ExecStart=(\S+)", text, re.M).group(1)
                self.assertTrue(program.startswith(f"{prefix}/lib/"), program)
                for path in (program, *re.findall(r"see (\S+\.env)\.$", text, re.M),
                             *re.findall(r"^Documentation=file:(\S+)", text, re.M)):
                    self.assertTrue((dest / path.lstrip("/")).is_file(), path)

    def test_again_changes_nothing_and_uninstall_leaves_nothing(self):
        theirs = self.dest / "usr/local/bin/theirs"
        theirs.parent.mkdir(parents=True)
        theirs.write_text("")
        before = tree(self.dest)
        make("install", DESTDIR=self.dest)
        once = tree(self.dest)
        make("install", DESTDIR=self.dest)
        self.assertEqual(tree(self.dest), once)
        done = make("uninstall", DESTDIR=self.dest)
        self.assertIn("state are still there", done.stdout)
        self.assertEqual(tree(self.dest), before)
        again = make("uninstall", DESTDIR=self.dest)
        self.assertIn("Nothing of ours", again.stdout)
        self.assertEqual(tree(self.dest), before)

    def test_what_an_older_version_had_goes_and_what_others_added_stays(self):
        make("install", DESTDIR=self.dest)
        share = self.dest / "usr/local/share/streaming-back-end"
        (share / "old").write_text("")
        (share / "theirs").write_text("")
        with open(share / "installed", "a", encoding="utf-8") as manifest:
            manifest.write("file /usr/local/share/streaming-back-end/old\n")
        settings = self.dest / "etc/streaming-back-end/secret"
        settings.parent.mkdir(parents=True)
        settings.write_text("")
        make("install", DESTDIR=self.dest)
        self.assertFalse((share / "old").exists())
        make("uninstall", DESTDIR=self.dest)
        left = [k for k, v in tree(self.dest).items() if v != "/"]
        self.assertEqual(left, ["etc/streaming-back-end/secret",
                                "usr/local/share/streaming-back-end/theirs"])

    def test_a_file_of_somebody_else_is_not_replaced(self):
        theirs = self.dest / "usr/local/bin/livepeer"
        theirs.parent.mkdir(parents=True)
        theirs.write_text("theirs")
        before = tree(self.dest)
        done = make("install", check=False, DESTDIR=self.dest)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"{theirs} is there already", done.stderr)
        self.assertEqual(tree(self.dest), before)

    def test_an_install_that_was_cut_short_is_done_again(self):
        make("install", DESTDIR=self.dest)
        whole = tree(self.dest)
        for unit in UNITS:
            (self.dest / "usr/local/lib/systemd/system" / unit).unlink()
        make("install", DESTDIR=self.dest)
        self.assertEqual(tree(self.dest), whole)

    def test_bad_settings_are_named(self):
        for variables, words in (({"PREFIX": "relative"}, "must begin with /"),
                                 ({"PREFIX": "/with space"}, "letters, digits"),
                                 ({"BIN": "/nonexistent"}, "run make first")):
            done = make("install", check=False, **{"DESTDIR": self.dest, **variables})
            self.assertNotEqual(done.returncode, 0, variables)
            self.assertIn(words, done.stderr)
            self.assertEqual(tree(self.dest), {})


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Units(harness.TestCase):
    """By the judgement of systemd-analyze, of what is installed."""

    @classmethod
    def setUpClass(cls):
        cls.top = temp_dir()
        cls.units = cls.top / "units"
        make("install", PREFIX=cls.top / "opt", UNITDIR=cls.units)

    def test_verify(self):
        done = run(["systemd-analyze", "verify", "--man=no", *(self.units / u for u in UNITS)])
        self.assertEqual(done.stdout + done.stderr, "")
        self.assertEqual(done.returncode, 0)

    def test_verify_would_find_a_fault(self):
        folder = temp_dir()
        bad = folder / UNITS[0]
        bad.write_text((self.units / UNITS[0]).read_text().replace("Type=notify", "Type=notfy"))
        done = run(["systemd-analyze", "verify", "--man=no", bad])
        self.assertIn("notfy", done.stdout + done.stderr)

    def test_exposure(self):
        for unit in UNITS:
            done = run(["systemd-analyze", "security", "--no-pager", "--offline=true",
                        f"--threshold={EXPOSURE_MAX * 10:.0f}", self.units / unit])
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, r"Overall exposure level for \S+: 1\.\d OK")


class Manager:
    """What a service manager would hear: a datagram socket that knows who speaks."""

    def __init__(self):
        self.path = temp_dir() / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(self.path))
        self.heard = []  # (when, lines)

    def environment(self, watchdog_ms=None):
        found = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_ms:
            found["WATCHDOG_USEC"] = str(watchdog_ms * 1000)
        return found

    def hear(self, timeout):
        """The next message: (its lines, the pid that the kernel says sent it); None: silence."""
        self.socket.settimeout(timeout * TIME_SCALE)
        try:
            data, extra, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12))
        except socket.timeout:
            return None
        sender = struct.unpack("iii", extra[0][2])[0]
        lines = data.decode().split("\n")
        self.heard.append((time.monotonic(), lines))
        return lines, sender

    def wait(self, line, timeout=10):
        """Hears until a message has the line; returns that message's lines and sender."""
        deadline = time.monotonic() + timeout * TIME_SCALE
        while time.monotonic() < deadline:
            got = self.hear(max(0.01, deadline - time.monotonic()) / TIME_SCALE)
            if got and line in got[0]:
                return got
        raise AssertionError(f"{line} was not heard in {timeout} s, but {self.heard}")

    def close(self):
        self.socket.close()


class Told(harness.TestCase):
    """What each role tells the service manager."""

    def setUp(self):
        self.manager = Manager()
        self.addCleanup(self.manager.close)

    def flags(self, role):
        def address():
            return f"127.0.0.1:{free_port()}"

        return {"orchestrator": ["-serviceAddr", address(), "-orchSecret", "secret"],
                "transcoder": ["-orchAddr", address(), "-orchSecret", "secret"],
                "broadcaster": ["-rtmpAddr", address(), "-httpAddr", address(),
                                "-orchAddr", address()]}[role]

    def start(self, role, flags=None, watchdog_ms=None):
        """bin/ROLE with NOTIFY_SOCKET, not waited for."""
        self.cli = free_port()
        process = harness.Process(
            [BIN / role, *(flags or self.flags(role)), "-cliAddr", f"127.0.0.1:{self.cli}",
             "-datadir", temp_dir(), "-runDir", temp_dir()],
            temp_dir() / f"{role}.log", env=self.manager.environment(watchdog_ms))
        self.addCleanup(process.kill)
        return process

    def test_ready_signs_of_life_and_stopping(self):
        for role, words in (("orchestrator", "transcoders: 0"), ("transcoder", "jobs at work: 0"),
                            ("broadcaster", "streams live: 0")):
            with self.subTest(role=role):
                self.manager.heard.clear()
                process = self.start(role, watchdog_ms=200)
                lines, sender = self.manager.wait("READY=1")
                # Its doors are open by then.
                self.assertEqual(http_get(f"http://127.0.0.1:{self.cli}/healthz").status, 200)
                self.assertEqual(len(self.manager.heard), 1, self.manager.heard)
                self.assertIn(f"MAINPID={process.pid}", lines)
                self.assertEqual(sender, process.pid)
                for _ in range(3):
                    self.manager.wait("WATCHDOG=1", timeout=5)
                beats = [at for at, lines in self.manager.heard if lines == ["WATCHDOG=1"]]
                self.assertGreaterEqual(beats[-1] - beats[0], 0.1)
                said = [line for _, lines in self.manager.heard for line in lines
                        if line.startswith("STATUS=")]
                self.assertTrue(said and words in said[0], said)
                process.popen.send_signal(signal.SIGTERM)
                _, sender = self.manager.wait("STOPPING=1")
                self.assertEqual(sender, process.pid)
                self.assertEqual(process.wait(), 0)

    def test_no_watchdog_unless_it_is_asked_for(self):
        process = self.start("orchestrator")
        self.manager.wait("READY=1")
        process.popen.send_signal(signal.SIGTERM)
        self.manager.wait("STOPPING=1")
        self.assertEqual(process.wait(), 0)
        self.assertNotIn(["WATCHDOG=1"], [lines for _, lines in self.manager.heard])

    def test_a_loop_that_stands_still_gives_no_sign_of_life(self):
        process = self.start("orchestrator", watchdog_ms=100)
        self.manager.wait("WATCHDOG=1")
        process.pause()
        while self.manager.hear(0.5):
            pass  # what was under way
        self.assertIsNone(self.manager.hear(0.5))
        process.resume()
        self.manager.wait("WATCHDOG=1")

    def test_never_ready_when_a_door_cannot_be_opened(self):
        for flag in ("-rtmpAddr", "-httpAddr", "-cliAddr"):
            with self.subTest(flag=flag), socket.socket() as other:
                port = free_port()
                other.bind(("127.0.0.1", port))
                other.listen()
                flags = self.flags("broadcaster")
                if flag == "-cliAddr":
                    process = harness.Process(
                        [BIN / "broadcaster", *flags, "-cliAddr", f"127.0.0.1:{port}", "-datadir",
                         temp_dir(), "-runDir", temp_dir()], temp_dir() / "b.log", env=self.manager.environment())
                    self.addCleanup(process.kill)
                else:
                    flags[flags.index(flag) + 1] = f"127.0.0.1:{port}"
                    process = self.start("broadcaster", flags)
                self.assertEqual(process.wait(), 1)
                self.assertIn(flag, process.log())
                self.assertIsNone(self.manager.hear(0.1), "something was told")

    def test_nothing_is_told_without_a_service_manager(self):
        with Role("orchestrator", self.flags("orchestrator")) as role:
            self.assertEqual(role.stop(), 0)
            self.assertNotIn("notify", role.log())


if __name__ == "__main__":
    harness.main()
