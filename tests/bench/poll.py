"""When segments are listed: poll.py INTERVAL-MS URL...: asks for each media playlist in turn every
so many milliseconds until it is told to end (SIGTERM), each over a connection of its own. Prints a
line "INDEX NUMBER SECONDS" (of CLOCK_MONOTONIC, when the answer was there) for each segment that is
new, or "INDEX gap NUMBER" for one that is listed as a gap. A number that was listed before the
first answer has no known time and is left out.
"""
import http.client
import sys
import time
import urllib.parse


class Playlist:
    def __init__(self, index, url):
        self.index = index
        parts = urllib.parse.urlsplit(url)
        self.path = parts.path
        self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
        self.last = None
        self.text = b""

    def ask(self):
        try:
            self.connection.request("GET", self.path)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return
        now = time.monotonic()
        if text == self.text:
            return
        self.text = text
        if answer.status != 200:
            self.last = -1  # watched from before its first segment
            return
        self.show(text.decode(), now)

    def show(self, text, now):
        number, gap, first = 0, False, self.last is None
        for line in text.splitlines():
            if line.startswith("#EXT-X-MEDIA-SEQUENCE:"):
                number = int(line.partition(":")[2])
            elif line == "#EXT-X-GAP":
                gap = True
            elif line and line[0] != "#":
                if not first and number > self.last:
                    print(self.index, *(("gap", number) if gap else (number, f"{now:.6f}")),
                          flush=True)
                self.last = number if self.last is None else max(self.last, number)
                number, gap = number + 1, False


def main():
    interval = float(sys.argv[1]) / 1000
    lists = [Playlist(i, url) for i, url in enumerate(sys.argv[2:])]
    while True:
        started = time.monotonic()
        for one in lists:
            one.ask()
        time.sleep(max(0.0, interval - (time.monotonic() - started)))


if __name__ == "__main__":
    main()
