"""Enhanced RTMP: FFmpeg 8 (tests/node) publishes what older clients cannot, and a client of our own is
asked to connect anew when the broadcaster goes down."""
# usual time: 37 s
import array
import re
import struct
import subprocess
import time

import harness
import raw_rtmp
from harness import ROOT, Process, Role, free_port, run, temp_dir, wait_for
from raw_rtmp import Raw
from sources import CLIP_S, RATE, make

RECONNECT = b"NetConnection.Connect.ReconnectRequest"


def tracks(broadcaster, stream):
    """(kind, index, codec, width or sample rate, height or channels) of what is published."""
    found = {s["id"]: s for s in broadcaster.status()["streams"]}[stream]["tracks"]
    return [(t["kind"], t["index"], t["codec"],
             t.get("width", t.get("sample_rate")), t.get("height", t.get("channels")))
            for t in found]


def heard(path):
    """(seconds, Hz) of a file with one tone: its samples and how often they go through zero."""
    done = subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-ac", "1", "-ar", "48000",
                           "-f", "s16le", "-"], capture_output=True, timeout=60, check=True)
    samples = array.array("h", done.stdout)
    rises = sum(a < 0 <= b for a, b in zip(samples, samples[1:]))
    return len(samples) / 48000, rises * 48000 / len(samples)


