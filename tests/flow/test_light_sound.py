"""Light sound: a rung with AAC of its own, made from the source's by one encoder that goes on over
all segments. What it weighs on the wire, that it is in time, that it has no seams."""
# time limit: 120 s
# usual time: 30 s
import array
import concurrent.futures
import json
import operator
import re
import subprocess

import harness
from harness import (BIN, ROOT, Follower, Process, Publisher, Recipe, decode_errors, ffprobe_packets,
                     ffprobe_streams, run, temp_dir, wait_for)
from sources import make

LIGHT = "P96p8fps16x9"
SOUND = "audio-light"
CMAF_MAX, TS_MAX = 45_000, 55_000  # bits per second, picture and sound
BUSY = ("playlist-late", "playlist-stale")  # what a busy machine looks like
RATE = 16_000
FRAME = 1024 * 90_000 // RATE  # ticks
OFF_MAX = 0.005  # seconds
CLICK = RATE // 20  # samples that are compared
REACH = RATE // 50
DENSE = "anoisesrc=color=pink:amplitude=0.3:r=44100"
CLICKS = "aevalsrc='0.6*exp(-60*mod(t,0.73))*sin(2*PI*(700+300*floor(mod(t,5)))*t)':s=44100:c=stereo"


def publish(url, sound, speed=1, seconds=None, codec="aac", noise=30):
    picture = f"testsrc=size=320x180:rate=24,noise=alls={noise}:allf=t,format=yuv420p"
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning",
               "-readrate", speed, "-f", "lavfi", "-i", picture,
               "-readrate", speed, "-f", "lavfi", "-i", sound, "-threads", 1,
               "-c:v", "libx264", "-b:v", "1000k", "-preset", "ultrafast",
               "-x264-params", "keyint=48", "-c:a", codec, "-b:a", "128k",
               *(["-t", seconds] if seconds else []), "-f", "flv", url]
    return Publisher(command, temp_dir() / "ffmpeg.log")


def samples(path):
    """Its sound, mono, at the light sound's rate, and the time of the first sample in seconds."""
    first = float(ffprobe_packets(path, "audio")[0]["pts_time"])
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", path, "-vn", "-ac", "1", "-ar",
         str(RATE), "-f", "s16le", "-"], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return array.array("h", done.stdout), first


