"""Publishers and viewers that mean harm, or were made by somebody who never read a specification.
The broadcaster lives, stays small, says what was wrong, and serves the others."""
# usual time: 71 s
import http.client
import os
import re
import resource
import signal
import socket
import struct
import time
from pathlib import Path

import harness
import raw_rtmp as rtmp
from harness import Recipe, TestCase, ffmpeg_publish, wait_for
from raw_rtmp import Raw

MB = 1024 * 1024
GROWTH_MAX = 64 * MB
HELD_SCALE_MAX = 4
LOG_LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warn|info|debug) broadcaster .*")


def resident(role):
    """Bytes; sanitizers keep what was freed, so that theirs says nothing."""
    if harness.TIME_SCALE > 1:
        return 0
    status = Path(f"/proc/{role.pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


def stream_of(role, name):
    return next((s for s in role.status()["streams"] if s["id"] == name), None)


def gop(start_ms, pictures=30, size=500):
    return [m for i in range(pictures)
            for m in (rtmp.picture(start_ms + i * 33, i == 0, size), rtmp.sound(start_ms + i * 33))]


class Hostile(TestCase):
    """One broadcaster for all, which is still the same at the end."""

    flags = ["-setupTimeoutMs", "2000", "-idleTimeoutMs", "4000", "-reconnectGrace", "1s",
             "-lingerMs", "1000"]

    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(order="B", broadcaster_flags=cls.flags).start()
        cls.addClassCleanup(cls.recipe.broadcaster.end)

    def setUp(self):
        self.role = self.recipe.broadcaster
        self.before = resident(self.role)
        self.mark = self.role.log_mark()

    def tearDown(self):
        if not self.role.alive():
            self.fail(self.role.tail())
        self.doCleanups()  # closes their connections, so that no time-out has to
        wait_for(lambda: self.role.status()["ingest"]["publishers"] == 0, 10, "all publishers gone")
        self.assertLess(resident(self.role) - self.before, GROWTH_MAX)
        for line in self.role.log()[self.mark:].splitlines():
            self.assertRegex(line, LOG_LINE)

    def connect(self, **more):
        raw = Raw(self.recipe.rtmp_port, **more)
        self.addCleanup(raw.close)
        return raw

    def publish(self, name):
        return self.connect().publish(name)

    def send_until_closed(self, raw, make, seconds=20):
        """Sends make(0), make(1), ... until the server ends it; returns what it said."""
        deadline = time.monotonic() + seconds * harness.TIME_SCALE
        n = 0
        try:
            while time.monotonic() < deadline:
                raw.send(*make(n))
                n += 1
        except (ConnectionError, socket.timeout):
            return
        self.fail(f"not closed after {n} rounds")

    def flood(self, raw, make):
        """Sends make(0), make(1), ... until the server stops reading; it is held up, not refused, and
        others are not."""
        # The server's pauses do not grow with its slowness.
        raw.s.settimeout(2 * min(harness.TIME_SCALE, HELD_SCALE_MAX))
        deadline = time.monotonic() + 20 * harness.TIME_SCALE
        n = 0
        with self.assertRaises(socket.timeout, msg="it is never held up"):
            while time.monotonic() < deadline:
                raw.send(*make(n))
                n += 1
        self.check_publisher(f"beside{n}")
        wait_for(lambda: self.role.status()["ingest"]["publishers"] == 1, 10, "it is there still")
        # Reset: what it has sent is not worth reading any more.
        raw.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        wait_for(lambda: self.role.status()["ingest"]["publishers"] == 0, 90, "it has gone")

    def check_publisher(self, name):
        """An honest publisher gets through."""
        with self.publish(name) as p:
            p.send(rtmp.video_config(), rtmp.audio_config())
            for i in range(5):
                p.send(*gop(i * 1000))
            return self.recipe.wait_playlist(f"/stream/{name}/source.m3u8")


class Publishers(Hostile):
    def test_tiny_packets_without_end(self):
        p = self.publish("tiny")
        p.send(rtmp.video_config(), rtmp.picture(0, True))
        self.flood(p, lambda n: [rtmp.picture(0, size=1) * 1000])
        self.assertGreater(self.role.metrics()['sbe_repairs_total{kind="clock_stood"}'], 0)

    def test_small_sounds_in_large_aggregates(self):
        p = self.publish("aggregates")
        p.send(rtmp.video_config(), rtmp.picture(0, True))

        def tag(kind, body):
            size = struct.pack(">I", len(body))[1:]
            return bytes([kind]) + size + bytes(7) + body + struct.pack(">I", len(body) + 11)

        body = tag(18, bytes(2 * MB)) + tag(9, b"\x27\1\0\0\0\0\0\0\1\x41")
        for i in range(100):
            p.send(rtmp.message(rtmp.AGGREGATE, body, i))
        wait_for(lambda: stream_of(self.role, "aggregates")["video_packets"] == 101, 20, "all read")
        self.assertLess(self.role.status()["blob_bytes"], 10 * MB)

    def test_a_new_header_with_every_picture(self):
        p = self.publish("headers")
        self.flood(p, lambda n: [
            m for i in range(100) for m in (rtmp.video_config(640 + 16 * (i % 2)),
                                            rtmp.picture((n * 100 + i) * 33, True))])
        self.assertLess(self.role.log_mark() - self.mark, MB)

    def test_a_clock_that_runs_away(self):
        p = self.publish("runaway")
        p.send(rtmp.video_config())
        self.flood(p, lambda n: [rtmp.picture((n * 100 + i) * 2900, True) for i in range(100)])

    def test_absurd_times_and_sizes(self):
        p = self.publish("absurd")
        p.send(rtmp.video_config(), rtmp.audio_config())
        times = [0, 0xFFFFFFFF, 0, 0x7FFFFFFF, 0x80000000, 1, 0xFFFFFF, 0x1000000, 0, 5000, 4, 10**9]
        for n in range(40):
            for i, t in enumerate(times):
                p.send(rtmp.picture(t, (n + i) % 5 == 0, composition=(-8000000, 8000000, 0)[i % 3]),
                       rtmp.sound(t ^ 0x55555555))
            p.send(rtmp.picture(n * 33, payload=b""), rtmp.picture(n * 33, payload=b"\0\0\0\0"),
                   rtmp.picture(n * 33, True, nal_length=0xFFFFFFFF),
                   rtmp.picture(n * 33, nal_length=5000), rtmp.picture(n * 33, payload=b"\0\0"),
                   rtmp.message(rtmp.VIDEO, b""), rtmp.message(rtmp.AUDIO, b""),
                   rtmp.sound(n * 33, 0), rtmp.sound(n * 33, 1), rtmp.sound(n * 33, 9000))
        wait_for(lambda: stream_of(self.role, "absurd")["video_packets"] >= 40 * 15, 10, "all read")
        for segment in self.recipe.wait_playlist("/stream/absurd/source.m3u8").segments:
            self.assertLessEqual(segment.duration, 2.499)
            self.assertIn(self.recipe.get(segment.uri).status, (200, 404))

    def test_a_byte_at_a_time(self):
        p = self.publish("bytes")
        data = rtmp.video_config() + rtmp.audio_config() + b"".join(gop(0, 4, 60))
        for i in range(len(data)):
            p.send(data[i:i + 1])
        small = b"".join(  # chunks of one byte: each with its header of type 3
            m[:12] + m[12:13] + b"".join(bytes([0xC0 | m[0]]) + m[k:k + 1]
                                         for k in range(13, len(m)))
            for m in gop(200, 20, 60))
        p.send(rtmp.message(1, struct.pack(">I", 1), stream=0, chunk_stream=2), small)
        wait_for(lambda: stream_of(self.role, "bytes")["video_packets"] == 24, 10, "all read")
        self.assertEqual(stream_of(self.role, "bytes")["audio_packets"], 24)

    def test_sound_only_and_what_no_picture_precedes(self):
        sound = self.publish("sound_only")
        sound.send(rtmp.audio_config())
        late = self.publish("late_key")
        late.send(rtmp.audio_config())
        for i in range(20):
            sound.send(*[rtmp.sound((i * 50 + k) * 23) for k in range(50)])
            late.send(*[rtmp.sound(i * 100 + k * 23) for k in range(4)])
        late.send(*[rtmp.picture(2000 + i * 33) for i in range(10)])  # no header yet
        late.send(rtmp.video_config(), *[rtmp.picture(2400 + i * 33) for i in range(10)])  # no IDR
        for i in range(3):
            late.send(*gop(3000 + i * 1000))
        found = self.recipe.wait_playlist("/stream/late_key/source.m3u8")
        self.assertFalse(found.segments[0].discontinuity)
        self.assertEqual(stream_of(self.role, "late_key")["undecodable_dropped"], 20)
        self.assertLess(self.role.status()["blob_bytes"], MB)
        alone = self.recipe.wait_playlist("/stream/sound_only/source.m3u8", 5)
        self.assertTrue(all(s.duration < 2.5 for s in alone.segments))

    def test_a_hundred_megabits_a_second(self):
        p = self.publish("heavy")
        p.send(rtmp.video_config())
        size = 100_000_000 // 8 // 30
        for i in range(30 * 16):
            p.send(rtmp.picture(i * 33, i % 30 == 0, size))
        found = self.recipe.wait_playlist("/stream/heavy/source.m3u8", 6)
        self.assertEqual(self.recipe.get(found.segments[-1].uri).status, 200)
        self.assertLess(self.role.status()["blob_bytes"], 256 * MB)
        p.close()
        # Only while it is there.
        wait_for(lambda: stream_of(self.role, "heavy") is None, 10, "the stream has gone")
        wait_for(lambda: self.role.status()["blob_bytes"] < MB, 5, "its memory has gone")

    def test_a_hundred_rounds(self):
        def rounds(n):
            for i in range(n):
                with self.publish(f"round{i % 7}") as p:
                    p.send(rtmp.video_config(), rtmp.audio_config(), *gop(0, 30))

        def empty():
            s = self.role.status()
            return not s["streams"] and s["blob_bytes"] == 0

        found = []
        for _ in range(3):
            rounds(50)
            wait_for(empty, 10, "nothing is left")
            found.append(resident(self.role))
        self.assertLess(found[2] - found[0], 4 * MB, found)


class Viewers(Hostile):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("show"), size="640x480", bitrate="10000k",
                                       audio=False)  # pictures only play too
        cls.addClassCleanup(cls.publisher.kill)
        cls.recipe.wait_playlist("/stream/show/source.m3u8", 2)

    def tearDown(self):
        self.assertTrue(self.role.alive())
        self.assertLess(resident(self.role) - self.before, GROWTH_MAX)

    def open(self):
        s = socket.create_connection(("127.0.0.1", self.recipe.http_port), timeout=10)
        self.addCleanup(s.close)
        return s

    def answers(self, request, enough):
        s = self.open()
        try:
            s.sendall(request)
        except ConnectionError:
            pass
        got = b""
        while not enough(got):
            try:
                more = s.recv(65536)
            except ConnectionError:
                break
            if not more:
                break
            got += more
        return got

    def test_pictures_alone_play(self):
        segment = self.recipe.wait_playlist("/stream/show/source.m3u8").segments[-1]
        path = harness.temp_dir() / "show.ts"
        path.write_bytes(self.recipe.get(segment.uri).body)
        self.assertEqual([s["codec_name"] for s in harness.ffprobe_streams(path)], ["h264"])
        self.assertEqual(harness.decode_errors(path), "")

    def test_many_requests_at_once_on_one_connection(self):
        ask = b"GET /stream/show/source.m3u8 HTTP/1.1\r\nHost: x\r\n\r\n"
        got = self.answers(ask * 200, lambda g: g.count(b"HTTP/1.1 200") == 200)
        self.assertEqual(got.count(b"HTTP/1.1 200"), 200)

    def test_heads_and_bodies_that_are_too_large_or_pointless(self):
        long = b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100000 + b"\r\n\r\n"
        self.assertIn(b"431", self.answers(long, lambda g: False)[:20])
        self.answers(b"GET /" + b"a" * 100000, lambda g: b"\r\n\r\n" in g)
        self.answers(os.urandom(100000), lambda g: b"\r\n\r\n" in g)
        post = b"POST /stream/show.m3u8 HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\n"
        self.assertIn(b"405", self.answers(post + bytes(100000), lambda g: b"\r\n\r\n" in g)[:20])
        options = b"OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"
        self.assertIn(b"204", self.answers(options, lambda g: b"\r\n\r\n" in g)[:20])

    def test_streams_that_are_not_there(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.recipe.http_port, timeout=10)
        before = None
        for i in range(6000):
            connection.request("GET", f"/stream/nobody{i}/source/{i}.ts")
            answer = connection.getresponse()
            answer.read()
            self.assertEqual(answer.status, 404)
            before = resident(self.role) if i == 1000 else before
        connection.close()
        self.assertLess(resident(self.role) - before, 2 * MB)

    def test_slow_readers_share_the_bytes(self):
        segment = self.recipe.wait_playlist("/stream/show/source.m3u8").segments[-1]
        ask = f"GET {segment.uri} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        slow = []
        for _ in range(300):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", self.recipe.http_port))
            s.sendall(ask)
            slow.append(s)
        self.assertEqual(self.recipe.get("/stream/show/source.m3u8").status, 200)
        self.assertLess(self.role.status()["blob_bytes"], 128 * MB)
        for s in slow:
            s.close()


