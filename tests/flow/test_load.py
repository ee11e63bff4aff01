"""bin/load: how many streams a host transcodes in real time, and what a farm's orchestrator makes of
many peers."""
# usual time: 26 s
import csv
import io
import json
import os

import harness
from harness import BIN, RUNG, Process, Role, TestCase, run

COLUMNS = ["timestamp", "session", "segment", "seg_dur", "transcode_time", "frames"]
SECONDS = 5


def load(*flags, **more):
    return run([BIN / "load", *flags], **more)


class Transcode(TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = harness.temp_dir()
        cls.clip = cls.folder / "clip.mp4"
        made = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                    f"testsrc=size=320x240:rate=30:duration={SECONDS},format=yuv420p",
                    "-c:v", "libx264", "-preset", "ultrafast", "-g", "30", cls.clip])
        assert made.returncode == 0, made.stderr

    def transcode(self, *flags, status=0, clip=None, **more):
        done = load("transcode", "-in", clip or self.clip, "-transcodingOptions", RUNG, *flags,
                    **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def test_streams_in_real_time_take_as_long_as_they_last(self):
        table = self.folder / "live.csv"
        done = self.transcode("-concurrentSessions", 2, "-concurrentSessionDelay", "100ms",
                              "-json", "-csv", table, "-repeat", 1)
        told = json.loads(done.stdout)
        self.assertEqual((told["sessions"], told["segments"], told["frames"]),
                         (2, 6, 2 * 30 * SECONDS))
        self.assertTrue(told["live"])
        self.assertAlmostEqual(told["source_s"], 2 * SECONDS, delta=0.01)
        self.assertGreaterEqual(told["wall_s"], SECONDS)
        self.assertLess(told["transcode_s"], told["wall_s"] * 2)
        self.assertGreater(told["cpu_s"], 0)
        self.assertGreater(told["lag_p95_ms"], 0)
        self.assertGreaterEqual(told["lag_p95_ms"], told["lag_p50_ms"])
        self.assertEqual(told["real_time"], told["real_time_segments"] == told["segments"])
        self.assertIn("of 6 segments", done.stderr)
        rows = list(csv.DictReader(io.StringIO(table.read_text())))
        self.assertEqual(list(rows[0]), COLUMNS)
        self.assertEqual(sorted((r["session"], r["segment"]) for r in rows),
                         [(s, n) for s in "01" for n in "012"])
        self.assertEqual([float(r["seg_dur"]) for r in rows if r["session"] == "0"], [2, 2, 1])
        self.assertAlmostEqual(sum(float(r["transcode_time"]) for r in rows),
                               told["transcode_s"], delta=0.01)

    def test_a_byte_stream_makes_the_same_frames_as_fast_as_can_be(self):
        stream = self.folder / "clip.ts"
        made = run(["ffmpeg", "-nostdin", "-v", "error", "-i", self.clip, "-c", "copy", stream])
        self.assertEqual(made.returncode, 0, made.stderr)
        done = self.transcode("-live=false", "-repeat", 2, "-segs", 2, "-csv", "-", clip=stream)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertEqual([(r["segment"], r["frames"]) for r in rows],
                         [(str(n), "60") for n in range(4)])
        self.assertRegex(done.stderr, r"\* Real-Time Segs Ratio \* +\| 1\.0000")
        self.assertRegex(done.stderr, r"Total Source Duration +\| 8\.000 s")
        self.assertNotIn("Lag behind", done.stderr)

    def test_the_most_that_are_carried_are_found(self):
        """Of one second with a large rung, so that it takes neither long nor many streams."""
        short = self.folder / "short.mp4"
        made = run(["ffmpeg", "-nostdin", "-v", "error", "-i", self.clip, "-t", "1", "-c", "copy",
                    short])
        self.assertEqual(made.returncode, 0, made.stderr)
        done = self.transcode("-transcodingOptions", "P720p60fps16x9", "-concurrentSessions",
                              "auto", "-json", clip=short, timeout=120)
        told = json.loads(done.stdout)
        carried = [t["sessions"] for t in told["trials"]
                   if t["real_time"] and t["lag_p95_ms"] <= 1000]
        refused = [t["sessions"] for t in told["trials"] if t["sessions"] not in carried]
        self.assertTrue(refused)
        if carried:
            self.assertEqual(told["sessions"], max(carried))
            self.assertLess(max(carried), min(refused))
            self.assertTrue(told["real_time"])
        else:
            self.assertEqual(told["sessions"], 1)

    def test_what_cannot_be_measured_is_said(self):
        text = self.folder / "text.mp4"
        text.write_text("no film\n")
        sound = self.folder / "sound.mp4"
        run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "sine", "-t", "1", sound])
        for flags, status, words in [
            (["-in", text], 1, "text.mp4: cannot be read"),
            (["-in", sound], 1, "sound.mp4: has no pictures"),
            (["-in", self.folder / "none.mp4"], 1, "No such file"),
            (["-in", ""], 2, "-in FILE"),
            (["-transcodingOptions", "P1p"], 2, "P1p"),
            (["-transcodingOptions", ""], 2, "names no rung"),
            (["-concurrentSessions", "0"], 2, "from 1 to 4096, or auto"),
            (["-concurrentSessions", "2x"], 2, "from 1 to 4096, or auto"),
            (["-concurrentSessions", "auto", "-live=false"], 2, "-live=false"),
            (["-csv", self.folder / "no" / "such.csv"], 1, "cannot be written"),
            (["-seg", "1"], 2, "-seg"),
        ]:
            with self.subTest(flags=flags):
                self.assertIn(words, self.transcode(*flags, status=status).stderr)
        self.assertIn("no command", load("transcoder").stderr)
        self.assertEqual(load().returncode, 2)
        for flags in (["-help"], ["transcode", "-help"]):
            self.assertEqual(load(*flags).returncode, 0)


