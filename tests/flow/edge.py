"""deploy/edge as started by `make edge`, and an upstream for it that counts and holds."""
import asyncio
import http.client
import http.server
import re
import socket
import ssl
import subprocess
import threading
import time

import harness
from harness import ROOT, Answer, Process, free_port, run, temp_dir, wait_for


class Edge(Process):
    """deploy/edge/run on a free port of loopback; settings: further variables of its environment."""

    def __init__(self, upstream, **settings):
        self.port = free_port()
        self.data = temp_dir() / "edge"
        self.data.parent.chmod(0o711)  # as root its workers are nobody
        self.env = {"EDGE_ADDR": f"127.0.0.1:{self.port}", "EDGE_DATA": str(self.data),
                    "UPSTREAM": upstream, "EDGE_WORKERS": "2",
                    **{k: str(v) for k, v in settings.items()}}
        super().__init__([ROOT / "deploy/edge/run"], temp_dir() / "edge.log", env=self.env)
        self.context = None
        wait_for(lambda: self.get("/live/").status == 404, 10, "the edge answers\n" + self.tail())

    def kill(self):
        """In order, so that the workers end as well."""
        if self.alive():
            self.popen.terminate()
            try:
                self.popen.wait(5 * harness.TIME_SCALE)
            except subprocess.TimeoutExpired:
                pass
        super().kill()

    def tls(self):
        """Trusts the edge's own certificate and nothing else."""
        if self.context is None:
            self.context = ssl.create_default_context(cafile=str(self.data / "cert.pem"))
        return self.context

    def url(self, path):
        return f"https://127.0.0.1:{self.port}{path}"

    def get(self, path, method="GET", headers=None, timeout=15):
        """One HTTP/1.1 request on a connection of its own."""
        started = time.monotonic()
        c = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls(),
                                        timeout=timeout * harness.TIME_SCALE)
        try:
            c.request(method, path, headers=headers or {})
            r = c.getresponse()
            found = {k.lower(): v for k, v in r.getheaders()}
            return Answer(r.status, found, r.read(), time.monotonic() - started, path)
        finally:
            c.close()

    def curl(self, path, *options):
        """curl with HTTP/2, trusting the edge's certificate."""
        return run(["curl", "-s", "--http2", "--cacert", self.data / "cert.pem", *options,
                    self.url(path)])

    def writing(self):
        """The requests that nginx is answering, the one that asks not counted."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(str(self.data / "status.sock"))
            s.sendall(b"GET /status HTTP/1.0\r\n\r\n")
            text = b"".join(iter(lambda: s.recv(4096), b"")).decode()
        return int(re.search(r"Writing: (\d+)", text)[1]) - 1

    def crowd(self, path, n, while_held, timeout=20):
        """n viewers at once ask for path, each on a connection of its own that is there beforehand
        (a busy machine takes longer for all handshakes than a request is held); when all of them
        wait, while_held() is called. Returns [(status, body, seconds after while_held)]."""
        return asyncio.run(self._crowd(path, n, while_held, timeout * harness.TIME_SCALE))

    async def _crowd(self, path, n, while_held, timeout):
        released = []

        async def viewer(reader, writer):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: edge\r\nConnection: close\r\n\r\n".encode())
            data = await reader.read(-1)
            writer.close()
            head, _, body = data.partition(b"\r\n\r\n")
            return int(head.split()[1]), body, time.monotonic() - released[0] if released else -1

        async def release():
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, lambda: wait_for(
                lambda: self.writing() >= n, 15, f"{n} requests wait at the edge"))
            released.append(time.monotonic())
            await loop.run_in_executor(None, while_held)

        connections = await asyncio.wait_for(asyncio.gather(*(
            asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls()) for _ in range(n))),
            timeout)
        answers = asyncio.gather(*(viewer(*c) for c in connections))
        await asyncio.wait_for(release(), timeout)
        return await asyncio.wait_for(answers, timeout)


class Upstream:
    """Stands in for a broadcaster where the edge's own doing is to be counted. answers: path (with
    the query) to a function of the request's handler, which gives (status, headers, body); asked:
    every request line's path, in order. What is in `held` waits until release()."""

    def __init__(self, port=None):
        self.answers, self.asked, self.held = {}, [], set()
        self.seen = {}  # path: the headers of the last request for it
        self.open = threading.Event()
        self.connections = set()
        upstream = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                upstream.connections.add(self.connection)

            def finish(self):
                upstream.connections.discard(self.connection)
                super().finish()

            def log_message(self, *args):
                pass

            def do_GET(self):
                upstream.asked.append(self.path)
                upstream.seen[self.path] = dict(self.headers.items())
                if self.path in upstream.held:
                    upstream.open.wait(30)
                make = upstream.answers.get(self.path)
                status, headers, body = make(self) if make else (
                    404, {"Cache-Control": "max-age=1"}, b"not here\n")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_PUT = do_POST = do_OPTIONS = do_GET

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 512

        self.server = Server(("127.0.0.1", port or free_port()), Handler)
        self.address = "127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def put(self, path, body, status=200, **headers):
        """body: bytes, or a function that makes them. headers: Cache_Control="max-age=1"."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        self.answers[path] = lambda h: (status, named, body() if callable(body) else body)

    def hold(self, path):
        self.open.clear()
        self.held.add(path)

    def release(self):
        self.open.set()

    def count(self, path):
        return self.asked.count(path)

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # gone by itself
