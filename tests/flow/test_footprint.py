"""What streams leave in a broadcaster when they are gone: nothing, however many there were."""
# usual time: 12 s
import concurrent.futures
import re
from pathlib import Path

import harness
import raw_rtmp as rtmp
from harness import Role, TestCase, free_port, http_get, main, wait_for

MB = 1024 * 1024
STREAMS = 24
AT_ONCE = 6
SECONDS = 8
PICTURE_BYTES = 4000  # so that a segment's containers are large blocks and its pictures are not

# Beyond what it had before the first one: code that has been used since, and what arenas keep in
# the gaps between small blocks. Left to itself glibc keeps 12 MB.
LEFT_BYTES = 7 * MB


class Footprint(TestCase):
    def resident(self):
        """Bytes; sanitizers keep what was freed, so that theirs says nothing."""
        if "san" in str(harness.BIN):
            return 0
        status = Path(f"/proc/{self.role.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def fetch(self, path):
        answer = http_get(self.url + path, timeout=20)
        self.assertEqual(answer.status, 200, (path, answer.text[:200]))
        return answer.text

    def fetch_all(self, playlist):
        """A playlist, and all that it names."""
        text = self.fetch(playlist)
        named = [line for line in text.splitlines() if line and line[0] != "#"]
        named += re.findall(r'^#EXT-X-MAP:.*URI="([^"]+)"', text, re.M)
        self.assertGreaterEqual(len(named), SECONDS // 2 - 1)
        for name in named:
            self.fetch(name if name[0] == "/" else f"{playlist.rpartition('/')[0]}/{name}")

    def one_stream(self, name):
        pictures = [m for i in range(SECONDS * 30)
                    for m in (rtmp.picture(i * 33, i % 30 == 0, PICTURE_BYTES),
                              rtmp.sound(i * 33))]
        with rtmp.Raw(self.rtmp_port, timeout=20) as p:
            p.publish(name)
            p.send(rtmp.video_config(), rtmp.audio_config(), *pictures)
            wait_for(lambda: self.fetch(f"/stream/{name}/source.m3u8").count("#EXTINF") >=
                     SECONDS // 2 - 1, 20, f"the segments of {name}")
            self.fetch_all(f"/stream/{name}/source.m3u8")
            self.fetch_all(f"/stream/{name}/source/live.m3u8")
            return self.role.status()["blob_bytes"], self.resident()

    def test_what_streams_had_is_given_back(self):
        self.rtmp_port, http_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{http_port}"
        with Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{self.rtmp_port}", "-httpAddr",
                                  f"127.0.0.1:{http_port}", "-reconnectGrace", "0s",
                                  "-lingerMs", 0, "-idleTimeoutMs", 120000]) as self.role:
            before = self.resident()
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
                had = list(pool.map(self.one_stream, [f"s{i}" for i in range(STREAMS)]))
            wait_for(lambda: not self.role.status()["streams"], 20, "all streams are gone")
            wait_for(lambda: self.role.status()["blob_bytes"] == 0, 5, "nothing of them is held")
            most, held = max(r for _, r in had), max(b for b, _ in had)
            self.assertGreater(held, 2 * MB)
            try:
                wait_for(lambda: self.resident() < before + LEFT_BYTES, 15, "what they had is free")
            finally:
                print(f"{before / MB:.1f} MB before, {most / MB:.1f} with {held / MB:.1f} of media, "
                      f"{self.resident() / MB:.1f} at the end", flush=True)


if __name__ == "__main__":
    main()