class Farm(TestCase):
    def farm(self, *flags, status=0, **more):
        done = load("farm", "-transcoders", 20, "-streams", 10, "-broadcasters", 3, "-segment",
                    "400ms", "-seconds", 2, *flags, **more)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def check(self, told):
        self.assertEqual((told["transcoders"], told["streams"], told["broadcasters"]), (20, 10, 3))
        self.assertGreater(told["opened"], 30)
        self.assertEqual(told["done"], told["opened"])
        self.assertEqual((told["failed"], told["lost"], told["bad"]), (0, 0, 0))
        self.assertEqual(told["parts"], 10 * told["done"])
        self.assertAlmostEqual(told["jobs_per_s"], 10 / 0.4, delta=8)
        for times in (told["dispatch_ms"], told["part_ms"]):
            self.assertGreater(times["p50"], 0)
            self.assertLessEqual(times["p50"], times["p95"])
            self.assertLessEqual(times["p95"], times["p99"])
            self.assertLessEqual(times["p99"], times["max"])

    def test_no_job_is_lost_and_nothing_is_left_behind(self):
        folder = harness.temp_dir()
        told = json.loads(self.farm("-json", env={**os.environ, "TMPDIR": str(folder)}).stdout)
        self.check(told)
        self.assertGreaterEqual(told["orchestrator_cores"], 0)
        self.assertGreater(told["orchestrator_memory_kb"], 1000)
        self.assertEqual(list(folder.iterdir()), [])

    def test_an_orchestrator_that_runs_is_asked_with_its_secret(self):
        address = f"127.0.0.1:{harness.free_port()}"
        with Role("orchestrator", ["-serviceAddr", address, "-orchSecret", "the secret of it",
                                   "-maxSessions", 10]) as o:
            # Refused for as long as the others work.
            stranger = Process([BIN / "load", "farm", "-orchAddr", address, "-orchSecret",
                                "another secret", "-transcoders", 2, "-streams", 1],
                               harness.temp_dir() / "load.log")
            with stranger:
                told = json.loads(self.farm("-json", "-orchAddr", address, "-orchSecret",
                                            "the secret of it").stdout)
                self.check(told)
                self.assertNotIn("orchestrator_cores", told)
                jobs = o.status()["jobs"]
                self.assertGreaterEqual(jobs["done"], told["done"])
                self.assertEqual(jobs["failed"], 0)
                self.assertEqual(stranger.wait(), 1)
                self.assertIn("welcomed 0 of 22 peers", stranger.log())

    def test_what_cannot_be_simulated_is_said(self):
        few = ["sh", "-c", 'ulimit -n 100 && exec "$@"', "sh", BIN / "load", "farm"]
        done = run([*few, "-transcoders", 100])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"120 peers need \d+ open files.* may have 100")
        for flags, words in [
            (["-orchAddr", "127.0.0.1:1"], "-orchSecret"),
            (["-orchSecret", "x"], "-orchAddr"),
            (["-streams", 2000, "-broadcasters", 1], "more -broadcasters"),
            (["-transcoders", 1025], "1024"),
            (["-orchAddr", "127.0.0.1:x", "-orchSecret", "x"], "host:port"),
        ]:
            with self.subTest(flags=flags):
                self.assertIn(words, self.farm(*flags, status=2).stderr)


if __name__ == "__main__":
    harness.main()
