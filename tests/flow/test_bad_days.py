"""Bad input and bad days of the recipe: strangers, wrong secrets, killed and paused roles."""
# time limit: 300 s
# usual time: 90 s
import os
import signal
import socket
import struct
import time

import harness
from harness import RUNG, Follower, Recipe, TestCase, ffmpeg_publish, free_port, wait_for

STREAM = "hello_world"
SOURCE_PATH = f"/stream/{STREAM}/source.m3u8"
RUNG_PATH = f"/stream/{STREAM}/{RUNG}.m3u8"


def publish(recipe, **more):
    """Small pictures."""
    return ffmpeg_publish(recipe.rtmp(STREAM), size="160x120", bitrate="500k", **more)


def stream_of(role, stream=STREAM):
    return next(s for s in role.status()["streams"] if s["id"] == stream)


def rungs_of(role):
    return {r["name"]: r for r in stream_of(role)["rungs"]}


class Watched(TestCase):
    """The source never has a gap; the rung keeps its numbers in step with the source's."""

    def watch_over(self, recipe, disturb):
        """Publishes, disturbs once both playlists run, and follows until all has settled."""
        with publish(recipe):
            recipe.wait_playlist(SOURCE_PATH)
            recipe.wait_playlist(RUNG_PATH, timeout=15)
            follower = Follower(recipe.url(SOURCE_PATH), recipe.url(RUNG_PATH))
            follower.poll()
            last = disturb(follower)
            follower.follow(
                lambda: follower.numbers(recipe.url(RUNG_PATH))[-1] >= last + 2, timeout=40)
        return follower

    def check(self, recipe, follower):
        source, rung = recipe.url(SOURCE_PATH), recipe.url(RUNG_PATH)
        self.assert_rising(follower.numbers(source), "source numbers", step=1)
        self.assert_rising(follower.numbers(rung), "rung numbers", step=1)
        self.assertFalse([s for s in follower.segments[source] if s.gap], "the source has a gap")
        durations = {s.number: s.duration for s in follower.segments[source]}
        for s in follower.segments[rung]:
            if s.number in durations:
                self.assertAlmostEqual(s.duration, durations[s.number], places=3)
        whole = [s.number for s in follower.segments[rung] if not s.gap]
        path = follower.join(rung, harness.temp_dir() / "rung.ts", whole)
        self.assertEqual(harness.decode_errors(path), "")
        dts = [p["dts"] for p in harness.ffprobe_packets(path, "video")]
        self.assert_rising(dts, "rung DTS")

    def wait_until_behind(self, recipe, follower, seconds):
        """Follows the source for so many seconds of media while something is down."""
        source = recipe.url(SOURCE_PATH)
        start = follower.numbers(source)[-1]
        follower.follow(lambda: follower.numbers(source)[-1] >= start + seconds // 2, timeout=30)
        return follower.numbers(source)[-1]


class KilledRoles(Watched):
    """long_bad_days.py has more; test_farm.py kills roles on hosts of their own."""

    def test_transcoder_killed_and_back(self):
        with Recipe() as r:
            def disturb(follower):
                r.transcoders[0].kill()
                last = self.wait_until_behind(r, follower, 6)
                r.transcoders.append(r.transcoders[0].again())
                return last

            follower = self.watch_over(r, disturb)
            self.check(r, follower)
            # Six seconds are within the deadline: everything was made good.
            self.assertFalse([s for s in follower.segments[r.url(RUNG_PATH)] if s.gap])

    def test_lost_rungs_become_gaps(self):
        """No transcoder for longer than the deadline: gaps, and the numbers stay in step."""
        with Recipe(broadcaster_flags=["-rungDeadlineMs", "1200"]) as r:
            def disturb(follower):
                r.transcoders[0].kill()
                last = self.wait_until_behind(r, follower, 8)
                r.transcoders.append(r.transcoders[0].again())
                return last

            follower = self.watch_over(r, disturb)
            self.check(r, follower)
            gaps = [s.number for s in follower.segments[r.url(RUNG_PATH)] if s.gap]
            self.assertTrue(gaps, "no gap was listed")
            got = r.get(f"/stream/{STREAM}/{RUNG}/{gaps[0]}.ts")
            self.assertEqual(got.status, 404)
            self.assertGreater(rungs_of(r.broadcaster)[RUNG]["gaps"], 0)
            self.assertEqual(rungs_of(r.broadcaster)["source"]["gaps"], 0)

    def test_broadcaster_restarted_goes_on_with_higher_numbers(self):
        with Recipe() as r:
            with publish(r):
                before = r.wait_playlist(SOURCE_PATH, 2).segments[-1].number
            r.broadcaster.kill()
            r.broadcaster = r.broadcaster.again()
            with publish(r):
                after = r.wait_playlist(SOURCE_PATH).media_sequence
            self.assertGreater(after, before)


class Secrets(TestCase):
    def test_wrong_secret_is_refused_in_words(self):
        with Recipe() as r:
            stranger = harness.Role(
                "transcoder",
                ["-orchAddr", f"127.0.0.1:{r.service_port}", "-orchSecret", "another one"])
            with stranger:
                stranger.wait_log(r"does not accept this secret", timeout=10)
                r.orchestrator.wait_log(
                    r"refused (a connection from |peer=)127\.0\.0\.1.*its secret is not ours",
                    timeout=10)
                names = [t["name"] for t in r.orchestrator.status()["transcoders"]]
                self.assertEqual(len(names), 1)
                self.assertNotIn("another one", stranger.log() + r.orchestrator.log())
                self.assertEqual(stranger.stop(), 0)
            self.assertNotIn("secret=secret", r.orchestrator.log())

    def test_broadcaster_needs_no_secret_on_the_same_host_only(self):
        with Recipe(order="OT") as r:
            elsewhere = harness.Role("broadcaster", r.flags["B"])  # another data directory
            with elsewhere:
                elsewhere.wait_log(r"no credential for orchestrator")
                self.assertFalse(elsewhere.status()["orchestrator"]["connected"])
            given = harness.Role("broadcaster", [*r.flags["B"], "-orchSecret", "secret"])
            with given:
                wait_for(lambda: given.status()["orchestrator"]["connected"], 10, "connected")

    def test_credential_is_private(self):
        with Recipe(order="O") as r:
            files = list((r.data_dir / "credentials").iterdir())
            self.assertEqual(len(files), 1)
            self.assertEqual(files[0].stat().st_mode & 0o777, 0o600)
            self.assertNotIn(b"secret\n", files[0].read_bytes().replace(b"secret_key", b""))


class Strangers(TestCase):
    """Bytes that belong to nobody, at both doors."""

    def send(self, port, data, wait_closed):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
            try:
                s.sendall(data)
                s.settimeout(wait_closed * harness.TIME_SCALE)
                while s.recv(65536):
                    pass
            except (ConnectionError, BrokenPipeError):
                pass  # closed with bytes unread: a reset

    def test_strangers_on_the_service_port(self):
        with Recipe() as r:
            with publish(r):
                r.wait_playlist(RUNG_PATH, timeout=15)
                greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + b"\0" * 48
                for data in (os.urandom(4096), greeting, b"GET / HTTP/1.1\r\n\r\n",
                             greeting[:12] + b"CURVE" + b"\0" * 15 + b"\0" * 32
                             + b"\x02" + struct.pack(">Q", 1 << 30)):
                    try:
                        self.send(r.service_port, data, wait_closed=5)
                    except socket.timeout:
                        pass  # it waits for the rest of a greeting: that is its own limit to keep
                before = r.wait_playlist(RUNG_PATH).segments[-1].number
                wait_for(lambda: r.wait_playlist(RUNG_PATH).segments[-1].number > before, 10,
                         "the rung goes on")
                self.assertTrue(r.orchestrator.alive())
                link = r.orchestrator.status()["link"]
                self.assertGreater(link["refused"] + link["dropped"], 0)

    def test_strangers_on_the_rtmp_port(self):
        with Recipe(order="OB", broadcaster_flags=["-setupTimeoutMs", "1000"]) as r:
            with publish(r):
                r.wait_playlist(SOURCE_PATH)
                mark = time.monotonic()
                c0c1 = b"\3" + b"\0" * 8 + os.urandom(1528)
                huge = c0c1 + os.urandom(1536) + b"\3\0\0\0\xff\xff\xff\x14\0\0\0\0" + b"x" * 65536
                for data in (os.urandom(65536), c0c1[:700], c0c1, huge, b"\3", b""):
                    self.send(r.rtmp_port, data, wait_closed=10)
                slow = socket.create_connection(("127.0.0.1", r.rtmp_port), timeout=10)
                with slow:
                    def closed():
                        try:
                            slow.sendall(b"\3")
                            slow.settimeout(0.1)
                            return slow.recv(1) == b""
                        except socket.timeout:
                            return False
                        except ConnectionError:
                            return True

                    wait_for(closed, 10, "a byte at a time is closed")
                self.assertLess(time.monotonic() - mark, 60 * harness.TIME_SCALE)
                before = r.wait_playlist(SOURCE_PATH).segments[-1].number
                wait_for(lambda: r.wait_playlist(SOURCE_PATH).segments[-1].number > before, 10,
                         "the publisher is unharmed")
                ingest = r.broadcaster.status()["ingest"]
                self.assertGreater(ingest["protocol_errors"], 0)
                self.assertGreater(ingest["timeouts"], 0)
                self.assertEqual(rungs_of(r.broadcaster)["source"]["gaps"], 0)

    def test_second_publisher_is_refused(self):
        with Recipe(order="OB") as r:
            with publish(r):
                r.wait_playlist(SOURCE_PATH)
                second = harness.run(
                    ["ffmpeg", "-nostdin", "-loglevel", "debug", "-re", "-f", "lavfi", "-i",
                     "testsrc=size=160x120:rate=30", "-t", "5", "-c:v", "libx264", "-f", "flv",
                     r.rtmp(STREAM + "/another_key")], timeout=30)
                self.assertNotEqual(second.returncode, 0)
                self.assertIn("published already", second.stderr)
                self.assertEqual(stream_of(r.broadcaster)["state"], "live")
            # The first one's key, none, is taken again at once when it has gone.
            with publish(r) as third:
                newest = r.wait_playlist(SOURCE_PATH).segments[-1].number
                wait_for(lambda: r.wait_playlist(SOURCE_PATH).segments[-1].number > newest, 10,
                         "the next publisher goes on")
                self.assertTrue(third.alive())


class PublisherComesAndGoes(TestCase):
    def test_the_same_playlist_goes_on_behind_a_discontinuity(self):
        with Recipe(order="OTB") as r:
            with publish(r) as first:
                r.wait_playlist(RUNG_PATH, 2, timeout=15)
                first.kill()
            follower = Follower(r.url(SOURCE_PATH), r.url(RUNG_PATH))
            follower.poll()
            with publish(r):
                last = follower.numbers(r.url(SOURCE_PATH))[-1]
                follower.follow(
                    lambda: follower.numbers(r.url(RUNG_PATH))[-1] > last + 2, timeout=30)
            for path in (SOURCE_PATH, RUNG_PATH):
                url = r.url(path)
                self.assert_rising(follower.numbers(url), path, step=1)
                self.assertEqual(sum(s.discontinuity for s in follower.segments[url]), 1, path)

    def test_the_end_is_told_and_then_the_stream_is_gone(self):
        with Recipe(order="OTB",
                    broadcaster_flags=["-reconnectGrace", "1s", "-lingerMs", "2000"]) as r:
            with publish(r, seconds=5) as publisher:
                r.wait_playlist(SOURCE_PATH)
                publisher.wait()
            wait_for(lambda: r.wait_playlist(SOURCE_PATH).ended, 10, "EXT-X-ENDLIST")
            wait_for(lambda: r.get(SOURCE_PATH).status == 404, 10, "404 after the end")
            self.assertEqual(r.get("/stream/current.m3u8").status, 404)


if __name__ == "__main__":
    harness.main()
