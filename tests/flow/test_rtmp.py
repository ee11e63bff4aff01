"""RTMP as the field speaks it: handshakes, orders, spellings, clocks and proxies that no
specification foresees, against the real broadcaster. "Fact N" is the list in the ingest reference
that the unit tests of broadcaster/rtmp name too."""
# usual time: 12 s
import socket
import struct

import harness
import raw_rtmp as rtmp
from harness import Process, Recipe, TestCase, ffmpeg_publish, temp_dir, wait_for
from raw_rtmp import Raw

CHUNK = 128  # until somebody says otherwise
GOPS = 8  # of a second each


def command(name, transaction, *values, stream=0):
    body = rtmp.text(name) + rtmp.number(transaction) + b"".join(values)
    return rtmp.message(20, body, stream=stream, chunk_stream=3)


def members(**texts):
    body = b"".join(struct.pack(">H", len(k)) + k.encode() + rtmp.text(v) for k, v in texts.items())
    return b"\3" + body + b"\0\0\x09"


def gop(start_ms, pictures=30, size=500, wrap=2**32):
    return [m for i in range(pictures)
            for m in (rtmp.picture((start_ms + i * 33) % wrap, i == 0, size),
                      rtmp.sound((start_ms + i * 33) % wrap))]


def in_chunks(message, repeat_time):
    """One message of raw_rtmp's form in chunks of 128, an extended time repeated or not (fact 6)."""
    head = 16 if message[1:4] == b"\xff\xff\xff" else 12
    body = message[head:]
    more = bytes([0xC0 | message[0]]) + (message[12:16] if head == 16 and repeat_time else b"")
    pieces = [body[at:at + CHUNK] for at in range(0, len(body), CHUNK)] or [b""]
    return message[:head] + more.join(pieces)


