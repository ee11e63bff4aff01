"""Encoders with settings and habits that are not the best: rungs come every two seconds all the same,
sound and picture stay together, and the publisher is told."""
# usual time: 23 s
import re
import struct

from harness import Follower, ffprobe_packets, main, temp_dir, variants, wait_for
from mended import AUDIO, VIDEO, Streams, Tag, moved, timed, whole, without
from rtmp_client import METADATA, amf0, is_key_frame

HOLE_FROM_MS, HOLE_TO_MS = 4000, 9000
DEEPER_FROM_MS, DEEPER_MS = 5000, 100  # in the midst of a segment, three frames
TICKS_PER_S = 90000


def at_speed(speed):
    """The times are right, but come faster or slower than real time."""
    def make(headers, tags):
        return [(at and at / speed, t) for at, t in timed(headers, tags)]

    return make


def sound_ahead(ms):
    return lambda headers, tags: timed(headers, []) + [
        (t.timestamp / 1000, moved(t, ms if t.type == AUDIO else 0)) for t in tags]


def header_late(ms):
    """The picture's codec header comes late, the pictures do not."""
    def make(headers, tags):
        late = [(ms / 1000, h) for h in headers if h.type == VIDEO]
        first = [(None, h) for h in headers if h.type != VIDEO]
        return first + sorted(late + timed([], tags), key=lambda pair: pair[0])

    return make


def deeper(from_ms, by_ms):
    """From a key frame on pictures are shown so much longer after their decoding, as when an encoder
    begins to reorder further, or one file follows another."""
    def make(headers, tags):
        made, begun = [], False
        for t in tags:
            begun = begun or (t.timestamp >= from_ms and is_key_frame(t))
            if begun and t.type == VIDEO:
                offset = int.from_bytes(t.body[2:5], "big", signed=True) + by_ms
                t = Tag(t.type, t.timestamp, t.body[:2] + struct.pack(">i", offset)[1:] + t.body[5:])
            made.append(t)
        return timed(headers, made)

    return make


def liar(headers, tags):
    """Metadata before, between and after, none of it true."""
    lies = {"width": -1.0, "height": 1e300, "framerate": 0.001, "videocodecid": 12.0,
            "audiocodecid": 3.0, "audiosamplerate": 1.0, "duration": -5.0, "stereo": "no",
            "videodatarate": 1e12, "encoder": "\x1b[31m\x00" + "x" * 3000}
    lie = amf0("@setDataFrame") + amf0("onMetaData") + amf0(lies)
    found = [(None, Tag(METADATA, 0, lie))]
    for i, pair in enumerate(timed(headers, tags)):
        found.append(pair)
        if i % 50 == 0:
            found.append((pair[0], Tag(METADATA, pair[1].timestamp, lie)))
    return found


# Two, three, one and again three pictures of ten: 3 to 9 a second, up to 0.3 s apart.
VARIES = ("-vf", "select='eq(mod(n,10),0)+eq(mod(n,10),3)+gt(sin(n/40),0.5)'", "-fps_mode", "vfr")
OPEN = ("-bf", "2", "-x264-params", "keyint=60:min-keyint=60:open-gop=1:scenecut=0:bframes=2")

STREAMS = {
    "long": ({"keyint": 300, "seconds": 18}, whole),
    "open": ({"options": OPEN, "seconds": 14}, whole),
    "varies": ({"options": VARIES}, whole),
    "deeper": ({"options": ("-bf", "2")}, deeper(DEEPER_FROM_MS, DEEPER_MS)),
    "fast": ({"seconds": 14}, at_speed(1.1)),
    "slow": ({}, at_speed(0.9)),
    "ahead": ({}, sound_ahead(5000)),
    "hole": ({"seconds": 16}, without(AUDIO, HOLE_FROM_MS, HOLE_TO_MS)),
    "headless": ({"seconds": 16}, header_late(6500)),
    "liar": ({}, liar),
}


