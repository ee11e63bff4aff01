"""Twenty publishers that do everything wrong at once, for two minutes, and an honest one among them
that loses nothing by it. CHAOS_SECONDS and CHAOS_SEED make it shorter, or another one."""
# time limit: 600 s
import contextlib
import os
import random
import re
import signal
import socket
import struct
import threading
import time

import harness
import raw_rtmp as rtmp
from harness import RUNG, Recipe, TestCase, ffmpeg_publish, tool_publish, wait_for
from test_auth import Webhook
from watcher import Watcher

SECONDS = float(os.environ.get("CHAOS_SECONDS", 120))
SEED = int(os.environ.get("CHAOS_SEED", time.time()))
HONEST, ID = "an-honest-key-of-its-own", "honest"
RAW, REAL = 17, 3
STREAMS = 8
GRACE_S = 2

# A stream holds 32 MB of the open segment and 64 MB of closed ones at most; what is seen here is far
# less, and must not grow once all of them have been there.
GROWTH_MB = 60

AV1 = bytes.fromhex("81000c000a0b000000043cffbcdaf90040")
HEVC = bytes.fromhex(
    "0104080000009e08000000003cf000fcfff8f800000f03200001001740010c01ffff0408000003009e0800000300"
    "003c959809210001002b4201010408000003009e0800000300003c90014101e2cb2b349265780b70202000400000"
    "0300400000078222000100084401c172860c4624")
VP9_KEY = bytes.fromhex("824983424013f00ef00000")
OPUS = b"OpusHead\1\2\0\0\x80\xbb\0\0\0\0\0"


def message(kind, body, ms=0, **more):
    return rtmp.message(kind, body, ms & 0xFFFFFFFF, **more)


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M)[1]) / 1024


def keys_text(chance, all_of_them=False):
    """Two keys for each stream; now and then some are missing."""
    lines = [f"  - {{key: {HONEST}, id: {ID}}}"]
    for i in range(STREAMS):
        for half in "ab":
            if all_of_them or chance.random() < 0.9:
                ladder = f"[{RUNG}]" if i == 0 else "[]"
                lines.append(f"  - {{key: chaos{i}{half}, id: c{i}, ladder: {ladder}}}")
    return "keys:\n" + "\n".join(lines) + "\n"


