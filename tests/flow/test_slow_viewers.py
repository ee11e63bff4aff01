"""A viewer that reads a segment steadily but too slowly is cut off when its time is over, and the
others do not notice."""
# time limit: 90 s
import http.client
import socket
import threading
import time
from pathlib import Path

from harness import Role, TestCase, ffmpeg_publish, free_port, http_get, main, wait_for

TIMEOUT_S = 3
RATE_MIN = 40_000  # bytes/s: its size at this rate is what an answer may take beyond the time-out
SLACK_S = 2 + 1  # the library's own time-out may come first; rounds of the watch
PACE_S, PIECE = 0.1, 1500
SEGMENT = range(300_000, 500_000)
QUEUE_MAX = 100_000  # bytes that the kernel may hold for one that does not read


class Others(threading.Thread):
    """Fetches the playlist and a segment again and again; how long each took."""

    def __init__(self, port, paths):
        super().__init__()
        self.port, self.paths = port, paths
        self.over = threading.Event()
        self.seconds, self.wrong = [], []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        while not self.over.wait(0.05):
            for path in self.paths:
                began = time.monotonic()
                connection.request("GET", path)
                answer = connection.getresponse()
                body = answer.read()
                self.seconds.append(time.monotonic() - began)
                if answer.status != 200 or not body:
                    self.wrong.append((path, answer.status, len(body)))
        connection.close()


class SlowViewers(TestCase):
    def setUp(self):
        self.port, rtmp = free_port(), free_port()
        self.role = Role("broadcaster", ["-httpAddr", f"127.0.0.1:{self.port}", "-rtmpAddr",
                                         f"127.0.0.1:{rtmp}", "-viewerTimeout", f"{TIMEOUT_S}s",
                                         "-viewerMinRate", RATE_MIN // 1000,
                                         "-reconnectGrace", "2m"])
        self.addCleanup(self.role.kill)
        publisher = ffmpeg_publish(f"rtmp://127.0.0.1:{rtmp}/a", keyint=60, bitrate="1300k",
                                   source="nullsrc=size=320x240:rate=30,geq=random(1)*255:128:128",
                                   video_options=["-maxrate", "1300k", "-bufsize", "1300k"])
        self.addCleanup(publisher.kill)
        self.playlist = "/stream/a/source.m3u8"
        self.segment = wait_for(self.a_segment, 20, "a segment of the right size")
        publisher.stop()  # it stays for as long as its publisher may come back

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def a_segment(self):
        for line in http_get(self.url(self.playlist)).text.splitlines():
            if line.endswith(".ts"):
                path = "/stream/a/" + line.rpartition("/stream/a/")[2].removeprefix("a/")
                self.size = len(http_get(self.url(path)).body)
                if self.size in SEGMENT:
                    return path
        return None

    def slow(self):
        return self.role.status()["viewers"]["slow"]

    def narrow(self):
        """With small packets and windows, as between hosts: loopback's buffers take it whole."""
        s = socket.socket()
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(("127.0.0.1", self.port))
        s.settimeout(10)
        self.addCleanup(s.close)
        return s

    def read_slowly(self, s):
        """Until it is cut off: (bytes, seconds)."""
        began = time.monotonic()
        limit = TIMEOUT_S + self.size / RATE_MIN + SLACK_S
        s.sendall(f"GET {self.segment} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        got = 0
        while self.slow() == 0:
            self.assertLess(time.monotonic() - began, limit * 2, "it is not cut off")
            got += len(s.recv(PIECE))
            time.sleep(PACE_S)  # the reader's pace
        return got, time.monotonic() - began

    def queued(self, s):
        """What the kernel holds of the broadcaster's answer (proc(5), /proc/net/tcp)."""
        ends = [f":{port:04X}" for port in (self.port, s.getsockname()[1])]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, _, queues = line.split()[1:5]
            if local.endswith(ends[0]) and remote.endswith(ends[1]):
                return int(queues.partition(":")[0], 16)
        return 0

    def test_little_of_an_answer_waits_in_the_kernel(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(("127.0.0.1", self.port))
        s.settimeout(10)
        self.addCleanup(s.close)
        s.sendall(f"GET {self.segment} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        wait_for(lambda: s.recv(1, socket.MSG_PEEK), 10, "the answer begins")
        seen = []
        for _ in range(int(1 / PACE_S)):
            seen.append(self.queued(s))
            time.sleep(PACE_S)
        self.assertGreater(max(seen), 0)
        self.assertLess(max(seen), QUEUE_MAX)

    def test_it_is_cut_off_and_the_others_are_not(self):
        others = Others(self.port, [self.playlist, self.segment])
        others.start()
        try:
            s = self.narrow()
            got, seconds = self.read_slowly(s)
            self.assertGreaterEqual(seconds, TIMEOUT_S + self.size / RATE_MIN, "too early")
            while more := self.rest(s):
                got += more
        finally:
            others.over.set()
            others.join()
        self.assertLess(got, self.size)
        self.assertGreater(got, 0)
        self.assertEqual(others.wrong, [])
        self.assertGreater(len(others.seconds), 50)
        self.assertLess(sorted(others.seconds)[-3], 1)
        self.assertEqual(self.slow(), 1)

    @staticmethod
    def rest(s):
        try:
            return len(s.recv(65536))
        except ConnectionResetError:
            return 0


if __name__ == "__main__":
    main()
