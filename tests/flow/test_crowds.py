"""Hundreds of peers at once that never say who they are: silent, garbled, slow and deaf. The
broadcaster stays small, and the honest publisher among them loses nothing."""
# usual time: 22 s
import os
import struct
import threading
import time

import harness
import raw_rtmp as rtmp
import test_hostile
from harness import wait_for
from raw_rtmp import Raw
from test_hostile import MB, resident, stream_of


class Steady:
    """An honest publisher that goes on in real time while others misbehave."""

    def __init__(self, port, name):
        self.raw = Raw(port).publish(name)
        self.sent = 0
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.raw.send(rtmp.video_config(), rtmp.audio_config())
        self.thread.start()

    def run(self):
        began = time.monotonic()
        while self.running:
            time.sleep(max(0, began + self.sent * 0.033 - time.monotonic()))
            self.raw.send(rtmp.picture(self.sent * 33, self.sent % 30 == 0),
                          rtmp.sound(self.sent * 33))
            self.sent += 1

    def stop(self):
        """How many pictures it sent."""
        self.running = False
        self.thread.join()
        return self.sent


class Crowds(test_hostile.Hostile):
    """More peers of one address than the default lets in, and one publisher among them who must
    not notice. What each of them may cost is bounded long before it has said who it is."""

    SILENT, GARBAGE = 200, 1000
    PEER_BYTES_MAX = 32 * 1024   # of one that has said nothing or little
    PARTIAL_BYTES = 60000        # of a message that an unknown peer may begin
    flags = [*test_hostile.Hostile.flags, "-connectionsPerAddress", "2000", "-setupTimeoutMs",
             "4000"]

    def setUp(self):
        super().setUp()
        self.check_publisher("warm_up")
        self.before = resident(self.role)
        self.steady = Steady(self.recipe.rtmp_port, self.id().rpartition(".")[2])

    def tearDown(self):
        """The steady one lost nothing: each picture came, and the playlist has no break."""
        sent = self.steady.stop()
        name = self.id().rpartition(".")[2]
        wait_for(lambda: stream_of(self.role, name)["video_packets"] == sent, 10, "all came")
        while sent < 100:  # some enemies are quick
            self.steady.raw.send(rtmp.picture(sent * 33, sent % 30 == 0), rtmp.sound(sent * 33))
            sent += 1
        found = self.recipe.wait_playlist(f"/stream/{name}/source.m3u8")
        self.assertFalse(any(s.discontinuity or s.gap for s in found.segments[1:]))
        self.assertEqual(stream_of(self.role, name)["undecodable_dropped"], 0)
        self.steady.raw.close()
        super().tearDown()

    def connections(self):
        return self.role.status()["ingest"]["connections"]

    def crowd(self, n, *messages):
        """That many peers that have said this, all there at once."""
        before = self.connections()
        peers = [self.connect() for _ in range(n)]
        for p in peers:
            p.send(*messages)
        wait_for(lambda: self.connections() >= before + n, 5, "all are there", interval=0.01)
        return peers

    def check_closed(self, peers):
        for p in peers:
            p.wait_closed()
        wait_for(lambda: self.connections() == 1, 10, "only the publisher is left")

    def test_silence(self):
        peers = self.crowd(self.SILENT)
        self.assertLess(resident(self.role) - self.before, self.SILENT * self.PEER_BYTES_MAX)
        self.check_closed(peers)

    def test_half_a_handshake(self):
        peers = self.crowd(self.SILENT, rtmp.handshake_bytes()[:1000])
        self.assertLess(resident(self.role) - self.before, self.SILENT * self.PEER_BYTES_MAX)
        self.check_closed(peers)

    def test_half_a_message(self):
        """As much as is taken of somebody unknown."""
        begun = rtmp.message(20, bytes(self.PARTIAL_BYTES), stream=0, chunk_stream=3)[:-1]
        size = rtmp.message(1, struct.pack(">I", rtmp.CHUNK_SIZE), stream=0, chunk_stream=2)
        peers = self.crowd(self.SILENT, rtmp.handshake_bytes(), bytes(1536), size, begun)
        self.assertLess(resident(self.role) - self.before,
                        self.SILENT * (self.PARTIAL_BYTES + self.PEER_BYTES_MAX))
        self.check_closed(peers)

    def test_handshakes_a_byte_at_a_time(self):
        """Each byte comes long before any time-out for silence: the deadline is for all of it."""
        peers = self.crowd(20, b"\3")
        gone = set()
        deadline = time.monotonic() + 20 * harness.TIME_SCALE
        while len(gone) < len(peers) and time.monotonic() < deadline:
            for p in peers:
                try:
                    p.send(b"\0")
                except ConnectionError:
                    gone.add(p)
            time.sleep(0.02)
        self.assertEqual(len(gone), len(peers))
        self.role.wait_log("its handshake took too long", since=self.mark)

    def test_garbage(self):
        kinds = [lambda: os.urandom(3000), lambda: rtmp.handshake_bytes() * 4,
                 lambda: b"\3" + os.urandom(6000), lambda: b"GET / HTTP/1.1\r\n\r\n",
                 lambda: rtmp.handshake_bytes() + bytes(1536) + b"\3" + b"\xff" * 5000]
        for i in range(self.GARBAGE):
            try:
                with Raw(self.recipe.rtmp_port) as p:
                    p.send(kinds[i % len(kinds)]())
            except ConnectionError:
                pass
        wait_for(lambda: self.connections() == 1, 10, "all closed")
        self.assertLess(resident(self.role) - self.before, 8 * MB)

    def test_nobody_reads(self):
        """Twenty that ask and ask and never read an answer."""
        ask = rtmp.message(20, rtmp.text("nonsense") + rtmp.number(5), stream=0, chunk_stream=3)
        peers = [self.connect(receive_buffer=2048).connect() for _ in range(20)]
        for p in peers:
            self.send_until_closed(p, lambda n: [ask] * 1000)
        self.role.wait_log("does not read its answers", since=self.mark)
        self.assertLess(resident(self.role) - self.before, 20 * MB)


if __name__ == "__main__":
    harness.main()