class Enhanced(harness.TestCase):
    def setUp(self):
        self.port, self.http_port = free_port(), free_port()
        self.broadcaster = Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{self.port}",
                                                "-httpAddr", f"127.0.0.1:{self.http_port}",
                                                "-orchAddr", ""])
        self.addCleanup(self.broadcaster.kill)

    def file(self, videos, audios):
        """The first picture is larger than the second."""
        pictures = list(zip(videos, ("160x120", "128x96")))
        return make(temp_dir() / "clip.mkv", pictures, audios)

    def publish(self, **media):
        """name=(codecs of its pictures, of its sounds); all of them by one FFmpeg 8, whose start costs
        more than what it does."""
        pairs = [x for name, codecs in media.items()
                 for x in (self.file(*codecs), f"rtmp://127.0.0.1:{self.port}/{name}")]
        return Process(["node", ROOT / "tests/node/publish.mjs", *pairs], temp_dir() / "node.log")

    def wait_read(self):
        """Whoever published has ended, and some of what it sent may still be on its way: the status
        once all is read."""
        def read():
            status = self.broadcaster.status()
            return status if "live" not in [s["state"] for s in status["streams"]] else None

        return wait_for(read, 10, "all is read")

    def test_codecs(self):
        """Each codec comes in, with the size and rate that its own header says, and is cut."""
        pairs = [("hevc", "opus"), ("av1", "flac"), ("vp9", "ac3"), ("h264", "eac3"),
                 ("h264", "mp3")]
        publisher = self.publish(**{f"{v}_{a}": ([v], [a]) for v, a in pairs})
        for video, audio in pairs:
            name = f"{video}_{audio}"
            expected = [("video", 0, video, 160, 120), ("audio", 0, audio, 48000, 2)]
            wait_for(lambda: tracks(self.broadcaster, name) == expected, 30,
                     f"{name}: {expected}\n{publisher.tail()}")
        self.assertEqual(publisher.wait(60), 0, publisher.tail())
        status = self.wait_read()
        self.assertEqual(len(status["streams"]), len(pairs))
        for stream in status["streams"]:
            self.assertEqual(stream["video_packets"], CLIP_S * RATE, stream)
            self.assertGreaterEqual(stream["rungs"][0]["segments"], 2, stream)
            self.assertEqual(stream["undecodable_dropped"], 0, stream)
            self.assertGreater(stream["audio_packets"], CLIP_S * 10, stream)
        self.assertEqual(set(status["ingest"]["skipped"].values()), {0}, status["ingest"])

    def test_several_tracks(self):
        publisher = self.publish(many=(["h264", "hevc"], ["aac", "opus"]))
        expected = [("video", 0, "h264", 160, 120), ("video", 1, "hevc", 128, 96),
                    ("audio", 0, "aac", 48000, 2), ("audio", 1, "opus", 48000, 2)]
        wait_for(lambda: tracks(self.broadcaster, "many") == expected, 20, str(expected))
        self.assertEqual(publisher.wait(60), 0, publisher.tail())
        stream, = self.wait_read()["streams"]
        self.assertEqual(stream["video_packets"], CLIP_S * RATE)
        # The second picture is a rendition of the source, in step with it and with its sound.
        source, second, sound = stream["rungs"]
        self.assertEqual((source["name"], second["name"], sound["name"]),
                         ("source", "source1", "audio1"))
        for key in ("last", "segments", "gaps"):
            self.assertEqual(source[key], second[key], stream)
            self.assertEqual(source[key], sound[key], stream)
        base = f"http://127.0.0.1:{self.http_port}/stream/many"
        listed = [harness.playlist(harness.http_get(f"{base}/{name}.m3u8").text).segments
                  for name in ("source", "source1")]
        self.assertEqual([(s.number, s.duration) for s in listed[0]],
                         [(s.number, s.duration) for s in listed[1]])
        path = temp_dir() / "second.ts"
        path.write_bytes(harness.http_get(f"{base}/source1/{listed[1][0].number}.ts").body)
        found = {s["codec_type"]: s for s in harness.ffprobe_streams(path)}
        self.assertEqual((found["video"]["codec_name"], found["video"]["width"]), ("hevc", 128))
        self.assertEqual(found["audio"]["codec_name"], "aac")
        self.assertEqual(harness.decode_errors(path), "")

    def test_a_further_picture_plays_over_rtmp(self):
        """As each rung does, with the source's sound."""
        publisher = self.publish(pair=(["h264", "h264"], ["aac"]))
        wait_for(lambda: harness.http_get(f"http://127.0.0.1:{self.http_port}/stream/pair/"
                                          "source1.m3u8").status == 200, 30, publisher.tail())
        path = temp_dir() / "played.flv"
        done = run(["ffmpeg", "-v", "error", "-i", f"rtmp://127.0.0.1:{self.port}/pair/source1", "-t",
                    "3", "-c", "copy", path], timeout=40)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {s["codec_type"]: s for s in harness.ffprobe_streams(path)}
        self.assertEqual((found["video"]["width"], found["video"]["height"]), (128, 96))
        self.assertIn("audio", found)
        self.assertEqual(harness.decode_errors(path), "")
        pictures = harness.ffprobe_packets(path, "video")
        self.assertIn("K", pictures[0]["flags"])
        self.assertGreater(len(pictures), 60)

    def fetch_sound(self, base, name):
        """A rendition's sound as one file, and its playlist; what stands in it is all there."""
        listed = harness.playlist(harness.http_get(f"{base}/{name}/live.m3u8").text)
        inits = {line.split('"')[1] for line in listed.lines if line.startswith("#EXT-X-MAP:")}
        self.assertEqual(len(inits), 1, listed.lines)
        names = [inits.pop(), *(s.uri for s in listed.segments)]
        path = temp_dir() / f"{name}.mp4"
        path.write_bytes(b"".join(harness.http_get(f"{base}/{name}/{n}").body for n in names))
        self.assertEqual(harness.decode_errors(path), "")
        return path, listed

    def test_several_sounds(self):
        """Three tracks of sound, two of them AAC: each plays, in step with the source."""
        publisher = self.publish(choir=(["h264"], ["aac", "aac", "opus"]))
        base = f"http://127.0.0.1:{self.http_port}/stream/choir"
        wait_for(lambda: "audio2/live.m3u8" in harness.http_get(f"{base}/live.m3u8").text, 20,
                 f"the tracks are in the master\n{publisher.tail()}")
        # A player that follows all of them finds nothing wrong, while they are live and at the end.
        watch = Process([ROOT / "bin/watch", "-all", "-seconds", "4", f"{base}/live.m3u8"],
                        temp_dir() / "watch.log")
        self.assertEqual(publisher.wait(60), 0, publisher.tail())
        self.assertEqual(watch.wait(60), 0, watch.tail())
        for name in ("source", "audio", "audio1", "audio2"):
            self.assertIn(f"/{name}/live.m3u8", watch.log())

        master = harness.http_get(f"{base}/live.m3u8").text
        self.assertEqual(re.findall(r'GROUP-ID="(.*?)",NAME="(.*?)".*URI="(.*?)/', master),
                         [("audio", "Audio", "audio"), ("audio", "Track 1", "audio1"),
                          ("audio-2", "Track 2", "audio2")])
        self.assertEqual([(a["CODECS"].split(",")[-1], a["AUDIO"], uri)
                          for a, uri in harness.variants(master)],
                         [("mp4a.40.2", "audio", "source/live.m3u8"),
                          ("Opus", "audio-2", "source/live.m3u8"),
                          ("mp4a.40.2", "audio", "audio/live.m3u8")])
        self.assertNotIn("audio", harness.http_get(f"{base}.m3u8").text)
        kinds = [s["codec_name"] for s in harness.ffprobe_streams(f"{base}/live.m3u8")
                 if s["codec_type"] == "audio"]
        self.assertEqual((kinds.count("opus"), kinds.count("aac") >= 2), (1, True), kinds)

        source = harness.playlist(harness.http_get(f"{base}/source/live.m3u8").text)
        for index, codec in enumerate(("aac", "aac", "opus")):
            path, listed = self.fetch_sound(base, f"audio{index or ''}")
            self.assertEqual([(s.number, s.duration, s.gap) for s in listed.segments],
                             [(s.number, s.duration, False) for s in source.segments])
            self.assertEqual(harness.ffprobe_streams(path)[0]["codec_name"], codec)
            seconds, tone = heard(path)
            length = sum(s.duration for s in source.segments)
            self.assertLess(abs(seconds - length), 0.15, path)
            self.assertLess(abs(tone - 440 * (index + 1)), 15, path)
        dropped = self.broadcaster.status()["streams"][0]["further_tracks_dropped"]
        self.assertEqual(dropped, 0)

    def test_what_cannot_be_carried(self):
        """VP8 beside sound: one clear line, the sound goes on. VP8 alone: a clear refusal."""
        vp8 = raw_rtmp.message(raw_rtmp.VIDEO, b"\x91vp08" + bytes(100))
        with Raw(self.port) as p:
            p.publish("sound")
            p.send(raw_rtmp.audio_config())
            for ms in range(0, 5000, 40):
                p.send(vp8, raw_rtmp.sound(ms))
            wait_for(lambda: tracks(self.broadcaster, "sound")[0][2] == "aac", 10, "the sound")
            self.broadcaster.wait_log("VP8 cannot be carried by HLS: publish H.264")
            skipped = self.broadcaster.status()["ingest"]["skipped"]
            wait_for(lambda: self.broadcaster.status()["ingest"]["skipped"]["codec"] == 125, 10,
                     f"125 messages left out, not {skipped}")
            self.assertEqual(self.broadcaster.status()["ingest"]["publishers"], 1)
        self.assertEqual(self.broadcaster.log().count("VP8 cannot be carried"), 1)
        with Raw(self.port) as p:
            p.publish("alone")
            for ms in range(0, 3000, 40):
                p.send(raw_rtmp.message(raw_rtmp.VIDEO, b"\x91vp08" + bytes(100), ms))
            said = p.wait_closed()
        self.assertIn(b"NetStream.Publish.Rejected", said)
        self.assertIn(b"VP8 cannot be carried by HLS: publish H.264, HEVC, AV1 or VP9", said)

    def caps(self, bits):
        return struct.pack(">H", 6) + b"capsEx" + raw_rtmp.number(bits)

    def test_asked_to_connect_anew(self):
        """Who knows how is asked, may go on meanwhile, and the broadcaster ends when it has left."""
        with Raw(self.port) as knows, Raw(self.port) as knows_not:
            knows.publish("knows", more=self.caps(1))
            knows_not.publish("knows_not", more=self.caps(2))
            knows.send(raw_rtmp.video_config(), raw_rtmp.picture(0, key=True))
            knows_not.send(raw_rtmp.video_config(), raw_rtmp.picture(0, key=True))
            wait_for(lambda: len(self.broadcaster.status()["streams"]) == 2, 10, "both publish")
            self.broadcaster.popen.terminate()
            said = b""
            while RECONNECT not in said:
                said += knows.receive(1)
            self.broadcaster.wait_log("draining publishers=1")
            knows.send(raw_rtmp.picture(40))
            with self.assertRaises(ConnectionError):
                Raw(self.port)
            left = time.monotonic()
            knows.close()
            self.assertNotIn(RECONNECT, knows_not.wait_closed(15))
        self.assertEqual(self.broadcaster.wait(15), 0)
        self.assertLess(time.monotonic() - left, 20 * harness.TIME_SCALE)


if __name__ == "__main__":
    harness.main()