class Rtmp(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(order="B", broadcaster_flags=["-maxSessions", "100"]).start()
        cls.addClassCleanup(cls.recipe.broadcaster.kill)
        cls.role = cls.recipe.broadcaster

    def connect(self):
        raw = Raw(self.recipe.rtmp_port)
        self.addCleanup(raw.close)
        return raw

    def stream_of(self, name):
        return next((s for s in self.role.status()["streams"] if s["id"] == name), None)

    def read_until(self, raw, text):
        said = b""
        while text not in said:
            got = raw.s.recv(65536)
            self.assertNotEqual(got, b"", said[-300:])
            said += got
        return said

    def check_live(self, raw, name):
        """What it sends is listed."""
        raw.send(rtmp.video_config(), rtmp.audio_config())
        for i in range(GOPS):
            raw.send(*gop(i * 1000))
        return self.recipe.wait_playlist(f"/stream/{name}/source.m3u8")


class Connecting(Rtmp):
    def test_all_at_once(self):
        """Fact 1: C0 to C2, connect, createStream and publish in one write, nothing waited for."""
        p = self.connect()
        p.send(rtmp.handshake_bytes(), bytes(1536),
               rtmp.message(1, struct.pack(">I", rtmp.CHUNK_SIZE), stream=0, chunk_stream=2),
               command("connect", 1, members(app="live", tcUrl="rtmp://x/live")),
               command("createStream", 2, b"\5"),
               command("publish", 3, b"\5", rtmp.text("at_once"), rtmp.text("live"), stream=1))
        self.read_until(p, b"NetStream.Publish.Start")
        self.check_live(p, "at_once")

    def test_each_answer_is_one_write(self):
        """A client that reads once after each step has all of the answer: nothing waits for a
        second packet of the network."""
        p = self.connect()
        p.send(rtmp.handshake_bytes())
        answer = p.s.recv(65536)
        self.assertEqual(len(answer), 1 + 2 * 1536)
        p.send(answer[1:1537],
               command("connect", 1, members(app="live", tcUrl="rtmp://x/live")))
        answer = p.s.recv(65536)
        self.assertIn(b"NetConnection.Connect.Success", answer)
        self.assertEqual(answer[:16], b"\2\0\0\0\0\0\4\5\0\0\0\0" + struct.pack(">I", 2500000))
        p.send(command("releaseStream", 2, b"\5", rtmp.text("steps")) +
               command("FCPublish", 3, b"\5", rtmp.text("steps")) +
               command("createStream", 4, b"\5"))
        answer = p.s.recv(65536)
        self.assertEqual(answer.count(b"_result"), 3)
        self.assertIn(b"onFCPublish", answer)
        p.send(command("publish", 5, b"\5", rtmp.text("steps"), stream=1))
        self.assertIn(b"NetStream.Publish.Start", p.s.recv(65536))

    def test_a_wrong_echo_in_c2(self):
        """Fact 2"""
        p = self.connect()
        p.send(rtmp.handshake_bytes())
        p.receive(1 + 2 * 1536)
        p.send(b"\xaa" * 1536, command("connect", 1, members(app="live")))
        self.read_until(p, b"NetConnection.Connect.Success")

    def test_ffmpeg_is_content_with_the_digests(self):
        """Fact 1: it looks for them in S1 and S2 and leaves when they are wrong."""
        log = temp_dir() / "digest.log"
        with Process(["ffmpeg", "-nostdin", "-loglevel", "debug", "-f", "lavfi", "-i",
                      "testsrc=duration=1", "-c:v", "libx264", "-f", "flv",
                      self.recipe.rtmp("digest")], log) as publisher:
            self.assertEqual(publisher.wait(30), 0, publisher.tail())
            self.assertRegex(publisher.log(), r"Server version [1-9]")

    def test_publish_first_and_on_another_stream(self):
        """Facts 12 and 13: publish before createStream, on message stream 0 and on one that nobody
        gave."""
        for stream in (0, 5):
            p = self.connect().connect("live")
            name = f"first{stream}"
            p.send(command("publish", 2, b"\5", rtmp.text(name), stream=stream),
                   command("createStream", 3, b"\5"), command("FCPublish", 4, b"\5"))
            self.read_until(p, b"onFCPublish")
            self.check_live(p, name)

    def test_amf3(self):
        """Fact 15: commands of type 17 with AMF3 values, and noise of the types 15, 16 and 19."""
        p = self.connect()
        p.send(rtmp.handshake_bytes())
        p.receive(1 + 2 * 1536)
        p.send(bytes(1536),
               rtmp.message(1, struct.pack(">I", rtmp.CHUNK_SIZE), stream=0, chunk_stream=2))
        app = b"\x11\x0a\x0b\x01\x07app\x06\x09live\x0btcUrl\x06\x1brtmp://x/live\x01"
        p.send(rtmp.message(17, b"\0" + rtmp.text("connect") + rtmp.number(1) + app, stream=0))
        self.read_until(p, b"NetConnection.Connect.Success")
        p.send(rtmp.message(17, b"\0" + rtmp.text("publish") + rtmp.number(0) + b"\x11\1" +
                            b"\x11\6\x09amf3"))
        self.read_until(p, b"NetStream.Publish.Start")
        for kind in (15, 16, 18, 19):
            p.send(rtmp.message(kind, b"\0\x02\xff\xff\x11"))
        self.check_live(p, "amf3")


class Names(Rtmp):
    """Fact 14"""

    def publish_as(self, playpath, **connect):
        p = self.connect()
        p.send(rtmp.handshake_bytes())
        p.receive(1 + 2 * 1536)
        p.send(bytes(1536),
               rtmp.message(1, struct.pack(">I", rtmp.CHUNK_SIZE), stream=0, chunk_stream=2),
               command("connect", 1, members(**connect)))
        self.read_until(p, b"NetConnection.Connect.Success")
        p.send(command("publish", 3, b"\5", *([] if playpath is None else [rtmp.text(playpath)])))
        self.read_until(p, b"NetStream.Publish.Start")
        return p

    def test_every_spelling(self):
        spellings = [
            ("n1", "n1", {"app": "live", "tcUrl": "'rtmp://x/live'"}),
            ("n2", "n2", {"tcUrl": "'rtmp://x:1935/live'"}),
            ("n3", "n3/key", {"app": "live", "tcurl": "rtmp://x/live"}),
            ("n4", "n4", {"app": "live"}),
            ("n5", "n5", {"app": "live?vhost=a.example&token=%2Fx"}),
            ("n6", "n6?token=a%20b", {"app": "live?vhost=a.example"}),
            ("n7", "", {"app": "live/n7/key"}),
            ("n8", None, {"app": "live/n8?token=1"}),
            ("n9", "?token=1", {"app": "live/n9"}),
            ("n10", "/n10/", {"app": "/live/"}),
            ("n11", "key/more", {"app": "live/n11"}),
            ("n12", "n12", {"tcUrl": "rtmp://[::1]/live?x=" + "y" * 5000}),
        ]
        for name, playpath, connect in spellings:
            with self.subTest(name), self.publish_as(playpath, **connect):
                wait_for(lambda n=name: self.stream_of(n), 5, f"{name} is there")

    def test_nothing_is_decoded(self):
        p = self.connect().connect("live")
        p.send(command("publish", 2, b"\5", rtmp.text("a%2541")))
        said = self.read_until(p, b"NetStream.Publish.BadName")
        self.assertIn(b"letters", said)
        self.assertIsNone(self.stream_of("aA"))

    def test_ffmpeg_with_everything_in_the_application(self):
        base = f"rtmp://127.0.0.1:{self.recipe.rtmp_port}"
        more = ("-rtmp_app", "live/all_in_app?token=1", "-rtmp_playpath", "",
                "-rtmp_tcurl", f"'{base}/live'", "-rtmp_conn", "O:1", "-rtmp_conn", "NS:a:b",
                "-rtmp_conn", "O:0")
        with ffmpeg_publish(base, size="160x120", output_options=more):
            self.recipe.wait_playlist("/stream/all_in_app/source.m3u8")


class Clocks(Rtmp):
    def check_times(self, name, start, make, wrap=2**32):
        """Some seconds from there on: every picture is counted, nothing breaks."""
        p = self.connect().publish(name)
        p.send(rtmp.message(1, struct.pack(">I", CHUNK), stream=0, chunk_stream=2))
        for m in (rtmp.video_config(), rtmp.audio_config()):
            p.send(in_chunks(m, True))
        for i in range(GOPS):
            p.send(*[make(m) for m in gop(start + i * 1000, wrap=wrap)])
        found = self.recipe.wait_playlist(f"/stream/{name}/source.m3u8", 3)
        self.assertFalse(any(s.discontinuity for s in found.segments[1:]))
        for segment in found.segments:
            self.assertAlmostEqual(segment.duration, round(segment.duration), delta=0.1)
        wait_for(lambda: self.stream_of(name)["video_packets"] == 30 * GOPS, 5, "all read")
        self.assertEqual(self.stream_of(name)["repairs"]["jump"], 0)

    def test_past_24_bits(self):
        """Fact 6: what every stream reaches after 4 h 39 min, with the time repeated and not."""
        for repeat in (True, False):
            self.check_times(f"extended{repeat}".lower(), 0xFFFFFF - 1500,
                             lambda m, repeat=repeat: in_chunks(m, repeat))

    def test_past_32_bits(self):
        """Fact 7: and after 49.7 days."""
        for repeat in (True, False):
            self.check_times(f"rollover{repeat}".lower(), 2**32 - 1500,
                             lambda m, repeat=repeat: in_chunks(m, repeat))

    def test_past_31_bits(self):
        """Fact 7: after 24.8 days, by those who write FLV's signed times."""
        for repeat in (True, False):
            self.check_times(f"signed{repeat}".lower(), 2**31 - 1500,
                             lambda m, repeat=repeat: in_chunks(m, repeat), wrap=2**31)

    def test_ffmpeg_past_24_bits(self):
        with ffmpeg_publish(self.recipe.rtmp("hours"), size="160x120",
                            output_options=("-output_ts_offset", "16775.0")):
            found = self.recipe.wait_playlist("/stream/hours/source.m3u8", 3, timeout=15)
        self.assertFalse(any(s.discontinuity for s in found.segments[1:]))


class Chunks(Rtmp):
    def test_a_chunk_size_of_one_and_of_16_megabytes(self):
        """Fact 3: changed between messages; a picture of 3 MB in one chunk."""
        p = self.connect().publish("sizes")
        small = rtmp.sound(7, 20)
        p.send(rtmp.video_config(), rtmp.audio_config(), rtmp.picture(0, True, 3_000_000),
               rtmp.message(1, struct.pack(">I", 1), stream=0, chunk_stream=2),
               small[:13] + b"".join(b"\xc4" + small[i:i + 1] for i in range(13, len(small))))
        # Four bytes in chunks of one, as its size says by now.
        size = rtmp.message(1, struct.pack(">I", 0x7FFFFFFF), stream=0, chunk_stream=2)
        p.send(size[:13] + b"".join(b"\xc2" + size[i:i + 1] for i in range(13, 16)))
        p.send(rtmp.picture(33, size=70000))
        wait_for(lambda: self.stream_of("sizes")["video_packets"] == 2, 10, "both pictures came")
        self.assertEqual(self.stream_of("sizes")["audio_packets"], 1)

    def test_high_chunk_stream_ids(self):
        """Facts 4 and 5: ids of two and three bytes; type 3 begins messages too."""
        p = self.connect().publish("ids")
        p.send(rtmp.video_config(), rtmp.audio_config(), rtmp.picture(0, True))
        for basic, more in ((b"\x00\x00", b"\xc0\x00"), (b"\x01\xff\xff", b"\xc1\xff\xff"),
                            (b"\x01\x00\x01", b"\xc1\x00\x01")):
            p.send(basic + b"\0\0\7\0\0\6\x08\1\0\0\0\xaf\1abcd", more + b"\xaf\1abcd")
        wait_for(lambda: self.stream_of("ids")["audio_packets"] == 6, 10, "all sounds came")

    def test_aggregates(self):
        """Fact 25: their times count from the message's own."""
        def tag(message, ms):
            body = message[12:]
            size = struct.pack(">I", len(body))[1:]
            return (message[7:8] + size + struct.pack(">I", ms)[1:] + bytes(4) + body +
                    struct.pack(">I", len(body) + 11))

        p = self.connect().publish("together")
        p.send(rtmp.video_config(), rtmp.audio_config())
        for second in range(GOPS):
            body = b"".join(tag(rtmp.picture(0, i == 0), 5000 + i * 33) for i in range(30))
            p.send(rtmp.message(rtmp.AGGREGATE, body, second * 1000))
        found = self.recipe.wait_playlist("/stream/together/source.m3u8", 2)
        for segment in found.segments:
            self.assertAlmostEqual(segment.duration, round(segment.duration), delta=0.1)

    def test_pings_and_acknowledgements(self):
        """Facts 24 and 26: a ping is answered while it publishes; every window is acknowledged."""
        p = self.connect().publish("windows")
        p.send(rtmp.message(5, struct.pack(">I", 50000), stream=0, chunk_stream=2),
               rtmp.video_config(), rtmp.picture(0, True, 200000))
        self.read_until(p, b"\2\0\0\0\0\0\4\3\0\0\0\0")
        p.send(rtmp.message(4, b"\0\6\1\2\3\4", stream=0, chunk_stream=2))
        self.read_until(p, b"\0\7\1\2\3\4")

    def test_a_vod_track(self):
        """Fact 22: OBS' second sound in data messages is a track, with a rendition of its own."""
        def vod(message):
            body = message[12:]
            media = b"\0\5media\x11\x0c" + bytes([0x80 | len(body) >> 6, (len(body) << 1 | 1) & 0x7F])
            return rtmp.message(18, rtmp.text("additionalMedia") + b"\3\0\2id" + rtmp.text("stream0")
                                + media + body + b"\0\0\x09", int.from_bytes(message[1:4], "big"),
                                chunk_stream=4)

        p = self.connect().publish("vod")
        p.send(rtmp.video_config(), rtmp.audio_config(), vod(rtmp.audio_config(b"\x11\x90")))
        for second in range(GOPS):
            p.send(*gop(second * 1000))
            p.send(*[vod(rtmp.sound(second * 1000 + i)) for i in range(10)])
        found = self.recipe.wait_playlist("/stream/vod/source.m3u8", GOPS // 2 - 1)
        second = self.recipe.wait_playlist("/stream/vod/audio1/live.m3u8", GOPS // 2 - 1)
        self.assertEqual([s.number for s in second.segments], [s.number for s in found.segments])
        self.assertEqual([(t["kind"], t["index"], t["codec"], t.get("sample_rate"))
                          for t in self.stream_of("vod")["tracks"]][1:],
                         [("audio", 0, "aac", 44100), ("audio", 1, "aac", 48000)])
        path = temp_dir() / "one.ts"
        path.write_bytes(self.recipe.get(found.segments[0].uri).body)
        sounds = [s for s in harness.ffprobe_streams(path) if s["codec_type"] == "audio"]
        self.assertEqual(len(sounds), 1)

    def test_metadata_is_read_and_not_believed(self):
        """Fact 16"""
        p = self.connect().publish("liar")
        said = rtmp.text("@setDataFrame") + rtmp.text("onMetaData") + b"\x08\0\0\0\2"
        said += b"\0\5width" + rtmp.number(7680) + b"\0\7encoder" + rtmp.text("Teller \"1\"")
        p.send(rtmp.message(18, said + b"\0\0\x09"))
        self.check_live(p, "liar")
        self.role.wait_log(r'encoder="Teller \?1\?" declares width=7680')
        segment = self.recipe.wait_playlist("/stream/liar/source.m3u8").segments[0]
        self.assertEqual(self.recipe.get(segment.uri).status, 200)
        master = self.recipe.get("/stream/liar.m3u8").text
        self.assertIn("RESOLUTION=640x480", master)


class Proxied(TestCase):
    """Fact 30"""

    V2 = b"\r\n\r\n\0\r\nQUIT\n"

    def test_addresses_that_a_proxy_tells(self):
        with Recipe(order="B", broadcaster_flags=["-rtmpProxyProtocol"]) as r:
            role = r.broadcaster
            headers = {
                "one": (b"PROXY TCP4 203.0.113.9 127.0.0.1 4001 1935\r\n", r"203\.0\.113\.9:4001"),
                "two": (self.V2 + b"\x21\x11\0\x0c" + socket.inet_aton("198.51.100.7") +
                        socket.inet_aton("127.0.0.1") + struct.pack(">HH", 4002, 1935),
                        r"198\.51\.100\.7:4002"),
                "six": (b"PROXY TCP6 2001:db8::9 ::1 4003 1935\r\n", r"\[2001:db8::9\]:4003"),
                "own": (self.V2 + b"\x20\0\0\0", r"127\.0\.0\.1:\d+"),
            }
            for name, (header, peer) in headers.items():
                with Raw(r.rtmp_port) as p:
                    p.send(header)
                    p.publish(name)
                    role.wait_log(rf"publish stream={name} peer={peer}")
            with Raw(r.rtmp_port) as plain:
                plain.send(b"\3")
                plain.wait_closed()
            role.wait_log("sent no PROXY header")

    def test_addresses_that_nobody_may_tell(self):
        for flags, told in (([], "-rtmpProxyProtocol"),
                            (["-rtmpProxyProtocol", "-rtmpTrustedProxies", "192.0.2.0/24,::1"],
                             "not one of -rtmpTrustedProxies")):
            with Recipe(order="B", broadcaster_flags=flags) as r:
                with Raw(r.rtmp_port) as p:
                    p.send(b"PROXY TCP4 203.0.113.9 127.0.0.1 4001 1935\r\n")
                    p.wait_closed()
                r.broadcaster.wait_log(told)
                with Raw(r.rtmp_port) as p:
                    p.publish("plain")

    def test_a_list_that_is_none(self):
        done = harness.run([harness.BIN / "broadcaster", "-datadir", temp_dir(), "-rtmpAddr",
                            f"127.0.0.1:{harness.free_port()}", "-httpAddr",
                            f"127.0.0.1:{harness.free_port()}", "-cliAddr",
                            f"127.0.0.1:{harness.free_port()}", "-rtmpProxyProtocol",
                            "-rtmpTrustedProxies", "10.0.0.0/8,office"])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('"office" is no network', done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