class Ends(TestCase):
    """It ends with 0 and in time, whoever is still there."""

    def busy(self, recipe):
        """Connections in every state that there is."""
        kept = [Raw(recipe.rtmp_port) for _ in range(5)]
        kept[0].publish("a").send(rtmp.video_config(), *gop(0), *gop(1000), *gop(2000))
        kept[1].connect()
        kept[2].send(b"\3")
        recipe.wait_playlist("/stream/a/source.m3u8")
        for port in (recipe.http_port, recipe.broadcaster.cli_port):
            for data in (b"", b"GET / HT", b"GET /stream/a/source.m3u8 HTTP/1.1\r\nHost: x\r\n\r\n"):
                s = socket.create_connection(("127.0.0.1", port), timeout=10)
                s.sendall(data)
                kept.append(s)
        return kept

    def test_while_everybody_is_connected(self):
        with Recipe(order="B") as r:
            kept = self.busy(r)
            self.assertEqual(r.broadcaster.stop(timeout=8), 0)
            for s in kept:
                s.close()

    def test_when_it_is_told_twice(self):
        with Recipe(order="B") as r:
            kept = self.busy(r)
            r.broadcaster.pause()  # so that both are there when it looks
            for number in (signal.SIGTERM, signal.SIGINT):
                r.broadcaster.popen.send_signal(number)
            r.broadcaster.resume()
            self.assertEqual(r.broadcaster.wait(8), 0)
            for s in kept:
                s.close()


