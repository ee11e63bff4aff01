"""Low-latency HLS of a transcoded rung in a real browser: no stall, no error event, and pictures
that are young. How young: make bench K=glass."""
# usual time: 21 s
from glass import Camera, check_smooth, watch_each
from harness import ROOT, TIME_SCALE, Recipe, TestCase, main, run

ID = "hello_world"
RUNG = "P240p30fps16x9"
SECONDS = 4
LATENCY_MAX_MS = 4000
UNREAD_MAX = 0.05  # of all frames: a clock that could not be read


class LowLatency(TestCase):
    def test_the_policy(self):
        done = run(["node", "--test", *sorted((ROOT / "tests/node").glob("*.test.mjs"))])
        self.assertEqual(done.returncode, 0, done.stdout[-4000:])
        self.assertRegex(done.stdout, r"(?m)^# pass [1-9]")

    def test_a_rung_on_the_page_and_by_hls_js_alone(self):
        with Recipe(rungs=RUNG) as recipe, Camera(recipe.rtmp(ID), 120, 320, 180):
            recipe.wait_playlist(f"/stream/{ID}/{RUNG}.m3u8", timeout=20)
            urls = [recipe.url(path) for path in (f"/stream/{ID}", f"/stream/{ID}/live.m3u8")]
            found = watch_each(urls, SECONDS, level=RUNG, warmUp=1)
        for url, seen in zip(urls, found):
            with self.subTest(url):
                self.judge(seen)

    def judge(self, seen):
        self.assertNotIn("failed", seen)
        smooth = check_smooth(self, seen)
        self.assertLess(seen["unread"], seen["shown"] * UNREAD_MAX)
        self.assertIn("426", seen["widths"], seen)
        self.assertIsNotNone(seen["part_target"])
        if not smooth and seen["frames"] == 0:
            return  # too busy a machine for a picture behind the first second, which counts for nothing
        self.assertGreater(seen["frames"], SECONDS * 10 if smooth else 0, seen)
        if smooth:  # else the first pictures may be those from before the choice
            self.assertEqual(list(seen["widths"]), ["426"], "the rung's pictures alone")
        self.assertGreater(seen["min"], 0)
        self.assertLess(seen["p99"], LATENCY_MAX_MS * TIME_SCALE)


if __name__ == "__main__":
    main()
