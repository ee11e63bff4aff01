"""The judge on what encoders really send: B-frames, a picture a second, a variable rate, and the
times of day that -programDateTime adds to classic playlists."""
# time limit: 90 s
# usual time: 8 s
import concurrent.futures
import datetime
import json
import re
import time

import harness
from harness import BIN, RUNG, Recipe, TestCase, ffmpeg_publish, run, wait_for

DATE = re.compile(r"#EXT-X-PROGRAM-DATE-TIME:(\S+)")
BUSY = ("playlist-late", "playlist-stale")  # what a busy machine looks like


class Strict(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(broadcaster_flags=["-programDateTime"]).start()
        cls.b_frames = ffmpeg_publish(
            cls.recipe.rtmp("b"), size="160x120", rate=25, bitrate="300k",
            keyint="50:bframes=3:b-adapt=0:ref=3", video_options=["-preset", "veryfast"])
        cls.slow = ffmpeg_publish(cls.recipe.rtmp("slow"), size="160x120", rate=1, keyint=2,
                                  bitrate="100k", video_options=["-tune", "zerolatency"])
        cls.varies = ffmpeg_publish(
            cls.recipe.rtmp("v"), size="160x120", rate=30, keyint=30, bitrate="300k",
            video_options=["-vf", "select='not(between(mod(n,29),3,5))'", "-fps_mode", "vfr"])

    @classmethod
    def tearDownClass(cls):
        cls.varies.kill()
        cls.b_frames.kill()
        cls.slow.kill()
        cls.recipe.__exit__(None, None, None)

    def text(self, path):
        answer = self.recipe.get(f"/stream/{path}")
        return answer.text if answer.status == 200 else ""

    def judge(self, path):
        done = run([BIN / "watch", "-judge", "-strict", "-json", "-seconds", 5,
                    self.recipe.url(f"/stream/{path}")], timeout=40)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found = [x for x in lines if x["kind"] == "finding" and x["rule"] not in BUSY]
        self.assertEqual(found, [], path)
        self.assertGreaterEqual(min(x["segments"] for x in lines if x["kind"] == "playlist"), 1)

    def test_all(self):
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            slow = pool.submit(self.a_picture_a_second)
            wait_for(lambda: "#EXT-X-PART:" in self.text("b/audio/live.m3u8"), 20, "parts of b")
            live = pool.submit(self.judge, "b/live.m3u8")  # from the first part on
            wait_for(lambda: "#EXT-X-PART:" in self.text("v/audio/live.m3u8"), 20, "parts of v")
            varies = pool.submit(self.judge, "v/live.m3u8")
            self.recipe.wait_playlist(f"/stream/b/{RUNG}.m3u8", timeout=20)
            others = [pool.submit(self.judge, f"b/{name}.m3u8") for name in ("source", RUNG)]
            for done in (slow, live, varies, *others):
                done.result()
        self.times_of_day()

    def a_picture_a_second(self):
        """Its rate is declared: parts from the second picture on, long before the first segment."""
        path = "slow/source/live.m3u8"
        wait_for(lambda: "#EXT-X-PART:" in self.text(path), 20, "a part", interval=0.02)
        text = self.text(path)
        self.assertRegex(text, r"PART-TARGET=1\.00\d+")
        self.assertLessEqual(len(re.findall("#EXT-X-PART:", text)), 2)
        self.assertNotIn("#EXTINF", text)

    def dates(self, path):
        """{segment's number: when it was recorded} of a media playlist, which tells it of the first
        at least."""
        self.recipe.wait_playlist(f"/stream/{path}", 3, timeout=20)
        text = self.text(path)
        date = DATE.search(text)[1]
        at = datetime.datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp()
        found = {}
        for segment in harness.segments(text):
            found[segment.number] = at
            at += segment.duration
        self.assertLess(abs(time.time() - at), 10)  # recorded now
        return found

    def times_of_day(self):
        """The same in all playlists of a stream, classic ones and those of low latency."""
        source = self.dates("b/source.m3u8")
        for path in (f"b/{RUNG}.m3u8", "b/source/live.m3u8", "b/audio/live.m3u8"):
            other = self.dates(path)
            both = source.keys() & other.keys()
            self.assertGreaterEqual(len(both), 2, path)
            for number in both:
                self.assertAlmostEqual(source[number], other[number], delta=0.02, msg=path)
        self.dates("slow/source.m3u8")


if __name__ == "__main__":
    harness.main()
