"""Publishers whose streams are not as they should be: what they send is mended, counted and told,
and every player goes on."""
# usual time: 21 s
import struct

from harness import BIN, ffprobe_packets, main, run, temp_dir, wait_for
from mended import AUDIO, RUNG, VIDEO, Streams, Tag, clip, moved, timed, whole, without


# --- what is published ----------------------------------------------------------------------------


def crooked(headers, tags):
    """Forward, the sound and the picture one after the other; the picture's clock stands still; back."""
    def mess(t):
        ms = t.timestamp
        if ms < 3000:
            return t
        if ms < 5000:
            return moved(t, 3_000_000)
        if ms < 7000:
            return moved(t, 0 if t.type == AUDIO else 5000 - ms)
        return moved(t, -1500)

    return [(None, h) for h in headers] + [(t.timestamp / 1000, mess(t)) for t in tags]


def begins_later(kind, ms):
    """That kind's header and packets come later only."""
    def make(headers, tags):
        kept = [t for t in tags if t.type != kind or t.timestamp >= ms]
        late = [(ms / 1000, h) for h in headers if h.type == kind]
        first = [(None, h) for h in headers if h.type != kind]
        return first + sorted(late + timed([], kept), key=lambda pair: pair[0])

    return make


def negative(headers, tags):
    """Decoding times are three frames late."""
    late = []
    for t in tags:
        if t.type == VIDEO:
            offset = struct.unpack(">i", t.body[2:5] + b"\0")[0] >> 8
            body = t.body[:2] + struct.pack(">i", offset - 100)[1:] + t.body[5:]
            t = Tag(t.type, t.timestamp + 100, body)
        late.append(t)
    return timed(headers, sorted(late, key=lambda t: t.timestamp))


def changed(headers, tags):
    other, more = clip(rate=1, keyint=2, size="640x360")
    found = timed(headers, [t for t in tags if t.timestamp < 6000])
    found += [(6.0, h) for h in other if h.type == VIDEO]
    return found + timed([], [t for t in more if t.timestamp >= 6000])


def apart(headers, tags):
    return timed(headers, []) + [
        (t.timestamp / 1000, moved(t, 4_000_000 if t.type == AUDIO else 0)) for t in tags]


REFRESHED = {"keyint": 60, "options": ("-x264-params", "keyint=60:intra-refresh=1:scenecut=0")}
STREAMS = {  # name: (clip's options, what is done to it)
    "crooked": ({}, crooked),
    "still": ({}, without(VIDEO, 3000, 8500)),
    "alone": ({}, begins_later(VIDEO, 6000)),
    "later": ({}, begins_later(AUDIO, 5000)),
    "refreshed": (REFRESHED, whole),
    "endless": (REFRESHED, without(VIDEO, 0, 500)),
    "long": ({"keyint": 300}, whole),
    "all_keys": ({"keyint": 1}, whole),
    "slow": ({"rate": 1, "keyint": 2}, changed),
    "apart": ({}, apart),
    "negative": ({"options": ("-bf", "2")}, negative),
}


