"""Streams with something wrong with them, all live at once against one broadcaster, for the tests that
look at one each. The media is real, its times and order are changed on the way."""
import functools
import sys
import threading
import time

from harness import (ROOT, RUNG, TIME_SCALE, Follower, Recipe, TestCase, decode_errors, ffprobe_packets,
                     run, temp_dir, wait_for)

sys.path.insert(0, str(ROOT / "tests" / "support"))
from rtmp_client import AUDIO, VIDEO, RtmpPublisher, Tag, flv_tags  # noqa: E402

ALL_S = 15  # until all that a publisher has sent is listed, in rungs too
END_S = 10  # for who is told to end its publishing
IDLE_MS = 600_000  # longer than any of this takes: publishers stay when they have sent all


def is_config(tag):
    return tag.body[1:2] == b"\0" and tag.body[:1] in (b"\x17", b"\xaf")


@functools.lru_cache(None)
def clip(seconds=12, keyint=30, rate=30, options=(), size="160x120"):
    """An FLV file's tags: its codec headers, and its pictures and sounds in order."""
    path = temp_dir() / "clip.flv"
    sound = ["-f", "lavfi", "-i", "sine"]
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                f"testsrc=size={size}:rate={rate},format=yuv420p", *sound, "-t", str(seconds),
                "-c:v", "libx264", "-preset", "ultrafast", "-g", str(keyint), "-x264-params",
                f"keyint={keyint}:scenecut=0", *options, "-c:a", "aac", "-f", "flv", path],
               timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    tags = list(flv_tags(path))
    return [t for t in tags if is_config(t)], [t for t in tags if not is_config(t)]


class Paced(threading.Thread):
    """Publishes tags, each at its time (or at once, when it is None): [(seconds, Tag)]. When they are
    all sent it stays connected."""

    def __init__(self, url, timed):
        super().__init__(daemon=True)
        self.url, self.timed, self.error = url, timed, None
        self.done = threading.Event()
        self.publisher = None
        self.sent = None  # when all was
        self.start()

    def run(self):
        try:
            with RtmpPublisher(self.url, 30 * TIME_SCALE) as p:
                self.publisher = p
                start = time.monotonic()
                for at, tag in self.timed:
                    wait = 0 if at is None else start + at - time.monotonic()
                    if wait > 0 and self.done.wait(wait):
                        break
                    p.send(tag.type, tag.timestamp & 0xFFFFFFFF, tag.body)
                self.sent = time.monotonic()
                self.done.wait()
        except OSError as e:
            self.error = e

    def check(self):
        """RuntimeError when there is no use to wait for more of it."""
        if self.error:
            raise RuntimeError(f"{self.url}: {self.error!r}")
        if self.sent and time.monotonic() - self.sent > ALL_S * TIME_SCALE:
            raise RuntimeError(f"{self.url}: all was sent {ALL_S} s ago: no more comes")

    def stop(self):
        self.done.set()
        self.join(END_S * TIME_SCALE)
        if self.is_alive() and self.publisher:
            self.publisher.cut()  # it waits for a server that does not read
            self.join()
            raise AssertionError(f"{self.url}: the server has not read for {END_S} s")


def timed(headers, tags):
    return [(None, h) for h in headers] + [(t.timestamp / 1000, t) for t in tags]


def moved(tag, ms):
    return Tag(tag.type, tag.timestamp + ms, tag.body)


def without(kind, start_ms, end_ms):
    return lambda headers, tags: timed(headers, [
        t for t in tags if t.type != kind or not start_ms <= t.timestamp < end_ms])


def whole(headers, tags):
    return timed(headers, tags)


class Streams(TestCase):
    """A derived class has the streams' names in STREAMS, with the options of the clip and what is
    done to it: how(headers, tags) gives what Paced sends."""

    STREAMS = {}

    @classmethod
    def setUpClass(cls):
        made = {name: how(*clip(**options)) for name, (options, how) in cls.STREAMS.items()}
        cls.recipe = Recipe(
            transcoders=2, orchestrator_flags=["-maxSessions", "40"],
            broadcaster_flags=["-idleTimeoutMs", IDLE_MS, "-maxSessions", "40"]).start()
        cls.addClassCleanup(cls.recipe.__exit__, None, None, None)
        cls.publishers = {}
        for name, tags in made.items():
            cls.publishers[name] = Paced(cls.recipe.rtmp(name), tags)
            cls.addClassCleanup(cls.publishers[name].stop)

    def stream(self, name):
        return next(s for s in self.recipe.broadcaster.status()["streams"] if s["id"] == name)

    def follow(self, name, seconds, rung=True, timeout=40):
        """Follows source and rung until both have so many seconds; the publisher is still there."""
        urls = [self.recipe.url(f"/stream/{name}/{r}.m3u8")
                for r in ("source", *([RUNG] if rung else []))]

        def listed():
            if all(self.recipe.get(u[u.index("/stream"):]).status == 200 for u in urls):
                return True
            self.publishers[name].check()
            return False

        wait_for(listed, 30, f"{name} and its rung are there")
        f = Follower(*urls)

        def enough():
            if all(f.seconds(u) >= seconds for u in urls):
                return True
            self.publishers[name].check()
            return False

        f.follow(enough, timeout)
        for u in urls:
            self.assert_rising(f.numbers(u), u, step=1)
            self.assertFalse([s for s in f.segments[u] if s.gap], u)
            self.assertFalse([s for s in f.segments[u] if s.duration >= 2.5], u)
        self.assertEqual(self.stream(name)["state"], "live")
        return f, urls

    def decodes(self, path):
        self.assertEqual(decode_errors(path), "")

    def judge(self, f, url):
        """Decodes what was followed; returns its packets. Times rise over all segments."""
        path = f.join(url, temp_dir() / "joined.ts")
        self.decodes(path)
        packets = {k: ffprobe_packets(path, k) for k in ("video", "audio")}
        for kind, found in packets.items():
            self.assertTrue(found, kind)
            self.assert_rising([p["dts"] for p in found], kind)
        return packets
