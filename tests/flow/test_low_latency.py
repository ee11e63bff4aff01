"""Low-latency HLS of a real stream: blocking reloads, the hinted part, and what ends a wait."""
# time limit: 90 s
# usual time: 11 s
import concurrent.futures
import re
import socket
import time

import harness
from harness import Role, TestCase, ffmpeg_publish, free_port, http_get, run, wait_for

PART = re.compile(r'#EXT-X-PART:DURATION=([\d.]+),URI="(\d+)\.(\d+)\.m4s"')
HINT = re.compile(r'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="((\d+)\.(\d+)\.m4s)"')


def edge(text):
    """(number, index) of the newest part."""
    _, number, index = PART.findall(text)[-1]
    return int(number), int(index)


class Stream:
    """A broadcaster and ffmpeg, which publishes to it; a first segment is there."""

    def __init__(self, test, *flags):
        http, rtmp = free_port(), free_port()
        self.port = http
        self.role = Role("broadcaster", ["-httpAddr", f"127.0.0.1:{http}", "-reconnectGrace", "1s",
                                         "-rtmpAddr", f"127.0.0.1:{rtmp}", *flags])
        test.addCleanup(self.role.kill)
        self.base = f"http://127.0.0.1:{http}/stream/a"
        self.pool = concurrent.futures.ThreadPoolExecutor(16)
        self.publisher = ffmpeg_publish(f"rtmp://127.0.0.1:{rtmp}/a", size="160x120",
                                        keyint=30, bitrate="400k")
        test.addCleanup(self.publisher.kill)
        wait_for(lambda: "#EXTINF" in self.get("/source/live.m3u8").text, 15, "a first segment")

    def get(self, path, **more):
        return http_get(self.base + path, **more)

    def later(self, path):
        return self.pool.submit(self.get, path)

    def wait_held(self, n):
        wait_for(lambda: self.role.status()["viewers"]["held"] == n, 5, f"{n} requests wait")

    def pause(self):
        """The publisher stops. The newest number, once nothing comes any more."""
        self.publisher.pause()
        seen = []

        def same():
            seen.append(edge(self.get("/source/live.m3u8").text))
            return seen[-8:].count(seen[-1]) == 8

        wait_for(same, 5, "the last part has come")
        return seen[-1][0]