class Encoders(Streams):
    STREAMS = STREAMS

    def warnings(self, name):
        return {w["kind"]: w["text"] for w in self.stream(name)["warnings"]}

    def wait_warning(self, name, kind, text):
        wait_for(lambda: re.search(text, self.warnings(name)[kind]), 25, f"{name} is told: {text}")

    def every_two_seconds(self, f, url):
        """Once the stream is under way; follow() sees to it that none lasts 2.5 s."""
        for s in f.segments[url][1:-1]:
            self.assertGreater(s.duration, 1.5, f"{url}: {s}")

    def assert_together(self, packets, apart_s=0.5):
        apart = packets["video"][-1]["pts"] - packets["audio"][-1]["pts"]
        self.assertLess(abs(apart), apart_s * TICKS_PER_S)

    def test_a_keyframe_every_ten_seconds(self):
        f, (source, rung) = self.follow("long", 9)
        self.every_two_seconds(f, rung)
        self.assertGreater(len(self.judge(f, rung)["video"]), 250)
        self.judge(f, source)
        self.wait_warning(
            "long", "keyframe_interval",
            r"^keyframe interval 10 s: set it to 1-2 s for shorter delay")

    def test_open_gops(self):
        f, (source, rung) = self.follow("open", 9)
        self.every_two_seconds(f, rung)
        self.assertGreater(len(self.judge(f, rung)["video"]), 250)
        self.judge(f, source)
        self.assertEqual(self.stream("open")["repairs"]["no_key"], 0)
        self.wait_warning("open", "keyframe_interval", "switch off open GOPs")

    def test_pictures_shown_later_from_the_midst_of_a_segment_on(self):
        """That segment is shown for longer than it is decoded: its rung has frames for all of it."""
        f, (source, rung) = self.follow("deeper", 9)
        self.judge(f, source)
        shown = sorted(p["pts"] for p in self.judge(f, rung)["video"])
        steps = [b - a for a, b in zip(shown, shown[1:])]
        self.assertLess(max(steps) - min(steps), 10, "every 30th of a second one is shown")
        seconds = (shown[-1] - shown[0]) / TICKS_PER_S + 1 / 30
        self.assertAlmostEqual(seconds, f.seconds(rung) + DEEPER_MS / 1000, delta=0.01)
        self.assertEqual(set(self.stream("deeper")["repairs"].values()), {0})

    def test_a_frame_rate_that_varies(self):
        f, urls = self.follow("varies", 8)
        for u in urls:
            self.assert_together(self.judge(f, u))
            self.assertFalse([s for s in f.segments[u] if s.discontinuity], u)
        repairs = self.stream("varies")["repairs"]
        self.assertEqual([repairs[k] for k in ("jump", "hole", "picture_held")], [0, 0, 0])

    def test_a_little_faster_and_slower_than_real_time(self):
        for name in ("fast", "slow"):
            f, urls = self.follow(name, 9)
            for u in urls:
                self.assert_together(self.judge(f, u))
                self.assertFalse([s for s in f.segments[u] if s.discontinuity], u)
            repairs = self.stream(name)["repairs"]
            kinds = ("jump", "hole", "picture_held", "too_fast", "sound_drift", "apart")
            self.assertEqual([repairs[k] for k in kinds], [0] * len(kinds), name)

    def test_sound_five_seconds_ahead_of_the_picture(self):
        f, urls = self.follow("ahead", 8)
        for u in urls:
            self.assert_together(self.judge(f, u))
        repairs = self.stream("ahead")["repairs"]
        self.assertEqual((repairs["apart"], repairs["jump"]), (1, 0))
        self.wait_warning("ahead", "sound_apart", "different clocks")

    def test_a_hole_in_the_sound(self):
        """It is filled with silence; what follows is where it belongs."""
        f, urls = self.follow("hole", 12)
        for u in urls:
            self.every_two_seconds(f, u)
            self.assertFalse([s for s in f.segments[u] if s.discontinuity], u)
            packets = self.judge(f, u)
            self.assert_together(packets)
            sounds = [p["pts"] for p in packets["audio"]]
            steps = [b - a for a, b in zip(sounds, sounds[1:])]
            self.assertLess(max(steps), 0.1 * TICKS_PER_S)
            # At the end of the fill there may be a part of a frame.
            self.assertLess(sorted(steps)[-2], 0.03 * TICKS_PER_S)
        live = Follower(self.recipe.url("/stream/hole/audio/live.m3u8"))
        live.poll()
        self.assertFalse([s for s in live.segments[live.urls[0]] if s.gap])
        repairs = self.stream("hole")["repairs"]
        kinds = ("sound_missing", "jump", "apart", "sound_overlap")
        self.assertEqual([repairs[k] for k in kinds], [1, 0, 0, 0])
        frames = (HOLE_TO_MS - HOLE_FROM_MS) / 1000 * 44100 / 1024
        self.assertAlmostEqual(repairs["silence"], frames, delta=3)
        self.wait_warning("hole", "sound_holes", "the sound has holes")

    def test_pictures_before_their_header(self):
        """The sound plays meanwhile; the picture comes with the first keyframe behind the header."""
        f, (source,) = self.follow("headless", 11, rung=False)
        breaks = [s.number for s in f.segments[source] if s.discontinuity]
        self.assertEqual(len(breaks), 1)
        path = f.join(source, temp_dir() / "part.ts",
                      [n for n in f.numbers(source) if n >= breaks[0]])
        self.decodes(path)
        self.assertTrue(ffprobe_packets(path, "video"))
        self.assertGreater(self.stream("headless")["repairs"]["no_header"], 150)
        self.wait_warning("headless", "no_header", "^no codec header: .*restart the encoder")
        kind = 'sbe_repairs_total{kind="no_header"}'
        self.assertGreater(self.recipe.broadcaster.metrics()[kind], 150)

    def test_metadata_that_lies(self):
        f, urls = self.follow("liar", 8)
        for u in urls:
            self.assert_together(self.judge(f, u))
        stream = self.stream("liar")
        self.assertEqual((stream["width"], stream["height"]), (160, 120))
        self.assertEqual(set(stream["repairs"].values()), {0})
        master = variants(self.recipe.get("/stream/liar.m3u8").text)
        self.assertEqual(master[0][0]["RESOLUTION"], "160x120")
        self.assertNotIn("\x1b", self.recipe.broadcaster.log())


if __name__ == "__main__":
    main()
