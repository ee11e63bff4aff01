"""A TCP proxy on loopback that can be a bad network: it pauses, cuts, slows and delays what passes.

    with Proxy(target_port) as proxy:      # listens on proxy.port
        proxy.pause()                      # nothing passes, nobody is told: a pulled cable
        proxy.resume()                     # what waited passes
        proxy.cut()                        # connections end at once; new ones are taken
        proxy.refuse()                     # the same, and new ones end at once too, until accept()
        proxy.limit(50_000)                # bytes a second, each way; None: as fast as it goes
        proxy.delay(0.2)                   # seconds each way

Two threads move the bytes of a connection and hold at most CHUNK of them each (DELAYED with a delay),
so a paused or slow proxy pushes back on the sender as a full network does. When one side ends, so
does the other, behind what came before. Python 3, standard library only.
"""
import collections
import select
import socket
import struct
import threading
import time

CHUNK = 16384
DELAYED = 4 * 1024 * 1024
TICK = 0.02  # how long a thread may sleep before it looks at the switches again


class Proxy:
    def __init__(self, target_port, target_host="127.0.0.1", port=0):
        self.target = (target_host, target_port)
        self._paused = threading.Event()
        self._refusing = threading.Event()
        self._stopped = threading.Event()
        self._rate = None
        self._delay = 0.0
        self._lock = threading.Lock()
        self._pairs = []  # (client, server) sockets
        self.accepted = 0  # connections so far
        self.passed = 0  # bytes so far, both ways
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def pause(self):
        self._paused.set()

    def resume(self):
        self._paused.clear()

    def cut(self):
        """Ends every connection at once, on both sides; what is under way is lost."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for s in pair:
                _reset(s)

    def refuse(self):
        self._refusing.set()
        self.cut()

    def accept(self):
        self._refusing.clear()

    def limit(self, bytes_per_second):
        self._rate = bytes_per_second

    def delay(self, seconds):
        self._delay = seconds

    def connections(self):
        """Open ones."""
        with self._lock:
            return len(self._pairs)

    def close(self):
        self._stopped.set()
        self._listener.close()
        self._thread.join()
        self.cut()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        self.close()

    # --- threads ---

    def _accept(self):
        while not self._stopped.is_set():
            try:
                if not select.select([self._listener], [], [], TICK)[0]:
                    continue
                client, _ = self._listener.accept()
            except (OSError, ValueError):
                return  # closed
            self.accepted += 1
            if self._refusing.is_set():
                _reset(client)
                continue
            try:
                server = socket.create_connection(self.target, timeout=5)
            except OSError:
                _reset(client)  # nobody there: as the target itself would say
                continue
            for s in (client, server):
                s.settimeout(None)
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._pairs.append((client, server))
            for a, b in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    def _pump(self, source, sink):
        waiting = collections.deque()  # (when it may go, bytes)
        try:
            while not self._stopped.is_set():
                if self._paused.is_set():
                    time.sleep(TICK)
                elif not self._take(source, waiting):
                    break
                elif not self._paused.is_set():
                    self._give(sink, waiting)
            while waiting and not self._stopped.is_set():
                self._give(sink, waiting)
            self._end(source, sink, _close)
        except (OSError, ValueError):
            self._end(source, sink, _reset)

    def _take(self, source, waiting):
        """False: the source has ended."""
        most = CHUNK if self._delay == 0 else DELAYED
        if sum(len(data) for _, data in waiting) >= most:
            return True
        wait = TICK if not waiting else max(0.0, min(TICK, waiting[0][0] - time.monotonic()))
        if not select.select([source], [], [], wait)[0]:
            return True
        data = source.recv(CHUNK)
        waiting.append((time.monotonic() + self._delay, data))
        return data != b""

    def _give(self, sink, waiting):
        if not waiting:
            return
        early = waiting[0][0] - time.monotonic()
        if early > 0:
            time.sleep(min(TICK, early))
            return
        data = waiting.popleft()[1]
        sink.sendall(data)
        self.passed += len(data)
        if self._rate:
            time.sleep(len(data) / self._rate)

    def _end(self, a, b, how):
        with self._lock:
            self._pairs = [p for p in self._pairs if a not in p]
        how(a)
        how(b)


def _close(s):
    try:
        s.shutdown(socket.SHUT_RDWR)  # wakes the other thread
    except OSError:
        pass
    s.close()


def _reset(s):
    try:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    _close(s)
