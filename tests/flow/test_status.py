"""bin/status: surveys and events of the roles on this host."""
# usual time: 11 s
import json
import os
import stat
import subprocess

import harness
from harness import BIN, RUNG, Process, Recipe, Role, TestCase, ffmpeg_publish, run, wait_for

STREAM = "hello_world"


class Status(TestCase):
    def follow(self, run_dir, *flags):
        """bin/status -follow with its events in the log."""
        p = Process([BIN / "status", "-follow", "-runDir", run_dir, *flags],
                    harness.temp_dir() / "status.log")
        return p

    def test_events_tell_the_story_and_the_survey_the_state(self):
        with Recipe(order="O") as r, self.follow(r.data_dir, "-json") as f:
            f.wait_log("listening to 1 role")
            r.start_transcoder()
            r.start_broadcaster()
            f.wait_log(r'"event":"transcoder_joined"')
            f.wait_log(r'"event":"broadcaster_joined"')
            f.wait_log("listening to 3 roles")
            with ffmpeg_publish(r.rtmp(STREAM), size="160x120", bitrate="500k"):
                r.wait_playlist(f"/stream/{STREAM}/{RUNG}.m3u8", timeout=15)
                f.wait_log(r'"event":"stream_started","stream":"hello_world"')
                f.wait_log(r'"event":"job_assigned","stream":"hello_world"')
                second = run(["ffmpeg", "-nostdin", "-f", "lavfi", "-i", "testsrc", "-t", "1",
                              "-c:v", "libx264", "-f", "flv", r.rtmp(STREAM + "/other")])
                self.assertNotEqual(second.returncode, 0)
                f.wait_log(r'"event":"publisher_refused".*published already')
                self.check_survey(r)
                r.transcoders[0].kill()
                f.wait_log(r'"event":"transcoder_lost"')
            f.wait_log(r'"event":"publisher_gone","stream":"hello_world"')
            for line in f.log().splitlines():
                if line.startswith("{"):
                    event = json.loads(line)
                    self.assertLessEqual({"time", "role", "name", "event"}, event.keys())
            self.assertEqual(f.stop(), 0)

    def check_survey(self, r):
        done = run([BIN / "status", "-runDir", r.data_dir])
        self.assertEqual(done.returncode, 0, done.stderr)
        for expected in (r"^orchestrator +\S+ +\d+s  127\.0\.0\.1:\d+, \d jobs active",
                         r"^transcoder .* connected, load \d of 10", r"^broadcaster .*: connected",
                         rf"^{STREAM} +live +source +\d+ +0 +0", rf"^ +{RUNG} +\d+ +\d +0",
                         r"^TRANSCODER +ADDRESS"):
            self.assertRegex(done.stdout, f"(?m){expected}")
        done = run([BIN / "status", "-json", "-runDir", r.data_dir])
        roles = json.loads(done.stdout)["roles"]
        self.assertEqual(sorted(x["role"] for x in roles),
                         ["broadcaster", "orchestrator", "transcoder"])
        listed = next(x for x in roles if x["role"] == "broadcaster")["streams"][0]
        self.assertEqual(listed["id"], STREAM)

    def test_nobody_there(self):
        done = run([BIN / "status", "-runDir", harness.temp_dir()])
        self.assertEqual(done.returncode, 1)
        self.assertIn("no role runs here", done.stderr)
        self.assertEqual(run([BIN / "status", "-nope"]).returncode, 2)

    def test_a_killed_role_is_not_listed_and_its_sockets_are_swept(self):
        with Recipe(order="O") as r:
            self.assertEqual(run([BIN / "status", "-runDir", r.data_dir]).returncode, 0)
            r.orchestrator.kill()
            self.assertEqual(run([BIN / "status", "-runDir", r.data_dir]).returncode, 1)
            stale = [f for f in os.listdir(r.data_dir) if f.endswith((".events", ".survey"))]
            self.assertEqual(len(stale), 2)
            r.orchestrator = r.orchestrator.again()
            left = [f for f in os.listdir(r.data_dir) if f.endswith((".events", ".survey"))]
            self.assertEqual(len(left), 2)
            self.assertFalse(set(left) & set(stale))
            self.assertEqual(r.orchestrator.stop(), 0)
            left = [f for f in os.listdir(r.data_dir) if f.endswith((".events", ".survey"))]
            self.assertEqual(left, [])

    def test_the_run_directory_is_private(self):
        open_dir = harness.temp_dir() / "open"
        open_dir.mkdir(mode=0o755)
        os.chmod(open_dir, 0o755)
        with Role("broadcaster", ["-rtmpAddr", f":{harness.free_port()}", "-httpAddr",
                                  f":{harness.free_port()}"], run_dir=open_dir) as b:
            b.wait_log("bin/status will not see this role")
            self.assertEqual(list(open_dir.iterdir()), [])
        made = harness.temp_dir() / "made"
        with Role("broadcaster", ["-rtmpAddr", f":{harness.free_port()}", "-httpAddr",
                                  f":{harness.free_port()}"], run_dir=made) as b:
            self.assertEqual(stat.S_IMODE(made.stat().st_mode), 0o700)
            self.assertEqual(run([BIN / "status", "-runDir", made]).returncode, 0)

    def test_a_listener_that_does_not_read_stops_nobody(self):
        with Recipe(order="OTB") as r, self.follow(r.data_dir) as f:
            f.wait_log("listening to 3 roles")
            f.pause()
            with ffmpeg_publish(r.rtmp(STREAM), size="160x120", bitrate="500k"):
                r.wait_playlist(f"/stream/{STREAM}/{RUNG}.m3u8", 3, timeout=20)
            f.resume()


if __name__ == "__main__":
    harness.main()
