"""Players over RTMP that do not read, or read too slowly."""
# usual time: 26 s
import socket
import struct
import sys

import harness
import raw_rtmp
from harness import Process, Recipe, ffmpeg_publish, temp_dir, wait_for
from test_rtmp_play import record

sys.path.insert(0, str(harness.ROOT / "tests" / "support"))
from proxy import Proxy  # noqa: E402

# Some 10 Mb/s, whatever the encoder does.
NOISE = "testsrc=size=640x480:rate=30,noise=alls=60:allf=t"


class Mute:
    """A player that asks and then reads nothing."""

    def __init__(self, port, name):
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.connect(("127.0.0.1", port))
        chunk_size = b"\3" + raw_rtmp.message(1, struct.pack(">I", 0xFFFFFF), stream=0)[1:]
        connect = (raw_rtmp.text("connect") + raw_rtmp.number(1) + b"\3\0\3app"
                   + raw_rtmp.text(name) + b"\0\0\t")
        play = raw_rtmp.text("play") + raw_rtmp.number(0) + b"\5" + raw_rtmp.text("")
        self.socket.sendall(b"\3" + bytes(1536) + bytes(1536) + chunk_size
                            + raw_rtmp.message(20, connect, stream=0, chunk_stream=3)
                            + raw_rtmp.message(20, play, chunk_stream=3))

    def close(self):
        self.socket.close()


class Slow(harness.TestCase):
    def setUp(self):
        self.recipe = Recipe(order="B").start()  # of the source only
        self.addCleanup(lambda: [r.kill() for r in self.recipe.roles()])

    def counters(self):
        return self.recipe.broadcaster.status()["ingest"]

    def test_who_does_not_read_harms_nobody(self):
        r = self.recipe
        with ffmpeg_publish(r.rtmp("busy"), source=NOISE, bitrate="10000k"):
            r.wait_playlist("/stream/busy/source.m3u8", 1, 20)
            before = self.counters()
            mutes = [Mute(r.rtmp_port, "busy") for _ in range(20)]
            self.addCleanup(lambda: [mute.close() for mute in mutes])
            wait_for(lambda: self.counters()["players"] == 20, 20, "they play")
            self.assertEqual(harness.decode_errors(record(r.rtmp("busy"), 3)), "")
            wait_for(lambda: self.counters()["players"] == 0, 40, "they are closed")
            self.assertEqual(self.counters()["plays_stuck"], before["plays_stuck"] + 20)
            self.assertEqual(self.counters()["publishers"], before["publishers"])

    def test_a_slow_one_goes_on_with_key_frames(self):
        r = self.recipe
        with ffmpeg_publish(r.rtmp("fast"), source=NOISE, bitrate="10000k"), \
                Proxy(r.rtmp_port) as proxy:
            r.wait_playlist("/stream/fast/source.m3u8", 1, 20)
            proxy.limit(100_000)
            path = temp_dir() / "slow.flv"
            url = f"rtmp://127.0.0.1:{proxy.port}/fast"
            with Process(["ffmpeg", "-v", "error", "-i", url, "-c", "copy", path],
                         temp_dir() / "slow.log") as player:
                wait_for(lambda: self.counters()["play_packets_dropped"] > 0, 60, "it is behind")
                proxy.limit(None)

                def whole():
                    dropped = self.counters()["play_packets_dropped"]
                    size = path.stat().st_size
                    wait_for(lambda: path.stat().st_size > size + 200000, 10, "it plays on")
                    return self.counters()["play_packets_dropped"] == dropped

                wait_for(whole, 30, "it plays on, and nothing is left out any more")
                player.stop()
            self.assertEqual(harness.decode_errors(path), "")


if __name__ == "__main__":
    harness.main()