class Enemy(threading.Thread):
    """One raw publisher: lives, each of them short and odd."""

    def __init__(self, port, seed, over):
        super().__init__(daemon=True)
        self.port, self.over = port, over
        self.chance = random.Random(seed)
        self.lives = 0
        self.admitted = 0
        self.fault = None

    def run(self):
        lives = (self.say_nothing, self.say_half, self.guess, self.publish, self.publish,
                 self.publish, self.publish)
        while not self.over.is_set():
            try:
                self.chance.choice(lives)()
            except (OSError, ConnectionError):
                pass  # it was refused, closed or cut: what an enemy is for
            except Exception as e:  # of the test's own
                self.fault = e
                return
            self.lives += 1
            self.over.wait(self.chance.random() * 0.3)

    def say_nothing(self):
        with rtmp.Raw(self.port):
            self.over.wait(self.chance.random() * 2)

    def say_half(self):
        with rtmp.Raw(self.port) as p:
            all_of_it = rtmp.handshake_bytes() + os.urandom(2000)
            p.send(all_of_it[:self.chance.randrange(len(all_of_it))])
            self.cut(p)

    def guess(self):
        with rtmp.Raw(self.port) as p:
            p.publish(f"live/{self.chance.choice(['', 'c0', 'wrong', 'a' * 700, 'x/y/z', '%0a'])}")

    def cut(self, p):
        if self.chance.random() < 0.5:  # a reset, as of a killed host's
            p.s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        p.close()

    def name(self):
        return f"live/chaos{self.chance.randrange(STREAMS)}{self.chance.choice('ab')}"

    def publish(self):
        c = self.chance
        with rtmp.Raw(self.port) as p:
            p.publish(self.name())
            self.admitted += 1
            self.clock = c.choice([0, 0, 1000, 2**31 - 500, 2**32 - 500])
            self.width = 640
            p.send(self.header(), rtmp.audio_config())
            until = time.monotonic() + c.random() * 8
            odd = c.random() * 0.4
            first = True
            while time.monotonic() < until and not self.over.is_set():
                step = c.choice(self.oddities)(self) if c.random() < odd else b""
                p.send(step, rtmp.picture(self.clock, first or c.random() < 0.05,
                                          size=c.choice([0, 1, 400, 400, 4000])),
                       rtmp.sound(self.clock))
                first = False
                self.clock += 40
                self.over.wait(0.02 if c.random() < 0.7 else 0)
            self.end(p)

    def end(self, p):
        c = self.chance
        how = c.randrange(4)
        if how == 0:
            frame = rtmp.picture(self.clock, True, size=20000)
            p.send(frame[:c.randrange(1, len(frame))])
            self.cut(p)
        elif how == 1:
            p.send(message(20, rtmp.text("deleteStream") + rtmp.number(4) + b"\5"
                                + rtmp.number(1), chunk_stream=3))
            p.send(message(20, rtmp.text("publish") + rtmp.number(5) + b"\5"
                                + rtmp.text(self.name()) + rtmp.text("live"), chunk_stream=8))
            self.over.wait(c.random())
        elif how == 2:
            self.over.wait(c.random() * 4)  # half dead: another one takes over meanwhile
        else:
            self.cut(p)

    # --- what is odd: each gives the bytes of some messages ---

    def header(self):
        return rtmp.video_config(self.width, 480)

    def other_size(self):
        self.width = self.chance.choice([320, 640, 1280])
        return self.header()

    def other_time(self):
        self.clock = self.chance.choice([0, self.clock - 700, self.clock + 5000, 2**31, 2**32 - 1,
                                         self.chance.randrange(2**32)]) & 0xFFFFFFFF
        return b""

    def shown_far(self):
        ms = self.clock
        return rtmp.picture(ms, composition=self.chance.choice([-80, -8388608, 8388607, 3000]))

    def other_codec(self):
        ms = self.clock
        return self.chance.choice([
            message(9, b"\x90hvc1" + HEVC, ms) +
            message(9, b"\x91hvc1\0\0\0\0\0\0\x03\x26\x01\xaa", ms),
            message(9, b"\x90av01" + AV1, ms) +
            message(9, b"\x91av01\x12\0" + AV1[4:] + b"\x32\x01\x10", ms),
            message(9, b"\x91vp09" + VP9_KEY, ms),
            message(8, b"\x90Opus" + OPUS, ms) + message(8, b"\x91Opus\xfc\xff\xfe", ms),
            message(8, b"\x91ac-3\x0b\x77" + os.urandom(60), ms),
            rtmp.audio_config(self.chance.choice([b"\x11\x90", b"\x17\x80\0\0\x88", b"\x12\x10"])),
        ])

    def many_tracks(self):
        """Eight pictures in one message, each with a header of its own now and then."""
        record = rtmp.video_config(self.chance.choice([320, 640]))[12 + 5:]
        out = b""
        for i in range(8):
            if self.chance.random() < 0.3:
                out += message(9, b"\x96\x00avc1" + bytes([i]) + record, self.clock)
        parts = b""
        for i in range(8):
            nal = b"\x65" + os.urandom(self.chance.choice([1, 50, 3000]))
            unit = b"\0\0\0" + struct.pack(">I", len(nal)) + nal
            parts += bytes([i]) + struct.pack(">I", len(unit))[1:] + unit
        far = self.chance.choice([self.clock, self.clock, 0, 2**31])
        return out + message(9, b"\x96\x11avc1" + parts, far & 0xFFFFFFFF)

    def more_sound(self):
        return b"".join(message(8, b"\x95\x00mp4a\1" + asc, self.clock)
                        for asc in (b"\x12\x10", b"\x11\x90"))

    def lies(self):
        text = "a\nb\x1b[2J\"quoted\" \x7f" + "x" * self.chance.choice([1, 300])
        return message(18, rtmp.text("@setDataFrame") + rtmp.text("onMetaData") + b"\3"
                            + b"\0\7encoder" + rtmp.text(text) + b"\0\5width"
                            + rtmp.number(self.chance.choice([-1, 1e308, float("nan"), 640]))
                            + b"\0\0\x09")

    def garbage(self):
        return message(self.chance.choice([4, 8, 9, 9, 15, 18, 20, 22]),
                            os.urandom(self.chance.choice([0, 1, 5, 200])), self.clock)

    def large(self):
        return rtmp.picture(self.clock, self.chance.random() < 0.5, size=700_000)

    oddities = (other_size, other_time, shown_far, other_codec, many_tracks, more_sound, lies,
                garbage, large)


