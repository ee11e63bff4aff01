"""Phones that are held upright: sources that say how to turn their pictures (SEI of H.264 and HEVC,
MP4's matrix), and sources that change their size. Rungs stand upright, and the source says the same
in fMP4."""
# usual time: 15 s
import subprocess
import sys
import threading
import time
import urllib.parse

import raw_rtmp
from harness import (ROOT, Process, Publisher, Recipe, TestCase, ffprobe_streams, http_get, main,
                     playlist, temp_dir, wait_for)

sys.path.insert(0, str(ROOT / "tests/support"))
import sei  # noqa: E402

RUNG = "P144p30fps16x9"
PICTURE = ("color=gray:s={0}:r=30,drawbox=x=0:y=0:w=iw/2:h=ih/2:color=white:t=fill,"
           "noise=alls=4:allf=t,format=yuv420p")
UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT = range(4)
# a, b, u, c, d, v, x, y, w as tkhd has them: a quarter of a turn clockwise
CLOCKWISE = (0, 1, 0, -1, 0, 0, 180, 0, 0x4000)


def make(path, *options, size="320x180", seconds=4):
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", PICTURE.format(size),
                    "-f", "lavfi", "-i", "sine", "-t", str(seconds), "-c:v", "libx264", "-preset",
                    "ultrafast", "-g", "30", "-bf", "0", "-c:a", "aac", *options, path], check=True)
    return path


