"""Publishers that change in mid-stream, over Enhanced RTMP and not: what viewers get goes on behind one
discontinuity, and so do the rungs. FFmpeg 8 encapsulates; a client of our own sends it."""
# usual time: 25 s
import struct
import threading
import time

import harness
import raw_rtmp
from harness import ROOT, RUNG, Recipe, run, temp_dir
from sources import CLIP_S, make
from test_enhanced_watch import Watched


def in_flv(files):
    """What FFmpeg 8 makes of each .mkv: [[(kind, ms, body)] of the tags, without metadata]."""
    made = [f.with_suffix(".flv") for f in files]
    done = run(["node", ROOT / "tests/node/publish.mjs",
                *(path for pair in zip(files, made) for path in pair)], timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [tags_of(f.read_bytes()) for f in made]


def tags_of(data):
    at, found = 13, []
    while at < len(data):
        size = int.from_bytes(data[at + 1:at + 4], "big")
        ms = int.from_bytes(data[at + 4:at + 7], "big") | data[at + 7] << 24
        if data[at] in (raw_rtmp.AUDIO, raw_rtmp.VIDEO):
            found.append((data[at], ms, data[at + 11:at + 11 + size]))
        at += 11 + size + 4
    return found


def sets_in_band(tags, with_header):
    """H.264 with the parameter sets of its codec header before each IDR picture too, or only there."""
    header = next(b for k, _, b in tags if k == raw_rtmp.VIDEO and b[:2] == b"\x17\0")[5:]
    n = int.from_bytes(header[6:8], "big")
    sps, pps_size = header[8:8 + n], int.from_bytes(header[9 + n:11 + n], "big")
    pps = header[11 + n:11 + n + pps_size]
    sets = b"".join(struct.pack(">I", len(s)) + s for s in (sps, pps))
    return [(k, ms, b[:5] + sets + b[5:] if b[:2] == b"\x17\1" else b) for k, ms, b in tags
            if with_header or b[:2] != b"\x17\0"]


class Changes(Watched):
    STREAMS = ("hevc", "av1", "vp9", "h264", "again")

    def send(self, recipe, name, tags, failures):
        try:
            with raw_rtmp.Raw(recipe.rtmp_port) as p:
                p.publish(name)
                start = time.monotonic()
                for kind, ms, body in tags:
                    time.sleep(max(0, start + ms / 1000 - time.monotonic()))  # as a camera does
                    p.send(raw_rtmp.message(kind, body, ms))
        except (OSError, AssertionError) as e:
            failures.append(f"{name}: {e!r}")

    def prepare(self, codecs):
        """Of each two pictures behind each other, for one connection."""
        folder = temp_dir()
        files = [make(folder / f"{codec}_{size}.mkv", [(codec, size)], [])
                 for codec in codecs for size in ("160x120", "128x96")]
        found, tags = {}, iter(in_flv(files))
        for codec in codecs:
            first, second = next(tags), next(tags)
            if codec == "h264":
                first, second = sets_in_band(first, True), sets_in_band(second, False)
            found[codec] = first + [(k, ms + CLIP_S * 1000, b) for k, ms, b in second]
        return found

    def test_changes(self):
        """Other sizes in the same connection, and another codec after it: a discontinuity with a new
        map, and nothing lost. H.264 tells its new size in the stream only."""
        tags = self.prepare(self.STREAMS[:4])
        files = [make(temp_dir() / f"{c}.mkv", [(c, "160x120")], ["aac"]) for c in ("h264", "hevc")]
        with Recipe() as recipe:
            viewers = {n: self.viewers(recipe, n, "source", RUNG) for n in self.STREAMS}
            everybody = [v for vs in viewers.values() for v in vs.values()]
            failures, publishers = [], [self.publish(recipe, again=files[0])]
            threads = [threading.Thread(target=self.send, args=(recipe, n, t, failures))
                       for n, t in tags.items()]
            for t in threads:
                t.start()

            def look():
                if len(publishers) == 1 and not publishers[0].alive():
                    publishers.append(self.publish(recipe, again=files[1]))
                return failures or all(v.seconds() > 9.5 and v.discontinuities() for v in everybody)

            try:
                self.follow(everybody, look, 40, "all of it is seen")
            finally:
                for t in threads:
                    t.join()
            self.assertEqual(failures, [])
            for name in self.STREAMS:
                with self.subTest(name):
                    self.check(name, viewers[name]["source"], viewers[name][RUNG])
        self.assertEqual([p.wait(20) for p in publishers], [0, 0])

    def check(self, name, source, rung):
        codecs = {"again": ["h264", "hevc"]}.get(name, [name, name])
        sizes = [160, 160] if name == "again" else [160, 128]
        self.assertEqual(len(source.discontinuities()), 1)
        self.assertEqual(rung.discontinuities(), source.discontinuities())
        self.assert_rising(source.numbers(), "numbers", 1)
        self.assertEqual(rung.numbers(), source.numbers()[:len(rung.numbers())])
        files = source.files()
        self.assertEqual(len(files), 2)
        for path, codec, width in zip(files, codecs, sizes):
            self.assertEqual(self.stream_of(path, codec)["width"], width)
        for path in rung.files():
            self.stream_of(path, "h264")
        if name == "h264":
            for _, _, body in source.found.values():
                self.assertNotIn(b"\x67\x42\xc0", body)


if __name__ == "__main__":
    harness.main()
