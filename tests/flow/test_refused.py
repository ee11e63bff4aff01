"""Requests that no HTTP server should understand: each has one whole answer that a page may read."""
# usual time: 4 s
import socket

from harness import Role, TestCase, free_port, main, wait_for

HOST = b"Host: x\r\nConnection: close\r\n"
ASK = b"GET /healthz HTTP/1.1\r\n" + HOST
PAGE = "https://page.example"


def post(*headers):
    return b"POST /healthz HTTP/1.1\r\n" + b"".join(h + b"\r\n" for h in headers) + HOST + b"\r\n"


# What is sent, and the status.
MALFORMED = {
    b"GET /healthz\r\n" + HOST + b"\r\n": 400,
    b"GET /healthz HTTP/x\r\n" + HOST + b"\r\n": 400,
    b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n": 505,
    b"GET /healthz HTTP/0.9\r\n" + HOST + b"\r\n": 505,
    b"\x16\x03\x01\x02\0\x01 \0\n" + HOST + b"\r\n": 400,  # TLS
    b"GET /healthz HTTP/1.1\r\nHost x\r\n\r\n": 400,
    ASK + b"without a colon\r\n\r\n": 400,
    ASK + b"A\0B: c\r\n\r\n": 400,
    ASK + b"A: b\0c\r\n\r\n": 200,
    b"GET /a\0b HTTP/1.1\r\n" + HOST + b"\r\n": 404,
    b"G\0T /healthz HTTP/1.1\r\n" + HOST + b"\r\n": 405,
    b"G@T /healthz HTTP/1.1\r\n" + HOST + b"\r\n": 405,
    post(b"Content-Length: 99999999999999999999999"): 413,
    post(b"Content-Length: -1"): 400,
    post(b"Content-Length: many"): 400,
    ASK + b"Content-Length: 99999999999999999999999\r\n\r\n": 413,
    ASK + b"Content-Length: 999999999999\r\n\r\n": 200,  # answered, and not waited for
    post(b"Content-Length: 999999999999"): 405,
    ASK + b"Transfer-Encoding: garbage\r\n\r\n": 501,
    post(b"Transfer-Encoding: gzip, chunked"): 501,
    b"PUT /live/x/0.ts HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\nzz\r\n": 400,
    b"PUT /live/x/0.ts HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n" +
    b"f" * 30 + b"\r\n": 413,
    b"A" * 20000: 414,
    b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\n\r\n": 414,
}

# Requests of about so many bytes, which fill a connection's memory in different ways.
GROWING = {
    "one header": lambda n: ASK + b"X: " + b"a" * n + b"\r\n\r\n",
    "a cookie": lambda n: ASK + b"Cookie: " + b"a" * n + b"\r\n\r\n",
    "cookies": lambda n: ASK + b"Cookie: " + b"a=b; " * (n // 5) + b"\r\n\r\n",
    "many headers": lambda n: ASK + (b"X-Y: " + b"a" * 32 + b"\r\n") * (n // 39) + b"\r\n",
    "padding": lambda n: ASK + b"X:" + b" " * n + b"a\r\n\r\n",
    "lines of one header": lambda n: ASK + b"X: a\r\n" + b" b\r\n" * (n // 4) + b"\r\n",
    "empty lines before": lambda n: b"\r\n" * (n // 2) + ASK + b"\r\n",
    "a method": lambda n: b"a" * n + b" /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target": lambda n: b"GET /" + b"a" * n + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "a query and a header": lambda n: b"GET /healthz?" + b"a" * (n // 2) + b" HTTP/1.1\r\n" + HOST +
                                      b"X: " + b"a" * (n // 2) + b"\r\n\r\n",
}


def ask(port, data):
    """All that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it need not read all of it
        got = b""
        try:
            while more := s.recv(65536):
                got += more
        except ConnectionResetError:
            pass
        return got


def read(answer):
    """(status, headers, body) of the one answer that there is; AssertionError: it is not one."""
    head, end, body = answer.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    headers = dict(text.lower().split(": ", 1) for text in lines)
    assert end and line.startswith("HTTP/1.1 "), answer[:200]
    assert headers["content-length"] == str(len(body)), answer
    return int(line.split()[1]), headers, body


class Refused(TestCase):
    def start(self, *flags, separate=True):
        self.port = free_port()
        role = Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr",
                                    f"127.0.0.1:{self.port}", *flags], separate=separate)
        self.addCleanup(role.end)
        return role

    def check(self, data, statuses):
        status, headers, body = read(ask(self.port, data))
        self.assertIn(status, statuses)
        self.assertEqual(headers["access-control-allow-origin"], "*")
        self.assertRegex(body, rb"^(ok|[A-Z].+ .+\S)\n$")
        if status >= 400:
            self.assertEqual(headers["content-type"], "text/plain; charset=utf-8")
            self.assertIn(headers["cache-control"], ("no-store", "max-age=1"))
            self.assertEqual(headers["x-content-type-options"], "nosniff")
        return status

    def assert_all_closed(self, role):
        wait_for(lambda: role.metrics()["sbe_http_connections"] == 0, 5, "all are closed")

    def check_malformed(self):
        for data, status in MALFORMED.items():
            with self.subTest(data=data[:100]):
                self.check(data, [status])

    def test_each_has_a_status_a_sentence_and_cors(self):
        role = self.start()
        self.check_malformed()
        self.assert_all_closed(role)

    def test_so_it_is_in_one_process(self):
        self.start(separate=False)
        self.check_malformed()

    def test_no_size_ends_in_silence(self):
        role = self.start()
        for name, make in GROWING.items():
            seen = set()
            for n in [*range(1000, 5000, 211), *range(5000, 6300, 13), *range(6300, 12000, 211)]:
                with self.subTest(name, bytes=n):
                    seen.add(self.check(make(n), [200, 400, 404, 405, 414, 431]))
            self.assertTrue(seen & {414, 431}, name)
        self.assert_all_closed(role)

    def test_what_came_before_is_answered_too(self):
        self.start()
        for bad in (ASK + b"without a colon\r\n\r\n", ASK + b"X: " + b"a" * 5500 + b"\r\n\r\n"):
            got = ask(self.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + bad)
            first, _, second = got.partition(b"\r\n\r\nok\n")
            self.assertTrue(first.startswith(b"HTTP/1.1 200 "))
            self.assertIn(read(second)[0], (400, 431))

    def test_listed_pages_alone(self):
        self.start("-corsOrigins", PAGE)
        for origin, allowed in ((PAGE, PAGE), ("https://other.example", None)):
            asked = ASK + f"Origin: {origin}\r\nAccept: */*\r\n".encode()
            for rest in (b"without a colon\r\n\r\n", b"Content-Length: many\r\n\r\n",
                         b"X: " + b"a" * 5500 + b"\r\n\r\n", b"X: " + b"a" * 8000 + b"\r\n\r\n"):
                status, headers, _ = read(ask(self.port, asked + rest))
                self.assertIn(status, (400, 431))
                self.assertEqual(headers.get("access-control-allow-origin"), allowed)
                self.assertEqual(headers["vary"], "origin")

    def test_the_control_port_answers_as_before(self):
        role = self.start()
        for data, status in ((b"GET /healthz HTTP/x\r\n\r\n", 400), (ASK + b"\r\n", 200),
                             (ASK + b"X: " + b"a" * 20000 + b"\r\n\r\n", 431)):
            got, headers, body = read(ask(role.cli_port, data))
            self.assertEqual(got, status)
            self.assertNotIn("access-control-allow-origin", headers)


if __name__ == "__main__":
    main()