def white(path):
    """The size as shown, and the quarter that is white, of the last picture, as ffmpeg turns it."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-y", "-i", path, "-vf", "scale=2:2:flags=area,format=gray", "-f",
         "rawvideo", "-", "-frames:v", "1", "-f", "rawvideo", "/dev/null"], capture_output=True,
        check=True)
    small = done.stdout[-4:]
    size = done.stderr.decode().split("Output #1")[1].split(", q=")[0].split(" [SAR")[0].split(", ")[-1]
    return tuple(int(n) for n in size.split("x")), small.index(max(small))


class Rotation(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG, broadcaster_flags=["-httpIngest"]).start()
        cls.addClassCleanup(lambda: [r.kill() for r in cls.recipe.roles()])
        cls.recipe.orchestrator.wait_log("transcoder_joined", 20)
        cls.recipe.broadcaster.wait_log("uplink connected", 20)

    def fetch(self, url, *uris):
        """As one file."""
        path = temp_dir() / "fetched"
        with open(path, "wb") as out:
            for uri in uris:
                got = http_get(urllib.parse.urljoin(url, uri))
                self.assertEqual(got.status, 200)
                out.write(got.body)
        return path

    def newest(self, stream, rendition, at=-1):
        """One segment of fMP4 with its initialisation section, as a file."""
        url = self.recipe.url(f"/stream/{stream}/{rendition}/live.m3u8")

        def listed():
            answer = http_get(url)
            return answer.text if answer.status == 200 and playlist(answer.text).segments else None

        text = wait_for(listed, 30, f"{url} lists a segment")
        before = text[:text.index(playlist(text).segments[at].uri)]
        init = before.split('#EXT-X-MAP:URI="')[-1].split('"')[0]
        return self.fetch(url, init, playlist(text).segments[at].uri)

    def ts(self, stream, rendition):
        """All of its MPEG-TS."""
        url = self.recipe.url(f"/stream/{stream}/{rendition}.m3u8")
        return self.fetch(url, *(s.uri for s in playlist(http_get(url).text).segments))

    def check(self, stream, size, rung_size, quarter):
        self.assertEqual(white(self.newest(stream, "source")), (size, quarter))
        rung = self.newest(stream, RUNG)
        self.assertEqual(white(rung), (rung_size, quarter))
        coded = ffprobe_streams(rung)[0]
        self.assertEqual((coded["width"], coded["height"]), rung_size)
        poster = temp_dir() / "poster.jpg"
        poster.write_bytes(self.recipe.get(f"/stream/{stream}/poster.jpg").body)
        self.assertEqual(white(poster), (size, quarter))
        master = self.recipe.get(f"/stream/{stream}/live.m3u8").text
        for width, height in (size, rung_size):
            self.assertIn(f"RESOLUTION={width}x{height}", master)

    def publish(self, stream, bsf):
        path = make(temp_dir() / "turned.flv", "-bsf:v", bsf, "-f", "flv")
        publisher = Publisher(["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", "5", "-i",
                               path, "-c", "copy", "-f", "flv", self.recipe.rtmp(stream)],
                              temp_dir() / "publisher.log")
        self.addCleanup(publisher.kill)

    def publish_hevc(self, stream):
        """With FFmpeg 8; it says once how it is held."""
        def says(picture):
            return [sei.orientation("hevc", 3)] if picture == 0 else []

        folder = temp_dir()
        parts = sei.ts_files(folder, "hevc", PICTURE.format("320x180"), 6, says, step=6)
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", *parts, "-c", "copy",
                        folder / "turned.mkv"], check=True)
        publisher = Process(["node", ROOT / "tests/node/publish.mjs", folder / "turned.mkv",
                             self.recipe.rtmp(stream)], folder / "publisher.log")
        self.addCleanup(publisher.kill)

    def push(self, stream, files, first=0):
        for i, path in enumerate(files, first):
            done = http_get(self.recipe.url(f"/live/{stream}/{i}.ts"), method="PUT", timeout=60,
                            body=path.read_bytes())
            self.assertEqual(done.status, 200, done.text)

    def test_turned_by_sei(self):
        self.publish_hevc("right")
        self.publish("left", "h264_metadata=display_orientation=insert:rotate=90")
        self.publish("mirror", "h264_metadata=display_orientation=insert:rotate=0:flip=horizontal")
        self.check("right", (180, 320), (82, 144), UPPER_RIGHT)
        self.check("left", (180, 320), (82, 144), LOWER_LEFT)
        rung = self.newest("mirror", RUNG)
        self.assertEqual(white(rung), ((256, 144), UPPER_RIGHT))

    def test_turned_by_the_matrix_of_a_pushed_file(self):
        path = make(temp_dir() / "0.mp4", "-movflags", "+faststart", seconds=2)
        data = bytearray(path.read_bytes())
        at = data.index(b"tkhd") + 4 + 40
        for i, number in enumerate(CLOCKWISE):
            data[at + 4 * i:at + 4 * i + 4] = (number * 0x10000).to_bytes(4, "big", signed=True)
        path.write_bytes(data)
        for i in range(3):
            done = http_get(self.recipe.url(f"/live/pushed/{i}.mp4"), method="PUT", timeout=60,
                            body=bytes(data))
            self.assertEqual(done.status, 200, done.text)
        self.check("pushed", (180, 320), (82, 144), UPPER_RIGHT)

    def test_turned_by_sei_of_pushed_segments(self):
        """One that says once how it is held, and once that it was turned back."""
        for codec in ("h264", "hevc"):
            with self.subTest(codec):
                said = {0: [sei.orientation(codec, 1)], 60: [sei.orientation(codec, 0)]}
                files = sei.ts_files(temp_dir(), codec, PICTURE.format("320x180"), 4,
                                     lambda picture, said=said: said.get(picture, []))
                self.push(codec, files[:2])
                self.check(codec, (180, 320), (82, 144), LOWER_LEFT)
                path = f"/stream/{codec}/{RUNG}/live.m3u8"
                self.assertNotIn("#EXT-X-DISCONTINUITY\n", self.recipe.get(path).text)
                # In MPEG-TS the source has what it said, as it lay, and its rung need not say it.
                source, rung = self.ts(codec, "source"), self.ts(codec, RUNG)
                sizes = [(s["width"], s["height"])
                         for s in (*ffprobe_streams(source), *ffprobe_streams(rung))]
                self.assertEqual(sizes, [(320, 180), (82, 144)])
                self.assertEqual(sei.find(sei.read(source, codec), codec, sei.ORIENTATION),
                                 [said[0][0][1]])
                self.assertEqual(sei.find(sei.read(rung, "h264"), "h264", sei.ORIENTATION), [])
                self.push(codec, files[2:], 2)
                self.assertEqual(white(self.newest(codec, "source")), ((320, 180), UPPER_LEFT))
                self.assertEqual(white(self.newest(codec, RUNG)), ((256, 144), UPPER_LEFT))
                self.assertEqual(self.recipe.get(path).text.count("#EXT-X-DISCONTINUITY\n"), 1)

    def test_another_shape_in_mid_stream(self):
        """From lying to standing in one connection."""
        tags, last = [], 0
        for size in ("320x180", "180x320"):
            data = make(temp_dir() / f"{size}.flv", "-an", size=size).read_bytes()
            at, first = 13, last
            while at < len(data):
                length = int.from_bytes(data[at + 1:at + 4], "big")
                ms = int.from_bytes(data[at + 4:at + 7], "big")
                if data[at] == raw_rtmp.VIDEO and data[at + 12] < 2:  # no end of sequence
                    tags.append((first + ms, data[at + 11:at + 11 + length]))
                    last = first + ms + 33
                at += 11 + length + 4
        failures = []

        def send():
            try:
                with raw_rtmp.Raw(self.recipe.rtmp_port) as p:
                    p.publish("shape")
                    start = time.monotonic()
                    for ms, body in tags:
                        time.sleep(max(0, start + ms / 1000 - time.monotonic()))  # as a camera does
                        p.send(raw_rtmp.message(raw_rtmp.VIDEO, body, ms))
            except (OSError, AssertionError) as e:
                failures.append(repr(e))

        sender = threading.Thread(target=send)
        sender.start()
        self.addCleanup(sender.join)
        path = f"/stream/shape/{RUNG}/live.m3u8"
        wait_for(lambda: "#EXT-X-DISCONTINUITY\n" in self.recipe.get(path).text, 60, "the change")
        sender.join()
        self.assertEqual(failures, [])
        self.assertEqual(white(self.newest("shape", RUNG, 0)), ((256, 144), UPPER_LEFT))

        def stands():
            return white(self.newest("shape", RUNG)) == ((82, 144), UPPER_LEFT)

        wait_for(stands, 30, "the rung stands", interval=0.5)


if __name__ == "__main__":
    main()
