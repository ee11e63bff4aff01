"""Python's small RTMP publisher (tests/support/rtmp_client.py), on which benchmarks and tests stand,
against the broadcaster: what it sends arrives as it was, and a refusal is an error."""
import sys

import harness
from harness import http_get, wait_for

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import rtmp_client  # noqa: E402

SECONDS = 7


def make_clip(path):
    done = harness.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
         "testsrc2=size=320x240:rate=30,noise=alls=40:allf=t,format=yuv420p", "-f", "lavfi", "-i",
         "sine=sample_rate=48000", "-c:v", "libx264", "-preset", "ultrafast", "-g", 60, "-b:v",
         "8000k", "-c:a", "aac", "-t", SECONDS, "-f", "flv", path])
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return path


class RtmpClient(harness.TestCase):
    def setUp(self):
        self.rtmp_port, self.http_port = harness.free_port(), harness.free_port()
        self.role = self.enterContext(harness.Role(
            "broadcaster", ["-rtmpAddr", f"127.0.0.1:{self.rtmp_port}", "-httpAddr",
                            f"127.0.0.1:{self.http_port}"]))
        self.tags = list(rtmp_client.flv_tags(make_clip(harness.temp_dir() / "clip.flv")))

    def url(self, path):
        return f"http://127.0.0.1:{self.http_port}{path}"

    def publisher(self, name):
        return self.enterContext(
            rtmp_client.RtmpPublisher(f"rtmp://127.0.0.1:{self.rtmp_port}/{name}"))

    def listed(self, name, count):
        answer = http_get(self.url(f"/stream/{name}/source.m3u8"))
        found = harness.playlist(answer.text).segments if answer.status == 200 else []
        return found if len(found) >= count else None

    def test_what_is_sent_arrives(self):
        keys = [t for t in self.tags if rtmp_client.is_key_frame(t)]
        self.assertEqual(len(keys), 4)  # 0, 2, 4 and 6 s: the last three close a segment each
        self.assertGreater(max(len(t.body) for t in self.tags), rtmp_client.CHUNK_SIZE,
                           "no message is larger than a chunk")
        with self.publisher("client") as publisher:
            for tag in self.tags:
                publisher.send(*tag)
            found = wait_for(lambda: self.listed("client", 3), 5, "three segments are listed")
            joined = harness.temp_dir() / "joined.ts"
            with open(joined, "wb") as out:
                for segment in found[:3]:
                    out.write(http_get(self.url(segment.uri)).body)
        self.assertEqual(harness.decode_errors(joined), "")
        frames = harness.ffprobe_packets(joined, "video")
        self.assertEqual(len(frames), 3 * 60)

    def test_refusal_is_an_error(self):
        with self.publisher("once"):
            with self.assertRaisesRegex(rtmp_client.RtmpError, "refused"):
                self.publisher("once/another")


if __name__ == "__main__":
    harness.main()