class Mended(Streams):
    STREAMS = STREAMS

    def test_clocks_that_jump_stand_still_and_step_back(self):
        f, urls = self.follow("crooked", 9)
        for u in urls:
            self.judge(f, u)
        repairs = self.stream("crooked")["repairs"]
        self.assertGreaterEqual(repairs["jump"], 2)
        self.assertGreaterEqual(repairs["dts_not_rising"], 30)
        self.assertEqual(repairs["clock_stood"], 1)
        kinds = wait_for(lambda: [w["kind"] for w in self.stream("crooked")["warnings"]], 10, "told")
        self.assertIn("clock_jumps", kinds)

    def test_sound_goes_on_while_the_picture_stands_still(self):
        f, urls = self.follow("still", 9)
        for u in urls:
            packets = self.judge(f, u)
            self.assertFalse([s for s in f.segments[u] if s.discontinuity])
            sounds = [p["pts"] for p in packets["audio"]]
            self.assert_rising(sounds, "sound")
            self.assertLess(max(b - a for a, b in zip(sounds, sounds[1:])), 0.1 * 90000, u)
        self.assertGreaterEqual(self.stream("still")["repairs"]["picture_held"], 2)

    def test_sound_alone_and_a_picture_later(self):
        f, (source,) = self.follow("alone", 9, rung=False)
        breaks = [s.number for s in f.segments[source] if s.discontinuity]
        self.assertEqual(len(breaks), 1)
        for numbers in ([n for n in f.numbers(source) if n < breaks[0]],
                        [n for n in f.numbers(source) if n >= breaks[0]]):
            path = f.join(source, temp_dir() / "part.ts", numbers)
            self.decodes(path)
        rung = self.recipe.wait_playlist(f"/stream/alone/{RUNG}.m3u8", timeout=20)
        self.assertEqual(rung.segments[0].number, breaks[0])

    def test_sound_that_comes_later(self):
        f, urls = self.follow("later", 10)
        for u in urls:
            breaks = [s.number for s in f.segments[u] if s.discontinuity]
            self.assertEqual(len(breaks), 1, u)
            path = f.join(u, temp_dir() / "part.ts", [n for n in f.numbers(u) if n >= breaks[0]])
            self.assertTrue(ffprobe_packets(path, "audio"))

    def test_long_and_refreshed_gops(self):
        """No IDR but the first, refreshed within a second; rungs come every 2 s."""
        f, (source, rung) = self.follow("refreshed", 9)
        packets = self.judge(f, rung)
        self.assertTrue(all(s.duration >= 1.9 for s in f.segments[rung][:-1]))
        self.assertGreater(len(packets["video"]), 250)
        self.judge(f, source)

    def test_gops_of_ten_seconds_and_of_one_picture(self):
        for name in ("long", "all_keys"):
            f, (source, rung) = self.follow(name, 8)
            self.assertGreater(len(self.judge(f, rung)["video"]), 230)
            self.judge(f, source)
        told = wait_for(lambda: self.stream("long")["warnings"], 15, "told")
        self.assertIn("keyframe interval", " ".join(w["text"] for w in told))

    def test_a_picture_without_its_beginning(self):
        """From the middle of a stream that is refreshed little by little: no IDR ever."""
        f, (source, rung) = self.follow("endless", 6)
        self.assertEqual(self.stream("endless")["repairs"]["begun_without_key"], 1)
        self.assertGreater(self.stream("endless")["repairs"]["no_key"], 10)
        self.assertGreater(len(self.judge(f, rung)["video"]), 150)
        self.assertIn("no_keyframe", [w["kind"] for w in self.stream("endless")["warnings"]])
        shown = run([BIN / "status", "-runDir", self.recipe.broadcaster.run_dir]).stdout
        self.assertIn("begin with a keyframe", shown)

    def test_one_picture_a_second_and_a_header_that_changes(self):
        f, urls = self.follow("slow", 9)
        for u in urls:
            self.assertEqual(len([s for s in f.segments[u] if s.discontinuity]), 1, u)
        self.assertEqual(self.stream("slow")["repairs"]["jump"], 0)
        self.assertEqual(self.stream("slow")["width"], 640)

    def test_sound_and_picture_with_clocks_of_their_own(self):
        f, urls = self.follow("apart", 8)
        packets = self.judge(f, urls[0])
        self.assertLess(abs(packets["video"][-1]["pts"] - packets["audio"][-1]["pts"]), 90000)
        repairs = self.stream("apart")["repairs"]
        self.assertEqual((repairs["apart"], repairs["jump"]), (1, 0))
        self.assertGreaterEqual(
            self.recipe.broadcaster.metrics()['sbe_repairs_total{kind="apart"}'], 1)

    def test_negative_composition_offsets(self):
        """Pictures with B-frames whose decoding times are three frames late."""
        f, urls = self.follow("negative", 8)
        for u in urls:
            packets = self.judge(f, u)
            shown = sorted(p["pts"] for p in packets["video"])
            self.assertEqual(len(shown), len(set(shown)))
            self.assertLess(max(b - a for a, b in zip(shown[8:], shown[9:])), 0.1 * 90000)
        self.assertGreater(self.stream("negative")["repairs"]["pts_below_dts"], 20)


if __name__ == "__main__":
    main()
