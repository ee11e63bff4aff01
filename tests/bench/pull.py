"""Light viewers: pull.py SECONDS URL...: follows each media playlist in a thread of its own over
one connection, fetches every new segment and throws it away. Prints a JSON object: segments, bytes
and failures of all of them together.
"""
import http.client
import json
import sys
import threading
import time
import urllib.parse

POLL_S = 1.0


class Viewer(threading.Thread):
    def __init__(self, url, until):
        super().__init__(daemon=True)
        self.url = url
        self.until = until
        self.seen = set()
        self.segments = self.bytes = self.failures = 0
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        self.buffer = bytearray(1 << 18)

    def get(self, url):
        """The status, and the body's length, or for a playlist the body."""
        self.connection.request("GET", urllib.parse.urlsplit(url).path)
        answer = self.connection.getresponse()
        if url.endswith(".m3u8"):
            return answer.status, answer.read()
        length = 0
        while n := answer.readinto(self.buffer):
            length += n
        return answer.status, length

    def step(self):
        status, text = self.get(self.url)
        if status != 200:
            self.failures += 1
            return
        lines = [line for line in text.decode().splitlines() if line and line[0] != "#"]
        # A player begins near the live edge, not at the window's start.
        if not self.seen:
            self.seen.update(lines[:-1])
        for line in lines:
            if line in self.seen:
                continue
            self.seen.add(line)
            status, length = self.get(urllib.parse.urljoin(self.url, line))
            self.segments += status == 200
            self.failures += status != 200
            self.bytes += length

    def run(self):
        while time.monotonic() < self.until:
            started = time.monotonic()
            try:
                self.step()
            except (OSError, http.client.HTTPException):
                self.failures += 1
                self.connection.close()
            time.sleep(max(0.0, POLL_S - (time.monotonic() - started)))


def main():
    until = time.monotonic() + float(sys.argv[1])
    viewers = [Viewer(url, until) for url in sys.argv[2:]]
    for i, viewer in enumerate(viewers):
        viewer.start()
        time.sleep(POLL_S / len(viewers) if i + 1 < len(viewers) else 0)
    for viewer in viewers:
        viewer.join()
    print(json.dumps({k: sum(getattr(v, k) for v in viewers)
                      for k in ("segments", "bytes", "failures")}))


if __name__ == "__main__":
    main()
