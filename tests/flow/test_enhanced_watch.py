"""Enhanced RTMP from end to end: FFmpeg 8 publishes, an orchestrator and a transcoder make a rung, and
what viewers get of the source, the rung and the sound is decoded and compared with what was sent."""
# usual time: 28 s
import re
import struct
import urllib.parse

import harness
from harness import BIN, ROOT, RUNG, Process, Recipe, run, temp_dir, wait_for
from sources import CLIP_S, make

SIZE = "160x120"
TIMES = 2
SECONDS = TIMES * CLIP_S
# green, blue, red, white in 0.00002; brightest and darkest in 0.0001 cd/m2
MASTERING = b"".join(v.to_bytes(2, "big") for v in (
    13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450)) + struct.pack(">II", 10000000, 1)
LIGHT = struct.pack(">HH", 1000, 400)


def with_light(path):
    """The same picture with what HDR10 says of its master beside it: ffmpeg 5.1 writes that only when
    its input has it, so it is put into an .mp4 by hand."""
    mp4, mkv = path.with_suffix(".mp4"), path.with_suffix(".light.mkv")
    copy = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i"]
    done = run([*copy, path, "-c", "copy", "-tag:v", "hvc1", mp4])
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    file = bytearray(mp4.read_bytes())
    boxes = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"]
    at = file.rfind(boxes[-1])
    at = [file.rfind(name, 0, at + 4) - 4 for name in boxes]
    end = at[-1] + int.from_bytes(file[at[-1]:at[-1] + 4], "big")
    light = b"".join((len(b) + 8).to_bytes(4, "big") + n + b
                     for n, b in ((b"mdcv", MASTERING), (b"clli", LIGHT)))
    for a in at:
        size = int.from_bytes(file[a:a + 4], "big") + len(light)
        file[a:a + 4] = size.to_bytes(4, "big")
    mp4.write_bytes(file[:end] + light + file[end:])
    done = run([*copy, mp4, "-c", "copy", mkv])
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return mkv


class Viewer:
    """Follows one fMP4 playlist and keeps each segment with the map before it."""

    def __init__(self, url):
        self.url = url
        self.found = {}  # number: (map's address, segment, body)
        self.maps = {}
        self.ended = False

    def poll(self):
        answer = harness.http_get(self.url)
        if answer.status != 200:
            return
        self.ended = "#EXT-X-ENDLIST" in answer.text
        listed = iter(harness.segments(answer.text))
        here = None
        for line in answer.text.splitlines():
            if line.startswith("#EXT-X-MAP:"):
                here = re.search('URI="([^"]*)"', line).group(1)
            elif line and not line.startswith("#"):
                self.keep(next(listed), here)

    def keep(self, segment, here):
        if segment.number in self.found or segment.gap:
            return
        if here not in self.maps:
            self.maps[here] = self.get(here)
        self.found[segment.number] = (here, segment, self.get(segment.uri))

    def get(self, uri):
        answer = harness.http_get(urllib.parse.urljoin(self.url, uri))
        if answer.status != 200:
            raise AssertionError(f"{uri}: {answer.status} {answer.text}")
        return answer.body

    def numbers(self):
        return sorted(self.found)

    def discontinuities(self):
        return [n for n in self.numbers() if self.found[n][1].discontinuity]

    def seconds(self):
        return sum(segment.duration for _, segment, _ in self.found.values())

    def files(self):
        """One file for each run of segments between discontinuities, in order: [path]."""
        paths, last = [], None
        for n in self.numbers():
            here, segment, body = self.found[n]
            if here != last or segment.discontinuity:
                paths.append(temp_dir() / f"{len(paths)}.mp4")
                paths[-1].write_bytes(self.maps[here])
                last = here
            with open(paths[-1], "ab") as out:
                out.write(body)
        return paths


class Watched(harness.TestCase):
    """A recipe, publishers beside each other, and viewers of all of their playlists."""

    def publish(self, recipe, **files):
        """All of them by one FFmpeg 8, whose start costs more than what it does: name=file."""
        pairs = [x for name, file in files.items() for x in (file, recipe.rtmp(name))]
        return Process(["node", ROOT / "tests/node/publish.mjs", *pairs], temp_dir() / "node.log")

    def viewers(self, recipe, name, *renditions):
        return {r: Viewer(recipe.url(f"/stream/{name}/{r}/live.m3u8")) for r in renditions}

    def follow(self, viewers, enough, timeout, what):
        def step():
            for v in viewers:
                v.poll()
            return enough()
        wait_for(step, timeout, what, interval=0.3)

    def stream_of(self, path, codec):
        """The only stream of a file, which must decode whole and be of that codec."""
        self.assertEqual(harness.decode_errors(path), "", path)
        streams = harness.ffprobe_streams(path)
        self.assertEqual([s["codec_name"] for s in streams], [codec])
        return streams[0]


