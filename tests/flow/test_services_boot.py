"""The systemd units under a real systemd, which is process 1 of a container: their sandbox, their
start, restart and end, and what viewers see of an upgrade."""
# usual time: 55 s
import re
import time
import unittest

import container
import harness
from harness import BIN, ROOT, RUNG, run, temp_dir, wait_for

PREFIX = "/usr/local"
ORCHESTRATOR, TRANSCODER, BROADCASTER, PUBLISHER = ALL = [
    f"streaming-back-end-{n}" for n in ("orchestrator", "transcoder", "broadcaster",
                                        "test-publisher")]
SECRET = "/etc/streaming-back-end/secret"
SOURCE_URL = "http://127.0.0.1:8935/stream/hello_world/source.m3u8"
RUNG_URL = f"http://127.0.0.1:8935/stream/hello_world/{RUNG}.m3u8"
MISSING = container.why_not()


@unittest.skipIf(MISSING, MISSING)
class Services(harness.TestCase):
    """One container for all: it boots once, and each test leaves the services as it wants."""

    @classmethod
    def setUpClass(cls):
        dest = temp_dir()
        run(["make", "-s", "-C", ROOT, "install", f"BIN={BIN}", f"DESTDIR={dest}",
             f"PREFIX={PREFIX}"], check=True)
        cls.host = container.Container({PREFIX: f"{dest}{PREFIX}"})
        cls.host.write(SECRET, "a secret that is long enough\n", 0o600)
        cls.host.__enter__()
        cls.addClassCleanup(cls.host.close)

    def setUp(self):
        self.addCleanup(self.clean)
        self.mark = self.host.journal_mark()

    def stop_all(self):
        """In one go and in order, as a shutdown does."""
        self.host.run("systemctl", "isolate", "stage.target")
        for unit in ALL:
            wait_for(lambda: self.host.show(unit, "ActiveState") in ("inactive", "failed"), 30,
                     f"{unit} has ended")

    def clean(self):
        self.stop_all()
        self.host.run("systemctl", "reset-failed", *ALL, check=False)

    def journal(self, unit=None):
        """What was logged in this test."""
        return self.host.journal(unit, self.mark)

    def start(self, *units):
        self.host.run("systemctl", "start", *units)

    def playlist(self, url):
        status, text = self.host.get(url)
        return harness.playlist(text) if status == 200 else None

    def wait_segments(self, url, at_least=1, timeout=15):
        def listed():
            found = self.playlist(url)
            return found if found and len(found.segments) >= at_least else None

        try:
            return wait_for(listed, timeout, f"{url} lists {at_least} segments")
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.journal()[-3000:]}") from None

    def pid(self, unit):
        return int(self.host.show(unit, "MainPID"))

    def test_the_recipe_runs_in_the_sandbox(self):
        self.start(*ALL)
        found = self.wait_segments(RUNG_URL, 2)
        status, _ = self.host.get("http://127.0.0.1:8935" + found.segments[0].uri)
        self.assertEqual(status, 200)
        for unit in ALL:
            self.assertEqual(self.host.show(unit, "ActiveState"), "active")
            self.assertEqual(self.host.show(unit, "NRestarts"), "0")
            # From the drop-in that all units share.
            for name in ("DynamicUser", "MemoryDenyWriteExecute", "PrivateUsers"):
                self.assertEqual(self.host.show(unit, name), "yes", f"{unit} {name}")
        self.check_process_rights()
        self.check_files()
        wait_for(lambda: "streams live: 1" in self.host.show(BROADCASTER, "StatusText"), 10,
                 "the broadcaster says that a stream is live")
        told = self.host.output(f"{PREFIX}/bin/status")
        for role in ("orchestrator", "transcoder", "broadcaster"):
            self.assertIn(role, told)
        journal = self.journal()
        self.assertNotIn("a secret that is long enough", journal)
        told = re.findall(r"^\S+Z (?:error|warn) (.*)", journal, re.M)
        # The recipe is open to others, and nothing says who may push.
        self.assertEqual([t for t in told if " http_ingest_off " not in t], [])

    def check_process_rights(self):
        for unit in ALL:
            text = self.host.output("cat", f"/proc/{self.pid(unit)}/status")
            fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
            self.assertNotEqual(fields["Uid"].split()[0], "0", unit)
            self.assertEqual(fields["NoNewPrivs"], "1", unit)
            self.assertEqual(fields["Seccomp"], "2", unit)
            for which in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(fields[which], 16), 0, f"{unit} {which}")

    def check_files(self):
        """What each service sees and may write, tried from within its own mounts."""
        def within(unit, script):
            uid = self.host.show(unit, "UID")
            done = self.host.run("nsenter", f"--target={self.pid(unit)}", "--mount", "setpriv",
                                 f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--",
                                 "sh", "-c", script, check=False)
            return done.returncode == 0

        for unit in ALL:
            self.assertTrue(within(unit, "test -r /usr/bin/env"), unit)
            for folder in ("/usr", "/etc", "/var", "/var/lib", "/root", "/home"):
                self.assertFalse(within(unit, f"touch {folder}/x"), f"{unit} writes {folder}")
            self.assertFalse(within(unit, f"cat {SECRET}"), unit)
            self.assertFalse(within(unit, "test -e /dev/kmsg"), unit)
            secret = within(unit, f"cat /run/credentials/{unit}.service/secret")
            self.assertEqual(secret, unit in (ORCHESTRATOR, TRANSCODER), unit)
            state = within(unit, "cat /var/lib/streaming-back-end/credentials/*")
            self.assertEqual(state, unit in (ORCHESTRATOR, BROADCASTER), unit)
        other = f"cat /run/credentials/{ORCHESTRATOR}.service/secret"
        self.assertFalse(within(BROADCASTER, other), "the broadcaster reads the secret")

    def test_a_role_that_is_killed_comes_back(self):
        self.start(ORCHESTRATOR, TRANSCODER, BROADCASTER)
        for unit in (ORCHESTRATOR, TRANSCODER, BROADCASTER):
            before = self.pid(unit)
            self.host.run("kill", "-9", before)
            wait_for(lambda: self.pid(unit) not in (0, before)
                     and self.host.show(unit, "ActiveState") == "active", 10,
                     f"{unit} runs again")
            self.assertEqual(self.host.show(unit, "NRestarts"), "1")

    def test_the_watchdog_ends_a_role_that_stands_still(self):
        self.host.run("sh", "-c", f"mkdir -p /run/systemd/system/{BROADCASTER}.service.d && "
                      "printf '[Service]\\nWatchdogSec=1s\\n' "
                      f"> /run/systemd/system/{BROADCASTER}.service.d/quick.conf")
        self.host.run("systemctl", "daemon-reload")
        self.start(BROADCASTER)
        before = self.pid(BROADCASTER)
        self.host.run("kill", "-STOP", before)
        wait_for(lambda: self.pid(BROADCASTER) not in (0, before), 15, "it runs again")
        self.assertIn("Watchdog timeout", self.journal(f"{BROADCASTER}.service"))

    def test_wrong_flags_do_not_go_round_in_circles(self):
        self.host.write("/etc/streaming-back-end/transcoder.env", "FLAGS=-nonsense\n")
        self.addCleanup((self.host.root / "etc/streaming-back-end/transcoder.env").unlink)
        done = self.host.run("systemctl", "start", TRANSCODER, check=False)
        self.assertNotEqual(done.returncode, 0)
        wait_for(lambda: self.host.show(TRANSCODER, "ActiveState") == "failed", 5, "it has failed")
        self.assertEqual(self.host.show(TRANSCODER, "NRestarts"), "0")
        self.assertIn("unknown flag -nonsense", self.journal(f"{TRANSCODER}.service"))

    def test_without_a_secret_systemd_says_which_file(self):
        secret = self.host.root / SECRET.lstrip("/")
        kept = secret.read_text()
        secret.write_text("")
        self.addCleanup(secret.write_text, kept)
        for unit in (ORCHESTRATOR, TRANSCODER):
            self.start(unit)
            said = self.host.run("systemctl", "status", "--no-pager", unit, check=False)
            self.assertNotEqual(said.returncode, 0)
            self.assertIn(f"ConditionFileNotEmpty={SECRET}", said.stdout)

    def test_all_end_in_order(self):
        self.start(*ALL)
        self.wait_segments(RUNG_URL)
        self.stop_all()
        for unit in ALL:
            self.assertEqual(self.host.show(unit, "Result"), "success", unit)
            self.assertEqual(self.host.show(unit, "ExecMainStatus"), "0", unit)
        stopped = re.findall(r"^Stopped (streaming-back-end-[a-z-]+)\.service", self.journal(),
                             re.M)
        self.assertEqual(stopped, [PUBLISHER, BROADCASTER, TRANSCODER, ORCHESTRATOR])

    def test_enabled_services_start_with_the_machine(self):
        self.host.run("systemctl", "enable", *ALL[:3])
        self.addCleanup(self.host.run, "systemctl", "disable", *ALL)
        wanted = self.host.output("systemctl", "list-dependencies", "--plain", "multi-user.target")
        for unit in ALL[:3]:
            self.assertIn(f"{unit}.service", wanted)
        self.assertNotIn(PUBLISHER, wanted)

    def test_what_viewers_see_of_an_upgrade(self):
        """Transcoder and orchestrator are restarted: the source goes on, the rung has no hole.
        The broadcaster is restarted: the same addresses go on with higher numbers."""
        self.start(*ALL)
        self.wait_segments(RUNG_URL, 2)
        gaps, seen = [], {SOURCE_URL: set(), RUNG_URL: set()}

        def look():
            for url in (SOURCE_URL, RUNG_URL):
                found = self.playlist(url)
                self.assertTrue(found, url)
                seen[url] |= {s.number for s in found.segments}
                gaps.extend(s for s in found.segments if s.gap)

        def wait_further(by):
            goal = max(seen[RUNG_URL]) + by

            def further():
                look()
                return max(seen[RUNG_URL]) >= goal

            wait_for(further, 30, f"the rung comes to {goal}", interval=0.3)

        look()
        for unit in (TRANSCODER, ORCHESTRATOR):
            self.host.run("systemctl", "restart", unit)
            wait_further(2)
        self.assertEqual(gaps, [])
        for url, numbers in seen.items():
            self.assertEqual(sorted(numbers), list(range(min(numbers), max(numbers) + 1)), url)
        last = max(seen[SOURCE_URL])
        started = time.monotonic()
        self.host.run("systemctl", "restart", BROADCASTER)
        after = self.wait_segments(SOURCE_URL, 1, timeout=20)
        print(f"{time.monotonic() - started:.1f} s from the broadcaster's restart to a segment")
        self.assertGreater(after.media_sequence, last)
        self.wait_segments(RUNG_URL, 1, timeout=20)


if __name__ == "__main__":
    harness.main()
