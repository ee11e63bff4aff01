"""Master playlists tell the truth, from a stream's first moment on: what they promise is there, is as
big and as fast as they say, and is never taken back."""
# usual time: 10 s
import json
import urllib.parse

import harness
from harness import Recipe, TestCase, ffmpeg_publish, ffprobe_streams, temp_dir, wait_for

MASTERS = {"classic": ("/stream/x.m3u8", "{}.m3u8"), "live": ("/stream/x/live.m3u8", "{}/live.m3u8")}
RUNG = "P144p30fps16x9"
NAMES = ("source", RUNG)
SEGMENTS = 4
UNDER = 1
OVER = 1.25  # what BANDWIDTH may be over the measured peak
FIRST_MOST = 6  # and over the final one in the first moment, of which a keyframe is most


class Masters(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG).start()
        cls.addClassCleanup(cls.recipe.stop)
        publisher = ffmpeg_publish(cls.recipe.rtmp("x"), size="320x240", rate=25, keyint=50,
                                   bitrate="600k")
        cls.addClassCleanup(publisher.kill)
        cls.told = {kind: [] for kind in MASTERS}
        cls.broken = []
        wait_for(cls.watch, 30, "all is in both masters", interval=0.05)
        publisher.stop()
        for name in NAMES:
            wait_for(lambda n=name: cls.recipe.get(f"/stream/x/{n}.m3u8").text.count(".ts\n") >=
                     SEGMENTS, 10, f"{name} has its segments")

    @classmethod
    def watch(cls):
        """Both masters and what they lead to, until all is there."""
        found = json.loads(cls.recipe.get("/streams.json").text)["streams"]
        for kind, key in (("classic", "url"), ("live", "live_url")):
            if found and found[0][key] is not None:
                cls.look(kind, found[0][key])
        source = cls.recipe.get("/stream/x/source.m3u8")
        return (all(told and len(told[-1]) >= len(NAMES) for told in cls.told.values()) and
                source.text.count(".ts\n") >= SEGMENTS)

    @classmethod
    def look(cls, kind, path):
        answer = cls.recipe.get(path)
        if answer.status != 200:
            cls.broken.append(f"{path}: {answer.status}: /streams.json has it already")
            return
        found = harness.variants(answer.text)
        cls.told[kind].append(found)
        for _, uri in found:
            media = cls.recipe.get(urllib.parse.urljoin(path, uri))
            if media.status != 200 or (kind == "classic" and ".ts\n" not in media.text):
                cls.broken.append(f"{uri}: {media.status}: there is nothing to play yet")

    def media(self, path, ending):
        """Of what is listed: the seconds and the bytes of each segment, and all bytes."""
        text = self.recipe.get(path).text
        found = []
        start = b""
        for line in text.splitlines():
            if line.startswith("#EXT-X-MAP") and not start:
                start = self.recipe.get(urllib.parse.urljoin(path, line.split('"')[1])).body
        for s in harness.segments(text):
            if not s.gap and s.uri.endswith(ending):
                found.append((s.duration, self.recipe.get(urllib.parse.urljoin(path, s.uri)).body))
        return [(d, len(b)) for d, b in found], start + b"".join(b for _, b in found)

    @staticmethod
    def rates(sizes):
        whole = [8 * n / d for d, n in sizes if d >= 1.9]  # not the last one, which was cut off
        return max(whole), 8 * sum(n for _, n in sizes) / sum(d for d, _ in sizes)

    def test_what_is_promised_is_there(self):
        self.assertEqual(self.broken, [])

    def test_the_source_is_first_and_nothing_is_taken_back(self):
        for kind, (_, uri) in MASTERS.items():
            before = []
            for found in self.told[kind]:
                names = [u for _, u in found]
                self.assertIn(uri.format("source"), names[0], kind)
                self.assertEqual([n for n in before if n not in names], [], kind)
                before = names

    def judge(self, kind, attributes, sizes, path, sound=(0, 0)):
        peak, mean = (a + b for a, b in zip(self.rates(sizes), sound))
        said = int(attributes["BANDWIDTH"])
        self.assertGreaterEqual(said, int(peak * UNDER), kind)
        self.assertLessEqual(said, peak * OVER, kind)
        if "AVERAGE-BANDWIDTH" in attributes:
            self.assertAlmostEqual(int(attributes["AVERAGE-BANDWIDTH"]) / mean, 1, delta=0.1)
        picture = [s for s in ffprobe_streams(path) if s["codec_type"] == "video"][0]
        self.assertEqual(attributes["RESOLUTION"], f"{picture['width']}x{picture['height']}")
        if kind == "live":
            n, d = (int(v) for v in picture["avg_frame_rate"].split("/"))
            self.assertAlmostEqual(float(attributes["FRAME-RATE"]), n / d, delta=0.05 * n / d)
            level = f"{picture['level']:02x}"
            profile = {"Constrained Baseline": "42", "Main": "4d", "High": "64"}[picture["profile"]]
            video, audio = attributes["CODECS"].split(",")
            self.assertRegex(video.lower(), f"^avc1\\.{profile}..{level}$")
            self.assertEqual(audio, "mp4a.40.2")

    def test_the_classic_one_is_true(self):
        for attributes, uri in harness.variants(self.recipe.get("/stream/x.m3u8").text):
            sizes, joined = self.media(urllib.parse.urljoin("/stream/", uri), ".ts")
            path = temp_dir() / "joined.ts"
            path.write_bytes(joined)
            self.judge("classic", attributes, sizes, path)

    def test_the_live_one_is_true(self):
        sound = self.rates(self.media("/stream/x/audio/live.m3u8", ".m4s")[0])
        found = harness.variants(self.recipe.get("/stream/x/live.m3u8").text)
        self.assertEqual([u.split("/")[-2] for _, u in found], [*NAMES, "audio"])
        for attributes, uri in found[:-1]:
            sizes, joined = self.media(urllib.parse.urljoin("/stream/x/", uri), ".m4s")
            path = temp_dir() / "joined.mp4"
            path.write_bytes(joined)
            self.judge("live", attributes, sizes, path, sound)

    def test_the_first_moment_is_not_absurd(self):
        final = {u: int(a["BANDWIDTH"]) for a, u in self.told["live"][-1]}
        for attributes, uri in self.told["live"][0]:
            first = int(attributes["BANDWIDTH"])
            self.assertGreater(first, final[uri] / 2, uri)
            self.assertLess(first, final[uri] * FIRST_MOST, uri)


if __name__ == "__main__":
    harness.main()