class LowLatency(TestCase):
    def test_a_player_at_the_edge_and_what_ends_its_waits(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            other = pool.submit(self.the_publisher_is_gone)
            self.stream = Stream(self)
            self.get = self.stream.get
            for done in [pool.submit(self.follow, "source"), pool.submit(self.follow, "audio"),
                         pool.submit(self.curl)]:
                done.result()
            self.hint("source", "video/iso.segment")
            self.hint("audio", "audio/mp4")
            self.refusals()
            self.silence()
            self.leaving()
            self.stopped()
            other.result()

    def follow(self, name):
        """Eight parts, each by its own reload, none of them late, early or twice."""
        number, index = edge(self.get(f"/{name}/live.m3u8").text)
        for _ in range(8):
            answer = self.get(f"/{name}/live.m3u8?_HLS_msn={number}&_HLS_part={index + 1}"
                              "&_HLS_skip=YES&token=t")
            self.assertEqual(answer.status, 200, answer.text)
            self.assertRegex(answer.headers["cache-control"], r"max-age=\d+")
            found = edge(answer.text.replace("?token=t", ""))
            self.assertIn(found, [(number, index + 1), (number + 1, 0)])
            number, index = found
            target = float(re.search("PART-TARGET=([0-9.]+)", answer.text)[1])
            self.assertTrue(all(float(p[0]) <= target for p in
                                PART.findall(answer.text.replace("?token=t", ""))), answer.text)
            other = "audio" if name == "source" else "source"
            self.assertRegex(answer.text, f'REPORT:URI="../{other}/live.m3u8.token=t",LAST-MSN')

    def hint(self, name, kind):
        path, _, _ = HINT.search(self.get(f"/{name}/live.m3u8").text).groups()
        answer = self.get(f"/{name}/{path}")
        if answer.status == 404:  # its segment ended before it
            path, _, _ = HINT.search(self.get(f"/{name}/live.m3u8").text).groups()
            answer = self.get(f"/{name}/{path}")
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(answer.headers["content-type"], kind)
        self.assertEqual(answer.body[4:8], b"moof")
        self.assertIn("immutable", answer.headers["cache-control"])

    def refusals(self):
        number, _ = edge(self.get("/source/live.m3u8").text)
        for query, why in ((f"_HLS_msn={number + 5}", "too far ahead"),
                           (f"_HLS_msn={number}&_HLS_part=900", "too far ahead"),
                           ("_HLS_msn=99999999999999999999999", "not a segment's number"),
                           ("_HLS_part=1", "without _HLS_msn"),
                           (f"_HLS_msn={number}&_HLS_msn={number}", "more than once")):
            answer = self.get(f"/source/live.m3u8?{query}")
            self.assertEqual((answer.status, why in answer.text), (400, True), answer.text)
            self.assertLess(answer.seconds, 1)
        self.assertEqual(self.get(f"/source/{number - 1}.900.m4s").status, 404)
        self.assertIn(self.get("/source/live.m3u8?t=" + "x" * 10240).status, (400, 414))

    def curl(self):
        number, _ = edge(self.get("/audio/live.m3u8").text)
        done = run(["curl", "-sS", "--compressed", "-w", "%{http_code} %{num_connects}\n",
                    f"{self.stream.base}/audio/live.m3u8?_HLS_msn={number - 1}",
                    f"{self.stream.base}/audio/live.m3u8?_HLS_msn={number}"], timeout=20)
        self.assertIn(f"\n{number}.m4s", done.stdout)
        self.assertRegex(done.stdout, "(?s)200 1\n.*200 0\n$")

    def silence(self):
        """A publisher that stops in mid stream: 503 after three target durations."""
        number = self.stream.pause()
        target = int(re.search("TARGETDURATION:([0-9]+)", self.get("/source/live.m3u8").text)[1])
        began = time.monotonic()
        waits = [self.stream.later(f"/{name}/live.m3u8?_HLS_msn={number + 1}")
                 for name in ("source", "audio")]
        self.stream.wait_held(2)
        for wait in waits:
            answer = wait.result()
            self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))
            self.assertIn("has not come in time", answer.text)
        self.assertLess(time.monotonic() - began, 3 * target + 2)
        self.assertGreater(time.monotonic() - began, 3 * target - 0.5)
        self.assertEqual(self.stream.role.status()["viewers"]["waits_late"], 2)
        self.assertEqual(self.stream.role.metrics()["sbe_http_held"], 0)

    def leaving(self):
        """Clients that close while they wait give their places back at once."""
        number, _ = edge(self.get("/source/live.m3u8").text)
        ask = f"GET /stream/a/source/live.m3u8?_HLS_msn={number + 1} HTTP/1.1\r\nHost: h\r\n\r\n"
        leavers = [socket.create_connection(("127.0.0.1", self.stream.port)) for _ in range(20)]
        for leaver in leavers:
            leaver.sendall(ask.encode())
        self.stream.wait_held(20)
        late = self.stream.role.status()["viewers"]["waits_late"]
        for leaver in leavers:
            leaver.close()
        self.stream.wait_held(0)
        viewers = self.stream.role.status()["viewers"]
        self.assertEqual((viewers["waits_left"], viewers["waits_late"]), (20, late))

    def stopped(self):
        """With requests that wait, the broadcaster ends as ever."""
        number, _ = edge(self.get("/source/live.m3u8").text)
        waits = [self.stream.later(f"/{name}/live.m3u8?_HLS_msn={number + 1}")
                 for name in ("source", "audio") for _ in range(6)]
        self.stream.wait_held(12)
        began = time.monotonic()
        self.assertEqual(self.stream.role.stop(), 0)
        self.assertLess(time.monotonic() - began, 10)
        for wait in waits:
            self.assertTrue(wait.exception() is not None or wait.result().status in (200, 503))

    def the_publisher_is_gone(self):
        stream = Stream(self, "-maxHeld", "4", "-heldPerAddress", "3", "-programDateTime")
        self.assertRegex(stream.get("/source.m3u8").text, r"#EXT-X-PROGRAM-DATE-TIME:20\d\d-\d\d-"
                                                          r"\d\dT\d\d:\d\d:\d\d.\d\d\dZ\n#EXTINF")
        number = stream.pause()
        waits = [stream.later(f"/source/live.m3u8?_HLS_msn={number + 1}") for _ in range(3)]
        stream.wait_held(3)
        answer = stream.get(f"/source/live.m3u8?_HLS_msn={number + 1}")
        self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))
        self.assertIn("Too many requests wait", answer.text)
        stream.publisher.kill()
        for wait in waits:
            answer = wait.result()
            # Its last segment may have been what was waited for; then the end is next.
            while "#EXT-X-ENDLIST" not in answer.text:
                self.assertEqual(answer.status, 200, answer.text)
                last = int(re.findall(r"^(\d+)\.m4s$", answer.text, re.M)[-1])
                self.assertGreater(last, number)
                answer = stream.get(f"/source/live.m3u8?_HLS_msn={last + 1}")
            self.assertTrue(answer.text.endswith("#EXT-X-ENDLIST\n"), answer.text)
        self.assertEqual(stream.get(f"/source/live.m3u8?_HLS_msn={number + 9}").status, 200)


if __name__ == "__main__":
    harness.main()