def offset(a, b, at):
    """By how many samples b is later than a around `at`: where both are most alike."""
    part = a[at - CLICK // 4:at + CLICK]

    def likeness(shift):
        other = b[at - CLICK // 4 + shift:at + CLICK + shift]
        return sum(map(operator.mul, part, other))

    return max(range(-REACH, REACH + 1), key=likeness)


def judge(url, seconds):
    """What the judge says of it, line by line."""
    done = run([BIN / "watch", "-judge", "-strict", "-json", "-seconds", seconds, url], timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines()]


class OverRtmp(harness.TestCase):
    def test_who_plays_the_rung_gets_its_sound(self):
        """From a player that is there before the first picture, and one that comes later."""
        with Recipe(rungs=LIGHT) as r, publish(r.rtmp("show"), "sine=f=440:r=44100") as publisher:
            for late in (False, True):
                if late:
                    r.wait_playlist(f"/stream/show/{LIGHT}.m3u8", 2, 30)
                else:
                    wait_for(lambda: r.get("/stream/show/source.m3u8").status == 200, 20, "source")
                path = temp_dir() / "played.flv"
                done = run(["ffmpeg", "-v", "error", "-rw_timeout", "60000000", "-i",
                            r.rtmp(f"show/{LIGHT}"), "-t", "4", "-c", "copy", path], 60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(decode_errors(path), "")
                streams = {s["codec_type"]: s for s in ffprobe_streams(path)}
                self.assertEqual(streams["video"]["width"], 170)
                self.assertEqual((streams["audio"]["sample_rate"], streams["audio"]["channels"]),
                                 (str(RATE), 1))
                ends = {}
                for kind in ("video", "audio"):
                    times = [float(p["dts_time"]) for p in ffprobe_packets(path, kind)]
                    self.assertEqual(times, sorted(times))
                    self.assertLess(max(b - a for a, b in zip(times, times[1:])), 0.2,
                                    f"{kind} has a hole")
                    ends[kind] = times[-1]
                self.assertGreater(ends["audio"], 3)
                self.assertLess(abs(ends["video"] - ends["audio"]), 0.7)
            self.assertTrue(publisher.alive())


class FurtherTrack(harness.TestCase):
    def test_the_light_rung_has_it_too(self):
        """Two tracks, by FFmpeg 8: whoever chose the second one keeps it in each rung."""
        clip = make(temp_dir() / "clip.mkv", [("h264", "160x120")], ["aac", "aac"])
        with Recipe(rungs=f"{harness.RUNG},{LIGHT}") as r, Process(
                ["node", ROOT / "tests/node/publish.mjs", clip, r.rtmp("x")],
                temp_dir() / "node.log") as publisher:
            url = r.url("/stream/x/live.m3u8")
            text = wait_for(lambda: next((t for t in [harness.http_get(url).text]
                                          if f"{LIGHT}/live.m3u8" in t and "audio1" in t), None),
                            30, "the light rung and the second track")
            media = re.findall(r'GROUP-ID="(.*?)",(NAME=.*?),(?:CHANNELS=.*?,)?URI="(.*?)/', text)
            members = {group: {(told, uri) for g, told, uri in media if g == group}
                       for group, _, _ in media}
            track = ('NAME="Track 1",DEFAULT=NO,AUTOSELECT=NO', "audio1")
            first = 'NAME="Audio",DEFAULT=YES,AUTOSELECT=YES'
            self.assertEqual(members, {"audio": {(first, "audio"), track},
                                       SOUND: {(first, SOUND), track}})
            found = judge(url, 4)
            self.assertIn(f"/{SOUND}/", str([x for x in found if x["kind"] == "playlist"]))
            self.assertEqual([x for x in found
                              if x["kind"] == "finding" and x["rule"] not in BUSY], [])
            self.assertEqual(publisher.wait(60), 0, publisher.tail())


class Weight(harness.TestCase):
    def test_the_light_rung_is_light_in_both_forms(self):
        """Noise for the eye and the ear: what has the most bits. The judge has nothing to say."""
        rungs = f"{harness.RUNG},{LIGHT}"
        with Recipe(rungs=rungs) as r, publish(r.rtmp("x"), DENSE):
            url = r.url(f"/stream/x/{LIGHT}.m3u8")
            wait_for(lambda: harness.http_get(url).status == 200, 30, "the light rung")
            follower = Follower(url)
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                judged = pool.submit(self.judge, r)
                follower.follow(lambda: follower.seconds(url) >= 6, 30)
                judged.result()
            self.master(r)
            segments = follower.segments[url]
            self.assertFalse([s for s in segments if s.gap])
            seconds = follower.seconds(url)
            self.assertLess(sum(len(b) for b in follower.bodies[url].values()) * 8 / seconds,
                            TS_MAX)
            self.cmaf(r, segments, seconds)
            sound = next(s for s in ffprobe_streams(follower.join(url, temp_dir() / "x.ts"))
                         if s["codec_type"] == "audio")
            self.assertEqual((sound["codec_name"], sound["profile"], int(sound["sample_rate"]),
                              sound["channels"]), ("aac", "LC", RATE, 1))

    def judge(self, r):
        lines = judge(r.url("/stream/x/live.m3u8"), 5)
        self.assertEqual([x for x in lines
                          if x["kind"] == "finding" and x["rule"] not in BUSY], [])
        self.assertEqual(len([x for x in lines if x["kind"] == "playlist"]), 5)

    def master(self, r):
        text = r.get("/stream/x/live.m3u8").text
        self.assertIn(f'GROUP-ID="{SOUND}",NAME="Audio",DEFAULT=YES,AUTOSELECT=YES,CHANNELS="1",'
                      f'URI="{SOUND}/live.m3u8"', text)
        variants = {u: a for a, u in harness.variants(text)}
        light = variants[f"{LIGHT}/live.m3u8"]
        self.assertEqual(light["AUDIO"], SOUND)
        self.assertTrue(light["CODECS"].endswith("mp4a.40.2"), light)
        self.assertLess(int(light["BANDWIDTH"]), CMAF_MAX)
        self.assertEqual([a["AUDIO"] for u, a in variants.items() if not u.startswith(LIGHT)],
                         ["audio"] * 3)
        playlist = r.get(f"/stream/x/{LIGHT}/live.m3u8").text
        self.assertIn(f'#EXT-X-RENDITION-REPORT:URI="../{SOUND}/live.m3u8"', playlist)

    def cmaf(self, r, segments, seconds):
        """Whole segments, and the parts of those that still have them."""
        whole = parts = 0
        listed = {n: r.get(f"/stream/x/{n}/live.m3u8").text for n in (LIGHT, SOUND)}
        for name in (LIGHT, SOUND):
            for s in segments:
                got = r.get(f"/stream/x/{name}/{s.number}.m4s")
                self.assertEqual(got.status, 200, s.number)
                whole += len(got.body)
                mine = [r.get(f"/stream/x/{name}/{s.number}.{i}.m4s").body
                        for i in range(listed[name].count(f'"{s.number}.'))]
                if mine:
                    self.assertEqual(b"".join(mine), got.body)
                    parts += len(mine)
        self.assertLess(whole * 8 / seconds, CMAF_MAX)
        self.assertGreater(parts, 0, "no parts were looked at")


class Time(harness.TestCase):
    def test_in_time_without_seams_and_again_after_a_return(self):
        with Recipe(rungs=LIGHT) as r:
            url, source = r.url(f"/stream/x/{LIGHT}.m3u8"), r.url("/stream/x/source.m3u8")
            follower = Follower(url, source)
            with publish(r.rtmp("x"), CLICKS, speed=4, seconds=22, noise=5):
                wait_for(lambda: harness.http_get(url).status == 200, 30, "the light rung")
                follower.follow(lambda: follower.seconds(url) >= 21, 40)
                first = [s.number for s in follower.segments[url]]
                self.frames(follower, url, first)
                self.in_time(follower, url, source, first)
            with publish(r.rtmp("x"), CLICKS, speed=4, noise=5):
                follower.follow(lambda: len([n for n in follower.numbers(url)
                                             if n > first[-1]]) >= 4, 40)
                again = [n for n in follower.numbers(url) if n > first[-1]]
                playlist = r.get(f"/stream/x/{SOUND}/live.m3u8").text
                self.assertIn("#EXT-X-DISCONTINUITY\n", playlist)
                self.assertNotIn("#EXT-X-GAP", playlist)
                self.in_time(follower, url, source, again[1:4])
                self.assertFalse([s for s in follower.segments[url] if s.gap])
            log = r.broadcaster.log()
            self.assertNotIn("light_sound_failed", log)

    def frames(self, follower, url, numbers):
        """Each begins where the one before ended, over ten segments."""
        self.assertGreaterEqual(len(numbers), 10)
        path = follower.join(url, temp_dir() / "frames.ts", numbers)
        self.assertEqual(decode_errors(path), "")
        pts = [p["pts"] for p in ffprobe_packets(path, "audio")]
        self.assertEqual({b - a for a, b in zip(pts, pts[1:])}, {FRAME})
        seconds = sum(s.duration for s in follower.segments[url] if s.number in numbers)
        self.assertAlmostEqual(len(pts) * FRAME / 90_000, seconds, delta=2 * FRAME / 90_000)

    def in_time(self, follower, url, source, numbers):
        """Where the clicks are in it, and where in the source."""
        numbers = [n for n in numbers if n in follower.numbers(source)]
        light, light_at = samples(follower.join(url, temp_dir() / "light.ts", numbers))
        own, own_at = samples(follower.join(source, temp_dir() / "source.ts", numbers))
        shift = round((light_at - own_at) * RATE)
        late = max(0, shift)
        own, light = own[late:], light[max(0, -shift):]
        self.assertGreater(len(own), 3 * RATE)
        for second in range(1, min(len(own), len(light)) // RATE - 1, 4):
            piece = range(second * RATE, (second + 1) * RATE)
            at = max(piece, key=lambda i: abs(own[i]))  # a click
            off = offset(own, light, at)
            self.assertLessEqual(abs(off) / RATE, OFF_MAX, (at / RATE, off))


if __name__ == "__main__":
    harness.main()
