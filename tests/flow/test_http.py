"""The viewers' server as clients and caches see it."""
# usual time: 13 s
import gzip
import http.client
import socket
import time

from harness import (Recipe, Role, TestCase, ffmpeg_publish, free_port, main, playlist,
                     wait_for)
from test_hostile import MB, resident

SOURCE = "/stream/hello_world/source.m3u8"
LIVE = "/stream/hello_world/source/live.m3u8"
HTML = {"Accept": "text/html"}
PAGE = "https://page.example"
BROWSER = {
    "Accept": "*/*", "Origin": PAGE, "Referer": PAGE + "/", "Accept-Encoding": "gzip, deflate, br",
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
                  " Chrome/140.0.0.0 Safari/537.36",
    "Accept-Language": "en-GB,en;q=0.9,de-DE;q=0.8,de;q=0.7,en-US;q=0.6",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    "sec-ch-ua-mobile": "?0", "sec-ch-ua-platform": '"Windows"', "Sec-Fetch-Site": "same-site",
    "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
}


class Http(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(order="B").start()
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("hello_world"), size="320x240",
                                       bitrate="500k")
        cls.recipe.wait_playlist(SOURCE, 2)

    @classmethod
    def tearDownClass(cls):
        cls.publisher.kill()
        for role in cls.recipe.roles():
            role.kill()

    def test_one_connection_carries_many_requests(self):
        for port, paths in ((self.recipe.http_port, [SOURCE, "/stream/nope.m3u8", SOURCE]),
                            (self.recipe.broadcaster.cli_port, ["/status", "/nope", "/metrics"])):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            sockets = set()
            for path in paths:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                self.assertEqual(answer.status, 404 if "nope" in path else 200)
                self.assertIsNotNone(connection.sock, f"closed after {path}")
                sockets.add(connection.sock.fileno())
            connection.close()
            self.assertEqual(len(sockets), 1)

    def test_cors_and_a_sentence_on_every_status(self):
        for method, path, status in (
                ("GET", SOURCE, 200), ("HEAD", SOURCE, 200), ("OPTIONS", SOURCE, 204),
                ("GET", "/stream/hello_world", 302), ("GET", "/stream/nope.m3u8", 404),
                ("GET", "/stream/hello_world/nope.m3u8", 404),
                ("GET", "/stream/hello_world/source/1.ts", 404), ("GET", "/nowhere", 404),
                ("DELETE", SOURCE, 405), ("GET", "/stream/%2e%2e/x.m3u8", (400, 404)),
                ("GET", "/stream/a%00b.m3u8", (400, 404))):
            answer = self.recipe.get(path, method=method)
            self.assertIn(answer.status, status if isinstance(status, tuple) else (status,), path)
            self.assertEqual(answer.headers["access-control-allow-origin"], "*", path)
            if answer.status >= 400:
                self.assertRegex(answer.text, r"\w+ \w+")

    def addresses(self):
        """One of each kind that there is: (path, headers, status)."""
        there = [SOURCE, LIVE, LIVE + "?_HLS_skip=YES", "/stream/hello_world.m3u8", "/",
                 "/stream/hello_world/live.m3u8", "/stream/hello_world/poster.jpg",
                 "/streams.json", "/stream/index.m3u8", "/healthz", "/multi?ids=a,b", "/publish",
                 "/embed/hello_world", "/assets/style.css", "/assets/settings.json",
                 playlist(self.recipe.get(SOURCE).text).segments[-1].uri,
                 self.of_live(".m4s"), self.of_live(".mp4")]  # the hinted part
        away = ["/nowhere", "/stream/nope.m3u8", "/stream/nope", "/stream/nope/live.m3u8",
                "/stream/nope/poster.jpg", "/stream/hello_world/nope.m3u8", "/demo", "/video",
                "/stream/hello_world/source/1.ts", "/stream/hello_world/source/1.m4s",
                "/stream/hello_world/source/1.0.m4s", "/media.json", "/media/nope.mp4",
                "/stream/hello_world/source/init-00000000000000ff.mp4", "/assets/nope.js"]
        wrong = ["/stream/%2e%2e", "/embed/%2e%2e", "/stream/a%2fb.m3u8",
                 LIVE + "?_HLS_msn=9999999999"]
        return [("/stream/hello_world", {}, 302), ("/stream/hello_world", HTML, 200),
                ("/", HTML, 200), *((path, {}, 200) for path in there),
                *((path, {}, 404) for path in away), *((path, {}, 400) for path in wrong)]

    def test_each_address_by_each_method(self):
        for path, headers, status in self.addresses():
            with self.subTest(path=path, headers=headers):
                get, head = self.get_and_head(path, headers)
                options = self.recipe.get(path, method="OPTIONS")
                self.assertEqual((get.status, head.status, options.status), (status, status, 204))
                self.assertEqual(head.headers, get.headers)
                self.assertEqual((head.body, head.headers["content-length"]),
                                 (b"", str(len(get.body))))
                for answer in (get, head, options):
                    self.assertEqual(answer.headers["access-control-allow-origin"], "*")
                    self.assertIn("Retry-After", answer.headers["access-control-expose-headers"])
                    self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
                self.assertEqual(options.headers["access-control-allow-methods"],
                                 "GET, HEAD, OPTIONS")
                self.assertIn("Range", options.headers["access-control-allow-headers"])
                if status == 200:
                    self.assertRegex(get.headers["etag"], '^"[^"]+"$')
                elif status == 404:
                    self.assertIn(get.headers["cache-control"], ("max-age=1", "no-store"))

    def get_and_head(self, path, headers):
        """Of one state: what is live goes on between them now and then."""
        for _ in range(20):
            both = [self.recipe.get(path, method=m, headers=headers) for m in ("GET", "HEAD")]
            for answer in both:
                del answer.headers["date"]
            if both[0].headers == both[1].headers:
                break
        return both

    def test_a_push_is_nothing_to_keep(self):
        answer = self.recipe.get("/live/x/0.ts")
        self.assertEqual((answer.status, answer.headers["cache-control"]), (405, "no-store"))

    def test_head_tells_what_get_would_send(self):
        listed = playlist(self.recipe.get(SOURCE).text).segments[-1]
        get, head = self.recipe.get(listed.uri), self.recipe.get(listed.uri, method="HEAD")
        self.assertEqual(get.headers["content-type"], "video/mp2t")
        self.assertEqual(head.headers["content-length"], str(len(get.body)))
        self.assertEqual(head.body, b"")
        self.assertIn("immutable", get.headers["cache-control"])

    def test_a_segment_is_the_same_for_ever(self):
        listed = playlist(self.recipe.get(SOURCE).text).segments[0]
        self.assertEqual(self.recipe.get(listed.uri).body, self.recipe.get(listed.uri).body)

    def test_a_query_changes_nothing(self):
        self.assertEqual(self.recipe.get(SOURCE + "?token=x&_HLS_msn=1").status, 200)

    # --- parts, conditions, gzip ------------------------------------------------------------------

    def of_live(self, ending):
        """The address of something in the newest low-latency playlist."""
        text = self.recipe.get(LIVE).text
        words = text.replace('"', "\n").split("\n")
        uri = [w for w in words if w.partition("?")[0].endswith(ending)][-1]
        return uri if uri.startswith("/") else LIVE.rpartition("/")[0] + "/" + uri

    def test_parts_of_all_that_is_media(self):
        newest = playlist(self.recipe.get(SOURCE).text).segments[-1].uri
        for path in (newest, self.of_live(".m4s"), self.of_live(".mp4")):
            whole = self.recipe.get(path)
            self.assertEqual(whole.headers["accept-ranges"], "bytes", path)
            size = len(whole.body)
            for asked, first, last in (("0-99", 0, 99), ("-100", size - 100, size - 1),
                                       ("100-", 100, size - 1)):
                part = self.recipe.get(path, headers={"Range": f"bytes={asked}",
                                                      "If-Range": whole.headers["etag"]})
                self.assertEqual(part.status, 206, path)
                self.assertEqual(part.headers["content-range"], f"bytes {first}-{last}/{size}")
                self.assertEqual(part.body, whole.body[first:last + 1])
            beyond = self.recipe.get(path, headers={"Range": f"bytes={size}-"})
            self.assertEqual(beyond.status, 416)
            self.assertEqual(beyond.headers["content-range"], f"bytes */{size}")
            self.assertEqual(beyond.headers["access-control-allow-origin"], "*")
            same = self.recipe.get(path, headers={"If-None-Match": whole.headers["etag"]})
            self.assertEqual((same.status, same.body), (304, b""))

    def test_texts_by_gzip(self):
        for path in ("/", LIVE, "/stream/hello_world/live.m3u8", "/streams.json"):
            packed = self.recipe.get(path, headers={"Accept-Encoding": "gzip"})
            plain = self.recipe.get(path)
            if "content-encoding" not in packed.headers:
                self.assertLess(len(plain.body), 400, path)  # too little to win anything
                continue
            self.assertIn("Accept-Encoding", packed.headers["vary"])
            self.assertEqual(packed.headers["content-encoding"], "gzip")
            self.assertNotEqual(packed.headers["etag"], plain.headers["etag"])
            self.assertEqual(gzip.decompress(packed.body)[:7], plain.body[:7])
            self.assertLess(len(packed.body), len(plain.body))

    def test_every_answer_has_what_caches_need(self):
        for path in (SOURCE, LIVE, "/stream/hello_world.m3u8", "/stream/hello_world/live.m3u8",
                     "/streams.json", "/stream/index.m3u8", "/"):
            answer = self.recipe.get(path)
            self.assertEqual(answer.status, 200, path)
            for name in ("etag", "date", "content-length", "cache-control", "content-type"):
                self.assertIn(name, answer.headers, path)
            self.assertFalse(answer.headers["etag"].startswith("W/"), path)

    # --- what nobody means well by ----------------------------------------------------------------

    def test_odd_targets_get_a_status_and_a_sentence(self):
        for target, status in (("/stream/../../etc/passwd", (400, 404)),
                               ("/stream/%2e%2e%2f%2e%2e%2fetc%2fpasswd", (400, 404)),
                               ("/stream/hello_world%2fsource.m3u8", (400, 404)),
                               ("/stream/hello_world%00.m3u8", (400, 404)),
                               ("/stream/%zz.m3u8", (400,)), ("//stream//", (400, 404)),
                               (SOURCE + "?" + "x" * 1000, (200,)),
                               (SOURCE + "?" + "x=1&" * 200, (200,)),
                               (SOURCE + "?" + "x=1&" * 700, (400,)),
                               (SOURCE + "?" + "x" * 10240, (414,))):
            answer = self.recipe.get(target)
            self.assertIn(answer.status, status, target[:60])
            self.assertTrue(answer.text, target[:60])
        for more in range(2000, 12000, 97):  # whatever of it still fits
            with self.subTest(query=more):
                answer = self.recipe.get(SOURCE + "?" + "x" * more)
                self.assertIn(answer.status, (400, 414))
                self.assertRegex(answer.text, r"\w+ \w+")
                if more < 6000:  # longer ones the library answers by itself
                    self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        self.assertEqual(self.recipe.get(SOURCE).status, 200)

    def test_many_headers_get_a_status(self):
        """As long as they have room beside an answer, that; and never silence."""
        for headers in ([{"X": "a" * n} for n in range(4600, 6000, 47)] +
                        [{f"X-{i}": "a" * 32 for i in range(n)} for n in range(40, 64)] +
                        [{"Cookie": "a=" + "a" * n} for n in range(4600, 6000, 47)] +
                        [{"Cookie": "; ".join(f"{i:09}=123456789" for i in range(n))}
                         for n in range(210, 250, 2)]):
            answer = self.recipe.get("/stream/hello_world.m3u8", headers=headers)
            self.assertIn(answer.status, (200, 431), headers)
            self.assertRegex(answer.text, r"\w+ \w+|#EXTM3U")

    def test_a_browser_with_the_cookies_of_a_whole_site_may_watch(self):
        """A browser sends them to each port of a host."""
        for n, size in ((100, 30), (50, 60), (2, 1500)):
            cookies = "; ".join(f"_c{i:03}=".ljust(size - 2, "v") for i in range(n))
            answer = self.recipe.get(LIVE + "?_HLS_skip=YES",
                                     headers={**BROWSER, "Cookie": cookies})
            self.assertEqual((answer.status, answer.headers["content-encoding"]), (200, "gzip"))

    def test_absurd_directives_are_refused_at_once(self):
        msn = playlist(self.recipe.get(LIVE).text).segments[-1].number
        for query in ("_HLS_msn=18446744073709551615", "_HLS_msn=18446744073709551616",
                      "_HLS_msn=" + "9" * 500, "_HLS_msn=-1", "_HLS_msn=1e3", "_HLS_msn=",
                      "_HLS_msn=%00", "_HLS_msn=0x10", "_HLS_msn=1&_HLS_msn=2", "_HLS_part=0",
                      f"_HLS_msn={msn + 100}", f"_HLS_msn={msn + 1}&_HLS_part=5000",
                      f"_HLS_msn={msn + 1}&_HLS_part=4294967296", "_HLS_skip=MAYBE"):
            answer = self.recipe.get(f"{LIVE}?{query}")
            self.assertEqual(answer.status, 400, query)
            self.assertLess(answer.seconds, 3, query)  # half of what a request may wait
            self.assertRegex(answer.text, r"\w+ \w+", query)
            self.assertEqual(answer.headers["access-control-allow-origin"], "*", query)

    def test_raw_bytes_in_a_request(self):
        for target in (b"/stream/a\0b.m3u8", b"/stream/\xff\xfe.m3u8", b"/stream/a\x7f.m3u8",
                       b"/../../etc/passwd", b"../etc/passwd", b"*", b"http://x/stream/../x.m3u8"):
            with socket.create_connection(("127.0.0.1", self.recipe.http_port), timeout=10) as s:
                s.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                got = b""
                while more := s.recv(65536):
                    got += more
            self.assertRegex(got, rb"^HTTP/1.1 40[04] [\s\S]*\r\n\r\n.*\w+ \w+", target)
        self.assertEqual(self.recipe.get(SOURCE).status, 200)

    def test_streams_that_are_not_there_cost_no_memory(self):
        role, before = self.recipe.broadcaster, None
        with socket.create_connection(("127.0.0.1", self.recipe.http_port), timeout=10) as s:
            for batch in range(100):
                s.sendall(b"".join(b"GET /stream/nobody%d/source/live.m3u8 HTTP/1.1\r\n"
                                   b"Host: x\r\n\r\n" % (batch * 500 + i) for i in range(500)))
                got = b""
                while got.count(b"HTTP/1.1 404") < 500 or not got.endswith(b"now.\n"):
                    more = s.recv(1 << 20)
                    self.assertTrue(more, "closed")
                    got += more
                before = resident(role) if batch == 10 else before
        self.assertLess(resident(role) - before, 2 * MB)

    def test_idle_and_slow_ones_do_not_slow_the_others(self):
        """The figures for thousands are in long_crowd.py."""
        segment = playlist(self.recipe.get(SOURCE).text).segments[-1].uri
        alone = self.times()
        ask = f"GET {segment} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        kept = []
        for i in range(400):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", self.recipe.http_port))
            s.sendall(ask if i % 4 == 0 else ask[:i % 20])
            kept.append(s)
        beside = self.times()
        for s in kept:
            s.close()
        self.assertLess(beside, alone * 4 + 0.02)

    def times(self):
        """The median of 50 requests, in seconds."""
        found = sorted(self.recipe.get(SOURCE).seconds for _ in range(50))
        return found[25]


