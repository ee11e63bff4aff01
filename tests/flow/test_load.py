"""bin/load: how many streams a host transcodes in real time, and what a farm's orchestrator makes of
many peers."""
import csv
import io
import json

import harness
from harness import BIN, RUNG, TestCase, run

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


if __name__ == "__main__":
    harness.main()