CASES = {  # name: picture, sound, codec of the picture and of the sound, CODECS
    "hevc": ("hevc", "opus", "hevc", "opus", r"hvc1\.1\.6\.L\d+(\.[0-9A-F]+)*,Opus"),
    "av1": ("av1", "flac", "av1", "flac", r"av01\.0\.\d\dM\.08,fLaC"),
    "vp9": ("vp9", "eac3", "vp9", "eac3", r"vp09\.00\.\d\d\.08,ec-3"),
    "mp3": ("h264", "mp3", "h264", "mp3", r"avc1\.[0-9a-f]{6},mp4a\.6B"),
    "ac3": ("hevc", "ac3", "hevc", "ac3", r"hvc1\.1\.6\.L\d+(\.[0-9A-F]+)*,ac-3"),
    "hdr": ("hdr", "aac", "hevc", "aac", r"hvc1\.2\.4\.L\d+(\.[0-9A-F]+)*,mp4a\.40\.2"),
}


class Codecs(Watched):
    @classmethod
    def setUpClass(cls):
        """All publish at once; what came is looked at by each test."""
        cls.recipe = Recipe().start()
        cls.addClassCleanup(cls.recipe.__exit__, None, None, None)
        self = cls()
        files = {n: make(temp_dir() / f"{n}.mkv", [(c[0], SIZE)], [c[1]], times=TIMES)
                 for n, c in CASES.items()}
        files["hdr"] = with_light(files["hdr"])
        cls.viewer = {n: self.viewers(cls.recipe, n, "source", RUNG, "audio") for n in CASES}
        files["opus"] = make(temp_dir() / "opus.mkv", [], ["opus"], SECONDS)
        cls.viewer["opus"] = self.viewers(cls.recipe, "opus", "audio")
        publisher = self.publish(cls.recipe, **files)
        everybody = [v for vs in cls.viewer.values() for v in vs.values()]
        cls.ts, cls.masters, cls.judges = {}, {}, {}

        def look():
            for n, seen in cls.viewer.items():
                if n not in cls.judges and all(len(v.found) > 1 for v in seen.values()):
                    live = cls.recipe.get(f"/stream/{n}/live.m3u8")
                    cls.masters[n] = live.text
                    cls.ts[n] = {p: cls.recipe.get(f"/stream/{n}{p}.m3u8", follow=1)
                                 for p in ("", "/source", f"/{RUNG}")}
                    cls.judges[n] = Process(
                        [BIN / "watch", "-all", "-seconds", 5, cls.recipe.url(f"/stream/{n}/live.m3u8")],
                        temp_dir() / f"watch_{n}.log")
            return all(v.seconds() > SECONDS - 2.5 for v in everybody)

        try:
            self.follow(everybody, look, 40, "all of it is seen")
        except AssertionError as e:
            raise AssertionError(f"{e}\n{publisher.tail()}") from None
        self.assertEqual(publisher.wait(20), 0, publisher.tail())

    def test_pictures(self):
        for name, (_, _, codec, _, _) in CASES.items():
            with self.subTest(name):
                source, rung = self.viewer[name]["source"], self.viewer[name][RUNG]
                path, = source.files()
                s = self.stream_of(path, codec)
                self.assertEqual(f'{s["width"]}x{s["height"]}', SIZE)
                path, = rung.files()
                s = self.stream_of(path, "h264")
                self.assertEqual((s["width"], s["height"], s["pix_fmt"]),
                                 (160, 120, "yuv420p"))
                self.assertEqual(source.discontinuities() + rung.discontinuities(), [])
                self.assertEqual(rung.numbers(), source.numbers()[:len(rung.numbers())])

    def test_sound(self):
        for name, (_, _, _, codec, _) in CASES.items():
            with self.subTest(name):
                audio = self.viewer[name]["audio"]
                path, = audio.files()
                s = self.stream_of(path, codec)
                self.assertEqual((s["sample_rate"], s["channels"]), ("48000", 2))
                self.assertEqual(audio.discontinuities(), [])

    def test_masters(self):
        for name, (_, _, _, _, codecs) in CASES.items():
            with self.subTest(name):
                found = harness.variants(self.masters[name])
                self.assertEqual([u for _, u in found],
                                 ["source/live.m3u8", f"{RUNG}/live.m3u8", "audio/live.m3u8"])
                self.assertRegex(found[0][0]["CODECS"], f"^{codecs}$")
                self.assertEqual(found[0][0]["RESOLUTION"], SIZE)
                sound = codecs.rpartition(",")[2]
                self.assertRegex(found[1][0]["CODECS"], rf"^avc1\.[0-9a-f]{{6}},{sound}$")
                self.assertRegex(found[2][0]["CODECS"], f"^{sound}$")
                hdr = {"VIDEO-RANGE": "PQ"} if name == "hdr" else {}
                self.assertEqual({k: v for k, v in found[0][0].items() if k == "VIDEO-RANGE"}, hdr)
                self.assertNotIn("VIDEO-RANGE", found[1][0])

    def test_judge(self):
        for name, judge in self.judges.items():
            with self.subTest(name):
                self.assertEqual(judge.wait(20), 0, judge.log())

    def test_mpegts(self):
        """The classic tree has what it can carry, and says what it cannot."""
        for name, (_, _, video, audio, _) in CASES.items():
            with self.subTest(name):
                log = self.recipe.broadcaster.log()
                lines = re.findall(rf"left_out.*stream={name}\b.*", log)
                left = [c for c in (video, audio) if c in ("av1", "vp9", "opus", "flac")]
                self.assertEqual(len(lines), len(left), lines)
                source = self.ts[name]["/source"]
                if video in ("h264", "hevc"):
                    self.check_ts(source, [video] + [c for c in [audio] if c not in left])
                elif audio in left:
                    self.assertEqual(source.status, 404)
                    self.assertIn("live.m3u8", source.text)
                else:
                    self.check_ts(source, [audio])
                self.check_ts(self.ts[name][f"/{RUNG}"],
                              ["h264"] + [c for c in [audio] if c not in left])

    def check_ts(self, answer, codecs):
        self.assertEqual(answer.status, 200, answer.text)
        path = temp_dir() / "x.ts"
        with open(path, "wb") as out:
            for segment in harness.segments(answer.text)[:3]:
                got = harness.http_get(urllib.parse.urljoin(answer.url, segment.uri))
                self.assertEqual(got.status, 200, got.text)
                out.write(got.body)
        self.assertEqual(harness.decode_errors(path), "")
        self.assertEqual([s["codec_name"] for s in harness.ffprobe_streams(path)], codecs)

    def test_sound_alone(self):
        """Sound that MPEG-TS has no place for, and no picture: all of it is in the one tree, and the
        other one says where."""
        audio = self.viewer["opus"]["audio"]
        path, = audio.files()
        self.stream_of(path, "opus")
        self.assertEqual(audio.discontinuities(), [])
        (attributes, uri), = harness.variants(self.masters["opus"])
        self.assertEqual((uri, attributes["CODECS"]), ("audio/live.m3u8", "Opus"))
        self.assertNotIn("RESOLUTION", attributes)
        for path in ("", "/source"):
            self.assertEqual(self.ts["opus"][path].status, 404)
            self.assertIn("/stream/opus/live.m3u8", self.ts["opus"][path].text)

    def test_hdr(self):
        """What the publisher told of colours and brightness stands in the sample entry."""
        path, = self.viewer["hdr"]["source"].files()
        s = harness.ffprobe_streams(path)[0]
        self.assertEqual((s["pix_fmt"], s["color_transfer"], s["color_primaries"],
                          s["color_space"]), ("yuv420p10le", "smpte2084", "bt2020", "bt2020nc"))
        init, = self.viewer["hdr"]["source"].maps.values()
        self.assertEqual(self.box(init, b"colr"), b"nclx\0\x09\0\x10\0\x09\0")
        self.assertEqual(self.box(init, b"mdcv"), MASTERING)
        self.assertEqual(self.box(init, b"clli"), LIGHT)

    def box(self, file, name):
        at = file.find(name)
        self.assertGreater(at, 0, name)
        return file[at + 4:at - 4 + int.from_bytes(file[at - 4:at], "big")]


if __name__ == "__main__":
    harness.main()