class Origins(TestCase):
    def test_listed_pages_alone(self):
        flags = ["-corsOrigins", f"{PAGE},http://b.example:81"]
        with Recipe(order="B", broadcaster_flags=flags) as r:
            for origin, allowed in ((PAGE, PAGE), ("https://other.example", None), (None, None)):
                for method, path, status in (("GET", "/", 200), ("GET", SOURCE, 404),
                                             ("GET", "/publish", 200), ("GET", "/assets/no", 404),
                                             ("OPTIONS", SOURCE, 204), ("DELETE", SOURCE, 405)):
                    headers = {"Origin": origin} if origin else {}
                    answer = r.get(path, method=method, headers=headers)
                    self.assertEqual(answer.status, status)
                    self.assertEqual(answer.headers.get("access-control-allow-origin"), allowed)
                    self.assertIn("Origin", answer.headers["vary"])
            headless = r.get("/" + "x" * 5000, headers={"Origin": PAGE})  # it is not read so far
            self.assertEqual((headless.status, headless.headers["vary"]), (414, "Origin"))
            self.assertNotIn("access-control-allow-origin", headless.headers)


class Limits(TestCase):
    def ask(self, http_port, address, path="/healthz"):
        """(the connection, whether it was answered)."""
        s = socket.create_connection((address, http_port), timeout=10)
        try:
            s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            return s, s.recv(100).startswith(b"HTTP/1.1 200")
        except (ConnectionResetError, BrokenPipeError):
            return s, False

    def test_connections_of_an_address(self):
        flags = ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-maxConnectionsPerAddress", 3,
                 "-maxConnections", 5]
        port = free_port()
        with Role("broadcaster", [*flags, "-httpAddr", f"[::]:{port}"]) as b:
            mine = [self.ask(port, "127.0.0.1") for _ in range(4)]
            self.assertEqual([answered for _, answered in mine], [True, True, True, False])
            other, answered = self.ask(port, "::1")
            self.assertTrue(answered, "another address has its own")
            self.assertEqual(b.status()["viewers"]["connections_refused"], 1)
            mine[0][0].close()

            def anew():
                s, answered = self.ask(port, "127.0.0.1")
                s.close()
                return answered
            wait_for(anew, 10, "a place that was left is taken again")
            for s in [other, *(s for s, _ in mine)]:
                s.close()

    def test_stops_with_requests_of_all_kinds_held(self):
        with Recipe(order="B") as r, \
                ffmpeg_publish(r.rtmp("show"), size="320x240", bitrate="500k") as publisher:
            r.wait_playlist("/stream/show/source.m3u8", 2)
            live = playlist(r.get("/stream/show/source.m3u8").text)
            ahead = live.media_sequence + len(live.segments) + 1
            ask = (f"GET /stream/show/source/live.m3u8?_HLS_msn={ahead} HTTP/1.1\r\n"
                   "Host: x\r\n\r\n").encode()
            held = [socket.create_connection(("127.0.0.1", r.http_port), timeout=10)
                    for _ in range(50)]
            for s in held:
                s.sendall(ask)
            push = socket.create_connection(("127.0.0.1", r.http_port), timeout=10)
            push.sendall(b"PUT /live/pushed/0.ts HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n"
                         b"\r\n" + bytes(100))
            wait_for(lambda: r.broadcaster.status()["push"]["streams"] == 1, 10, "the push")
            wait_for(lambda: r.broadcaster.status()["viewers"]["held"] >= 50, 10, "the reloads")
            began = time.monotonic()
            self.assertEqual(r.broadcaster.stop(timeout=10), 0)
            self.assertLess(time.monotonic() - began, 8)
            for s in [push, *held]:  # an answer, or an end
                s.settimeout(5)
                try:
                    self.assertRegex(s.recv(100), rb"^$|^HTTP/1.1 ")
                except ConnectionResetError:
                    pass
            for s in [push, *held]:
                s.close()
            publisher.kill()


if __name__ == "__main__":
    main()
