"""Parts are made while somebody asks for them, and not else; who comes later gets them at once."""
# time limit: 90 s
# usual time: 31 s
import re
import subprocess
import time

import harness
from harness import Role, TestCase, ffmpeg_publish, free_port, http_get, wait_for

PART = re.compile(r'#EXT-X-PART:DURATION=([\d.]+),URI="(\d+)\.(\d+)\.m4s"')


class PartsAsked(TestCase):
    def test_a_viewer_of_parts_comes_when_nobody_has_asked_for_long(self):
        http, rtmp = free_port(), free_port()
        role = Role("broadcaster", ["-httpAddr", f"127.0.0.1:{http}",
                                    "-rtmpAddr", f"127.0.0.1:{rtmp}"])
        self.addCleanup(role.kill)
        base = f"http://127.0.0.1:{http}/stream/a"
        publisher = ffmpeg_publish(f"rtmp://127.0.0.1:{rtmp}/a", size="320x240", keyint=30,
                                   bitrate="300k")
        self.addCleanup(publisher.kill)
        self.role, self.live = role, base + "/source/live.m3u8"
        wait_for(lambda: self.made() > 0, 15, "parts for who waits for the stream to begin")
        self.await_lull(base)
        self.assertEqual(PART.findall(http_get(base + "/source.m3u8").text), [])
        first = http_get(self.live).text
        self.assertIn("#EXT-X-PART-INF:PART-TARGET=", first)
        newest = int(re.findall(r"(\d+)\.m4s", first)[-1])
        self.follow(first)
        judged = subprocess.run([harness.BIN / "watch", "-judge", "-strict", "-seconds", "5",
                                 base + "/live.m3u8"], capture_output=True, text=True)
        self.assertEqual(judged.returncode, 0, judged.stdout + judged.stderr)
        listed = {int(n) for _, n, _ in PART.findall(http_get(self.live).text)}
        self.assertTrue(any(n > newest for n in listed), listed)

    def made(self):
        return sum(r["parts"] for s in self.role.status()["streams"] for r in s["rungs"])

    def await_lull(self, base):
        """The classic playlist, which has no parts, is asked for all the time."""
        seen = []

        def still():
            http_get(base + "/source.m3u8")
            seen.append(self.made())
            time.sleep(0.5)
            return seen[-8:].count(seen[-1]) == 8

        wait_for(still, 40, "no parts are made any more")

    def follow(self, text):
        """The part that the playlist hints at comes, and those behind it."""
        number, index = map(int, re.search(r'PRELOAD-HINT:TYPE=PART,URI="(\d+)\.(\d+)\.m4s',
                                           text).groups())
        for _ in range(3):
            answer = http_get(self.live + f"?_HLS_msn={number}&_HLS_part={index}", timeout=10)
            self.assertEqual(answer.status, 200, answer.text)
            _, number, index = PART.findall(answer.text)[-1]
            number, index = int(number), int(index) + 1


if __name__ == "__main__":
    harness.main()
