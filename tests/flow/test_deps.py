"""deploy/deps: what it says and asks before it installs. The package manager is a stand-in that
writes down how it was called: a test installs nothing."""
import os
import pty
import select
import subprocess

import harness
from harness import ROOT, run, temp_dir

TOOLS = {
    "dpkg-query": 'for p in $HAVE; do [ "$p" = "$4" ] && printf "install ok installed"; done; :',
    "apt-get": 'echo "apt-get $*" >> "$CALLS"; env | grep DEBIAN_FRONTEND >> "$CALLS"; :',
    "sudo": 'echo "sudo $*" >> "$CALLS"; exec env -u DEBIAN_FRONTEND "$@"',
    "id": 'echo "$UID_NOW"',
}


class Deps(harness.TestCase):
    def setUp(self):
        self.tools = temp_dir()
        for name, text in TOOLS.items():
            (self.tools / name).write_text(f"#!/bin/bash\n{text}\n")
            (self.tools / name).chmod(0o755)
        self.calls = self.tools / "calls"
        self.calls.touch()

    def env(self, uid, have=""):
        return {**os.environ, "PATH": f"{self.tools}:{os.environ['PATH']}", "HAVE": have,
                "CALLS": str(self.calls), "UID_NOW": str(uid)}

    def at_a_terminal(self, answer):
        """Runs it as user 1000 with a terminal, answers its question; (status, what it printed)."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen([ROOT / "deploy/deps", "run"], stdin=theirs, stdout=theirs,
                                   stderr=theirs, env=self.env(1000), start_new_session=True)
        self.addCleanup(process.kill)
        os.close(theirs)
        text = ""
        while select.select([ours], [], [], 10 * harness.TIME_SCALE)[0]:
            try:
                text += os.read(ours, 4096).decode()
            except OSError:  # the other end is closed
                break
            if answer and "[Y/n]" in text:
                self.assertEqual(self.calls.read_text(), "")  # nothing before the answer
                os.write(ours, answer)
                answer = None
        os.close(ours)
        return process.wait(10), text

    def assert_installed(self, begins):
        calls = self.calls.read_text().splitlines()
        self.assertTrue(calls[0].startswith(begins), calls)
        install = next(c for c in calls if c.startswith("apt-get install"))
        self.assertIn(" -y ", install)
        self.assertIn(" libzmq3-dev ", install)
        self.assertEqual(calls.count("DEBIAN_FRONTEND=noninteractive"), 2)  # update and install

    def test_root_is_told_and_not_asked(self):
        done = run([ROOT / "deploy/deps", "run"], env=self.env(0))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"Missing packages:.* libzmq3-dev ")
        self.assertNotIn("?", done.stdout)
        self.assertNotIn("sudo", self.calls.read_text())
        self.assert_installed("apt-get update")

    def test_no_question_without_a_terminal(self):
        done = run([ROOT / "deploy/deps", "run"], env=self.env(1000))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("?", done.stdout)
        self.assert_installed("sudo ")

    def test_a_terminal_is_asked_before_sudo(self):
        status, text = self.at_a_terminal(b"n\n")
        self.assertEqual(status, 1)
        self.assertIn("sudo", text)
        self.assertIn("Nothing was installed.", text)
        self.assertEqual(self.calls.read_text(), "")
        status, text = self.at_a_terminal(b"\n")
        self.assertEqual(status, 0, text)
        self.assertIn("Installed.", text)
        self.assert_installed("sudo ")

    def test_only_what_is_missing_and_silence_when_nothing_is(self):
        run([ROOT / "deploy/deps", "run"], env=self.env(0))
        line = next(c for c in self.calls.read_text().splitlines() if "install" in c)
        wanted = [w for w in line.split()[2:] if not w.startswith("-")]
        self.calls.write_text("")
        done = run([ROOT / "deploy/deps", "run"], env=self.env(0, " ".join(wanted[1:])))
        self.assertIn(f"Missing packages: {wanted[0]}\n", done.stdout)
        self.calls.write_text("")
        done = run([ROOT / "deploy/deps", "run"], env=self.env(0, " ".join(wanted)))
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.calls.read_text(), "")

    def test_no_sudo(self):
        os.remove(self.tools / "sudo")
        for name in ("bash", "env", "grep", "cat", "dirname"):
            if not (self.tools / name).exists():
                (self.tools / name).symlink_to(f"/usr/bin/{name}")
        done = run([ROOT / "deploy/deps", "run"],
                   env={**self.env(1000), "PATH": str(self.tools)})
        self.assertEqual(done.returncode, 1)
        self.assertIn("as root", done.stderr)


if __name__ == "__main__":
    harness.main()