class Chaos(TestCase):
    def webhook(self, chance):
        """Mostly yes, slowly; now and then no, or nonsense. The honest one is let alone."""
        def answer(body):
            dice = chance.random()
            if HONEST in body.get("url", ""):
                return 200, b""
            time.sleep(chance.random() * 0.3)
            return ((403, b"") if dice < 0.05 else (200, b"{nonsense") if dice < 0.1
                    else (500, b"x" * 100000) if dice < 0.12 else (200, b""))

        hook = Webhook(answer)
        hook.server.handle_error = lambda *_: None  # who asked has gone
        self.addCleanup(hook.close)
        return hook

    def real(self, recipe, seed, over, stack):
        """An encoder that is killed again and again, and comes back."""
        chance = random.Random(seed)

        def go():
            while not over.is_set():
                url = recipe.rtmp(f"live/chaos{chance.randrange(STREAMS)}a")
                p = ffmpeg_publish(url, size="320x240", bitrate="300k")
                over.wait(1 + chance.random() * 8)
                p.kill()

        thread = threading.Thread(target=go, daemon=True)
        thread.start()
        stack.callback(thread.join, 30)
        stack.callback(over.set)

    def storm(self, r, path, chance, sizes, watchers, until):
        """The operator's part: keys come and go, and the memory is looked at."""
        while time.monotonic() < until:
            path.write_text(keys_text(chance))
            r.broadcaster.popen.send_signal(signal.SIGHUP)
            time.sleep(1)
            self.assertTrue(r.broadcaster.alive(), r.broadcaster.tail())
            sizes.append(rss_mb(r.broadcaster.pid))
            for w in watchers:
                self.assertTrue(w.alive(), w.log()[-2000:])

    def check_log(self, log):
        self.assertNotRegex(log, "[\x00-\x09\x0b-\x1f\x7f]")
        for secret in (HONEST, "chaos0a", "hush-hush", "pass-word"):
            self.assertNotIn(secret, log)
        for line in log.splitlines():
            self.assertRegex(line, r"^\d{4}-\d\d-\d\dT[\d:.]+Z (error|warn|info|debug) ")

    def test_twenty_enemies(self):
        print(f"CHAOS_SEED={SEED}", flush=True)
        chance = random.Random(SEED)
        hook = self.webhook(random.Random(SEED + 1))
        path = harness.temp_dir() / "keys.yaml"
        path.write_text(keys_text(chance, all_of_them=True))
        over = threading.Event()
        sizes = []
        flags = ["-keysFile", path, "-authWebhookUrl", hook.url, "-reconnectGrace", f"{GRACE_S}s",
                 "-maxSessions", "30"]
        with Recipe(broadcaster_flags=flags) as r, contextlib.ExitStack() as stack:
            stack.enter_context(tool_publish(r.rtmp(f"live/{HONEST}"), "-test", "-size", "320x240"))
            watchers = []
            for name in ("source.m3u8", f"{RUNG}.m3u8", "source/live.m3u8"):
                r.wait_playlist(f"/stream/{ID}/{name}", timeout=30)
                watchers.append(stack.enter_context(Watcher(r.url(f"/stream/{ID}/{name}"))))
            enemies = [Enemy(r.rtmp_port, SEED + 10 + i, over) for i in range(RAW)]
            for e in enemies:
                e.start()
            for i in range(REAL):
                self.real(r, SEED + 100 + i, over, stack)
            self.storm(r, path, chance, sizes, watchers, time.monotonic() + SECONDS)
            print("lives", sum(e.lives for e in enemies), "admitted",
                  sum(e.admitted for e in enemies), "MB",
                  [round(s) for s in sizes[::max(1, len(sizes) // 20)]], flush=True)
            self.assertEqual([e.fault for e in enemies if e.fault], [])
            self.assertTrue(all(e.lives for e in enemies))
            self.assertGreater(sum(e.admitted for e in enemies), RAW)
            for w in watchers:
                w.judge(self, discontinuities=0)
            half = len(sizes) // 2
            if harness.TIME_SCALE <= 1:  # sanitizers keep what was freed
                self.assertLess(max(sizes[half:]), max(sizes[:half]) + GROWTH_MB, sizes)
            status = r.broadcaster.status()
            self.assertGreater(status["admission"]["revoked"], 0)
            self.assertEqual(r.broadcaster.stop(timeout=30), 0)  # in the middle of it all
            over.set()
            self.check_log(r.broadcaster.log())


if __name__ == "__main__":
    harness.main()