class Files(TestCase):
    """Hardly any files may be open."""

    def test_the_limit_is_raised(self):
        old = resource.getrlimit(resource.RLIMIT_NOFILE)
        with Recipe(order="") as r:
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, old[1]))
            try:
                role = r.start_broadcaster()
                limits = Path(f"/proc/{role.pid}/limits").read_text(encoding="utf-8")
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, old)
            self.assertRegex(limits, rf"Max open files +{old[1]} +{old[1]} ")

    def test_none_left(self):
        with Recipe(order="B") as r:
            role = r.broadcaster
            used = len(os.listdir(f"/proc/{role.pid}/fd"))
            resource.prlimit(role.pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
            mark = role.log_mark()
            kept = [socket.create_connection(("127.0.0.1", r.rtmp_port), timeout=10)
                    for _ in range(40)]
            role.wait_log("accept_failed", since=mark)
            for s in kept:
                s.close()
            wait_for(lambda: r.get("/healthz").status == 200, 10, "viewers are served again")
            with Raw(r.rtmp_port).publish("again") as p:
                p.send(rtmp.video_config(), *gop(0), *gop(1000), *gop(2000))
                r.wait_playlist("/stream/again/source.m3u8")
            self.assertLess(role.log_mark() - mark, 100_000)
            self.assertEqual(role.stop(), 0)


if __name__ == "__main__":
    harness.main()
