"""Requests that come at the same moment, however many they are: none waits for another event."""
# usual time: 1 s
import select
import socket
import time

import harness
from harness import Recipe, TestCase

# libmicrohttpd takes so many events at once, and asks for more when it got exactly so many.
BATCH = 128
THREADS = 2
ASK = b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
WITHIN_S = 3


class AtOnce(TestCase):
    def test_every_number_of_requests_is_answered(self):
        """One more each time: so one of the threads has exactly a batch of them in some round."""
        with Recipe(order="B") as r:
            crowd = [socket.create_connection(("127.0.0.1", r.http_port))
                     for _ in range(THREADS * BATCH)]
            for n in range(BATCH, len(crowd)):
                r.broadcaster.pause()
                for s in crowd[:n]:
                    s.sendall(ASK)
                r.broadcaster.resume()
                self.assertEqual(self.unanswered(crowd[:n]), 0, f"of {n}")
            for s in crowd:
                s.close()

    def unanswered(self, crowd):
        """How many have no answer in time."""
        waiting = {s: b"" for s in crowd}
        until = time.monotonic() + WITHIN_S * harness.TIME_SCALE
        while waiting and time.monotonic() < until:
            for s in select.select(list(waiting), [], [], 0.1)[0]:
                waiting[s] += s.recv(4096)
                if waiting[s].endswith(b"\r\n\r\n"):
                    del waiting[s]
        return len(waiting)


if __name__ == "__main__":
    harness.main()
