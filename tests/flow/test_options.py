"""Rungs from a file: what it says is what viewers get. The light rung's weight. Quality mode."""
# time limit: 120 s
# usual time: 22 s
import json
import re

import harness
from harness import Follower, Recipe, ffmpeg_publish, run, temp_dir, wait_for

INTRA = {"name": "intra", "width": 160, "height": 90, "bitrate": 300_000, "fps": 10, "gop": "intra"}
BASE = {"name": "base", "width": 256, "height": 144, "bitrate": 200_000, "gop": "0.5",
        "profile": "H264Baseline"}
NTSC = {"width": 320, "height": 180, "bitrate": 300_000, "fps": 30_000, "fpsDen": 1001,
        "profile": "H264High", "quality": 28, "preset": "superfast"}
NTSC_NAME = "custom_320x180_300000"
LIGHT = "P96p8fps16x9"
LIGHT_SOUND = 24_000
TS_MAX = 55_000  # bits per second on the wire, sound included
CMAF_PICTURE_MAX = 18_500  # the same without sound: what leaves it 26_500 of 45_000


def rungs_file(rungs):
    path = temp_dir() / "rungs.json"
    path.write_text(json.dumps(rungs))
    return path


class Options(harness.TestCase):
    def test_each_rung_is_as_the_file_says(self):
        with Recipe(rungs=[INTRA, BASE, NTSC]) as r, \
                ffmpeg_publish(r.rtmp("x"), size="320x180", keyint=60, bitrate="500k"):
            urls = {n: r.url(f"/stream/x/{n}.m3u8") for n in ("intra", "base", NTSC_NAME)}
            wait_for(lambda: all(harness.http_get(u).status == 200 for u in urls.values()), 20,
                     "all rungs are there")
            follower = Follower(*urls.values())
            follower.follow(lambda: all(follower.seconds(u) >= 6 for u in urls.values()), 30)
            master = {u: a for a, u in harness.variants(r.get("/stream/x.m3u8").text)}
            self.assertEqual(len(master), 4, master)
            check = {"intra": self.intra, "base": self.base, NTSC_NAME: self.ntsc}
            for name, url in urls.items():
                self.assertFalse([s for s in follower.segments[url] if s.gap], name)
                path = follower.join(url, temp_dir() / f"{name}.ts")
                self.assertEqual(harness.decode_errors(path), "", name)
                video = next(s for s in harness.ffprobe_streams(path)
                             if s["codec_type"] == "video")
                packets = harness.ffprobe_packets(path, "video")
                seconds = sum(s.duration for s in follower.segments[url])
                check[name](video, packets, seconds, len(follower.segments[url]))

    def intra(self, video, packets, seconds, _):
        self.assertEqual((video["width"], video["height"]), (160, 90))
        self.assertTrue(all("K" in p["flags"] for p in packets))
        self.assertAlmostEqual(len(packets), 10 * seconds, delta=2)

    def base(self, video, packets, seconds, segments):
        self.assertEqual((video["width"], video["height"]), (256, 144))
        self.assertEqual(video["profile"], "Constrained Baseline")
        self.assertEqual(video["has_b_frames"], 0)
        keys = [i for i, p in enumerate(packets) if "K" in p["flags"]]
        self.assertEqual(keys, list(range(0, len(packets), 15)))
        self.assertEqual(len(packets), 60 * segments)

    def ntsc(self, video, packets, seconds, segments):
        self.assertEqual((video["width"], video["height"]), (320, 180))
        self.assertEqual(video["profile"], "High")
        self.assertEqual(len([p for p in packets if "K" in p["flags"]]), segments)
        pts = sorted(p["pts"] for p in packets)[:60]  # of one segment, on its grid
        self.assertEqual({b - a for a, b in zip(pts, pts[1:])}, {3003})

    def test_what_is_wrong_in_a_file_is_said(self):
        bad = rungs_file([INTRA, {**BASE, "encoder": "HEVC"}])
        done = run([harness.BIN / "broadcaster", "-transcodingOptions", bad, "-datadir",
                    temp_dir(), "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f'-transcodingOptions: {bad}: rung 2 ("base"): encoder: HEVC is not supported '
                      "yet", done.stderr)
        done = run([harness.BIN / "broadcaster", "-latency", "high", "-datadir", temp_dir(),
                    "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('-latency takes "low" or "quality"', done.stderr)


class Light(harness.TestCase):
    def test_the_light_rung_fits_a_2g_line(self):
        """Noisy pictures, so that the rung has all the bits it may have; sound of 24 kb/s."""
        noise = "testsrc=size=320x180:rate=24,noise=alls=30:allf=t"
        with Recipe(rungs=LIGHT, broadcaster_flags=("-latency", "quality")) as r, \
                ffmpeg_publish(r.rtmp("x"), source=noise, keyint=48, bitrate="10000k",
                               output_options=["-b:a", LIGHT_SOUND, "-ar", 24000, "-ac", 1]):
            url = r.url(f"/stream/x/{LIGHT}.m3u8")
            r.wait_playlist(f"/stream/x/{LIGHT}.m3u8", timeout=20)
            follower = Follower(url)
            live = []

            def enough():
                live.append(r.get(f"/stream/x/{LIGHT}/live.m3u8").text)
                return follower.seconds(url) >= 12

            follower.follow(enough, 40)
            segments = follower.segments[url]
            self.assertFalse([s for s in segments if s.gap])
            seconds = follower.seconds(url)
            ts = sum(len(b) for b in follower.bodies[url].values()) * 8 / seconds
            self.assertLess(ts, TS_MAX)
            self.assertLess(self.picture_cmaf(r, segments), CMAF_PICTURE_MAX)
            self.hold_back(live[-1])
            packets = harness.ffprobe_packets(
                follower.join(url, temp_dir() / "light.ts"), "video")
            self.assertAlmostEqual(len(packets), 8 * seconds, delta=2)

    def picture_cmaf(self, r, segments):
        """Bits per second of the rung's own fragments, heads included."""
        total = 0
        for s in segments:
            got = r.get(f"/stream/x/{LIGHT}/{s.number}.m4s")
            self.assertEqual(got.status, 200, s.number)
            total += len(got.body)
        return total * 8 / sum(s.duration for s in segments)

    def hold_back(self, text):
        """Encoders that see ahead give their parts in bursts: players stay behind these."""
        target = float(re.search(r"PART-TARGET=([\d.]+)", text).group(1))
        hold = float(re.search(r"PART-HOLD-BACK=([\d.]+)", text).group(1))
        self.assertGreater(hold, 3 * target + 1)


if __name__ == "__main__":
    harness.main()
