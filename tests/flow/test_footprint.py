"""What streams leave in a broadcaster when they are gone: nothing, however many there were."""
# usual time: 25 s
import concurrent.futures
import re
from pathlib import Path

import harness
from harness import Role, TestCase, free_port, http_get, main, run, temp_dir, wait_for

MB = 1024 * 1024
ROUNDS, FEW = 30, 10
AT_ONCE = 4
SEGMENTS, SEGMENT_S = 3, 2
IDLE_MS = 500

# With all streams gone. That 80 more streams come between the two would show 50 kB that one leaves.
GROWN_BYTES = 4 * MB
LEFT_BYTES = 12 * MB


def make_segments():
    """Of 500 kB each, so that some of what is made of them goes back by itself and some does not."""
    folder = temp_dir()
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                "testsrc=size=320x180:rate=30,noise=alls=60:allf=t,format=yuv420p", "-f", "lavfi",
                "-i", "sine", "-t", SEGMENTS * SEGMENT_S, "-c:v", "libx264", "-b:v", "2000k",
                "-preset", "ultrafast", "-x264-params", "keyint=60", "-c:a", "aac", "-f", "segment",
                "-segment_time", SEGMENT_S, folder / "%d.ts"], timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [(folder / f"{n}.ts").read_bytes() for n in range(SEGMENTS)]


class Footprint(TestCase):
    def resident(self):
        status = Path(f"/proc/{self.role.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def fetch(self, path):
        answer = http_get(self.url + path, timeout=20)
        self.assertEqual(answer.status, 200, (path, answer.text[:200]))
        return answer.text

    def fetch_all(self, playlist):
        """A playlist, and all that it names."""
        text = self.fetch(playlist)
        folder = playlist.rpartition("/")[0]
        named = [line for line in text.splitlines() if line and line[0] != "#"]
        named += re.findall(r'^#EXT-X-MAP:.*URI="([^"]+)"', text, re.M)
        self.assertGreaterEqual(len(named), SEGMENTS)
        for name in named:
            self.fetch(name if name.startswith("/") else f"{folder}/{name}")

    def one_stream(self, name):
        for n, body in enumerate(self.segments):
            # Without an orchestrator there is nothing to answer with but this.
            answer = http_get(f"{self.url}/live/{name}/{n}.ts", "PUT", timeout=20, body=body)
            self.assertIn(answer.status, (200, 503), answer.text)
        self.fetch_all(f"/stream/{name}/source.m3u8")
        self.fetch_all(f"/stream/{name}/source/live.m3u8")
        self.fetch_all(f"/stream/{name}/audio/live.m3u8")
        self.fetch(f"/stream/{name}/poster.jpg")

    def have_streams(self, begin, end):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            names = [f"s{r}-{i}" for r in range(begin, end) for i in range(AT_ONCE)]
            list(pool.map(self.one_stream, names))
        wait_for(lambda: not self.role.status()["streams"], 20, "all streams are gone")
        wait_for(lambda: self.role.status()["blob_bytes"] == 0, 5, "nothing of them is held")

    def smallest(self, below, what):
        """Resident once it is below that."""
        if harness.TIME_SCALE > 1 and "asan" in str(harness.BIN):
            return 0
        wait_for(lambda: self.resident() < below, 25, what)
        return self.resident()

    def test_what_streams_had_is_given_back(self):
        self.segments = make_segments()
        http_port = free_port()
        self.url = f"http://127.0.0.1:{http_port}"
        with Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr",
                                  f"127.0.0.1:{http_port}", "-pushIdleTimeoutMs", IDLE_MS,
                                  "-reconnectGrace", "0s", "-lingerMs", 0]) as self.role:
            self.have_streams(0, 1)
            first = self.resident()
            self.have_streams(1, FEW)
            few = self.resident()
            self.have_streams(FEW, ROUNDS)
            many = self.resident()
            print(f"{first / MB:.1f}, {few / MB:.1f}, {many / MB:.1f}")


if __name__ == "__main__":
    main()
