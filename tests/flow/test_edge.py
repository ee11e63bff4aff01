"""deploy/edge: nginx before broadcasters, as `make edge` starts it. What it counts and holds is
judged with an upstream of our own; test_edge_recipe.py has the real one."""
# usual time: 13 s
import concurrent.futures
import gzip
import os
import socket
import ssl
import stat
import time
import unittest
import warnings

import harness
from edge import Edge, Upstream
from harness import ROOT, free_port, run, temp_dir, wait_for

LONG = "public, max-age=3600, immutable"
VIEWERS = 200


def setUpModule():
    EdgeCase.up = Upstream()
    unittest.addModuleCleanup(EdgeCase.up.close)
    EdgeCase.edge = Edge(EdgeCase.up.address, EDGE_READER_S=1)
    unittest.addModuleCleanup(EdgeCase.edge.kill)


class EdgeCase(harness.TestCase):
    """One edge for all of them, each with addresses of its own."""


class Tls(EdgeCase):
    def test_http2_with_a_certificate_of_its_own_that_only_the_user_reads(self):
        self.up.put("/", b"<p>page</p>", Content_Type="text/html", Cache_Control="max-age=60")
        done = self.edge.curl("/", "-w", "%{http_version} %{http_code}", "-o", os.devnull)
        self.assertEqual(done.stdout, "2 200", done.stderr)
        self.assertEqual(stat.S_IMODE((self.edge.data / "key.pem").stat().st_mode), 0o600)
        self.assertIn(f"Edge at https://127.0.0.1:{self.edge.port}/", self.edge.log())
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.minimum_version = ssl.TLSVersion.TLSv1
        with socket.create_connection(("127.0.0.1", self.edge.port)) as s:
            with self.assertRaises(ssl.SSLError):
                old.wrap_socket(s)

    def test_workers_are_not_root_and_nothing_is_written_elsewhere(self):
        workers = run(["ps", "-o", "user=", "--ppid", self.edge.pid]).stdout.split()
        self.assertTrue(workers)
        self.assertNotIn("root", workers)
        config = (self.edge.data / "nginx.conf").read_text() + \
            (self.edge.data / "site.conf").read_text()
        self.assertNotIn("/var/", config)

    def test_a_second_one_with_the_same_directory_or_port_is_refused_in_words(self):
        done = run([ROOT / "deploy/edge/run"], env={**os.environ, **self.edge.env})
        self.assertEqual(done.returncode, 2)
        self.assertIn("another edge has", done.stderr)
        other = temp_dir()
        other.chmod(0o711)
        done = run([ROOT / "deploy/edge/run"],
                   env={**os.environ, **self.edge.env, "EDGE_DATA": str(other)})
        self.assertEqual(done.returncode, 2)
        self.assertIn("something else listens on", done.stderr)


class Held(EdgeCase):
    """Blocking reloads."""

    def test_200_at_once_are_one_request_upstream_and_all_get_its_answer(self):
        path = "/stream/a/source/live.m3u8?_HLS_msn=7&_HLS_part=2"
        self.up.put(path, b"#EXTM3U\n#7.2\n", Cache_Control="max-age=12")
        self.up.hold(path)
        answers = self.edge.crowd(path, VIEWERS, self.up.release)
        self.assertEqual({a[:2] for a in answers}, {(200, b"#EXTM3U\n#7.2\n")})
        self.assertEqual(self.up.count(path), 1)
        late = sorted(a[2] for a in answers)
        print(f"after the answer: median {late[len(late) // 2]:.3f} s, last {late[-1]:.3f} s")
        # Another part is another question, and so is a delta update.
        for other in (path.replace("part=2", "part=3"), path + "&_HLS_skip=YES"):
            self.up.put(other, other.encode())
            self.assertEqual(self.edge.get(other).body, other.encode())
            self.assertEqual(self.edge.get(other).headers["x-cache-status"], "HIT")

    def test_the_one_that_asked_first_leaves_and_the_others_do_not_ask_again(self):
        path = "/stream/b/source/live.m3u8?_HLS_msn=0"
        self.up.put(path, b"#EXTM3U\n", Cache_Control="max-age=12")
        self.up.hold(path)
        with self.edge.tls().wrap_socket(socket.create_connection(("127.0.0.1", self.edge.port)),
                                         server_hostname="127.0.0.1") as first:
            first.sendall(f"GET {path} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
            wait_for(lambda: self.up.count(path) == 1, 5, "the first request is held upstream")
        answers = self.edge.crowd(path, 10, self.up.release)
        self.assertEqual({a[0] for a in answers}, {200})
        self.assertEqual(self.up.count(path), 1)

    def test_nothing_came_in_time_is_said_to_all_after_one_hold(self):
        path = "/stream/c/source/live.m3u8?_HLS_msn=9"
        self.up.put(path, b"nothing came\n", status=503, Retry_After="1",
                    Cache_Control="no-store")
        self.up.hold(path)
        answers = self.edge.crowd(path, 30, self.up.release)
        self.assertEqual({a[:2] for a in answers}, {(503, b"nothing came\n")})
        self.assertEqual(self.up.count(path), 1)

    def test_too_far_ahead_is_not_remembered(self):
        path = "/stream/d/source/live.m3u8?_HLS_msn=99"
        self.up.put(path, b"too far\n", status=400, Cache_Control="max-age=1")
        self.assertEqual(self.edge.get(path).status, 400)
        self.up.put(path, b"#EXTM3U\n", Cache_Control="max-age=12")
        self.assertEqual(self.edge.get(path).status, 200)

    def test_a_hinted_part_is_fetched_once(self):
        path = "/stream/a/source/8.3.m4s"
        self.up.put(path, b"part", Cache_Control=LONG)
        self.up.hold(path)
        answers = self.edge.crowd(path, 50, self.up.release)
        self.assertEqual({a[:2] for a in answers}, {(200, b"part")})
        self.assertEqual(self.up.count(path), 1)

    def test_the_broadcaster_dies_while_it_holds(self):
        path = "/stream/e/source/live.m3u8?_HLS_msn=1"

        def cut_off(handler):
            handler.connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError

        self.up.server.handle_error = lambda *args: None
        self.up.answers[path] = cut_off
        self.up.hold(path)
        answers = self.edge.crowd(path, 4, self.up.release)
        self.assertEqual({a[0] for a in answers}, {502})


class OwnWaits(harness.TestCase):
    def test_no_viewer_is_late_and_a_part_is_still_shared(self):
        up = Upstream()
        self.addCleanup(up.close)
        held, part = "/stream/a/source/live.m3u8?_HLS_msn=1&_HLS_part=0", "/stream/a/source/1.0.m4s"
        up.put(held, b"#EXTM3U\n", Cache_Control="max-age=12")
        up.put(part, b"part", Cache_Control=LONG)
        up.hold(held)
        with Edge(up.address, EDGE_WAIT="own") as edge:
            answers = edge.crowd(held, 30, up.release)
            self.assertEqual({a[:2] for a in answers}, {(200, b"#EXTM3U\n")})
            self.assertEqual(up.count(held), 30)
            late = sorted(a[2] for a in answers)
            # Who waits for the cache's lock learns of it after half a second.
            self.assertLess(late[len(late) // 2], 0.25 * harness.TIME_SCALE)
            with concurrent.futures.ThreadPoolExecutor(30) as pool:
                got = list(pool.map(lambda _: edge.get(part), range(30)))
            self.assertEqual({g.body for g in got}, {b"part"})
            self.assertLess(up.count(part), 15)


class Live(EdgeCase):
    """Playlists that do not wait."""

    def test_shared_for_half_a_second_and_never_longer(self):
        path = "/stream/a.m3u8"
        self.up.put(path, lambda: b"%f" % time.monotonic(), Cache_Control="max-age=1")
        asked, worst, until = 0, 0.0, time.monotonic() + 1.6
        while time.monotonic() < until:
            before = time.monotonic()
            worst = max(worst, before - float(self.edge.get(path).text))
            asked += 1
        self.assertLessEqual(worst, 0.6)
        self.assertGreater(asked, 2 * self.up.count(path))
        self.assertLessEqual(self.up.count(path), 5)

    def test_absent_then_there(self):
        for path in ("/stream/new.m3u8", "/stream/new/source/1.ts", "/stream/new/source/2.m4s"):
            answer = self.edge.get(path)
            self.assertEqual((answer.status, answer.headers["cache-control"]), (404, "max-age=1"))
            self.up.put(path, b"now", Cache_Control="max-age=1")
            wait_for(lambda: self.edge.get(path).status == 200, 1, f"{path} is there", 0.1)

    def test_asked_each_time_is_asked_for_all_at_once(self):
        path = "/stream/short.m3u8"
        self.up.put(path, b"#EXTM3U\n", Cache_Control="no-cache", ETag='"1"')
        self.up.hold(path)
        answers = self.edge.crowd(path, 20, self.up.release)
        self.assertEqual({a[:2] for a in answers}, {(200, b"#EXTM3U\n")})
        self.assertLessEqual(self.up.count(path), 2)  # they may have come in two half seconds

    def test_what_must_not_be_kept_is_not(self):
        self.up.put("/stream/n.m3u8", lambda: b"%d" % self.up.count("/stream/n.m3u8"),
                    Cache_Control="no-store")
        self.assertEqual([self.edge.get("/stream/n.m3u8").text for _ in range(3)], ["1", "2", "3"])

    def test_packed_or_not_and_no_further_kinds(self):
        path = "/stream/z/source/live.m3u8?_HLS_msn=4"
        packed = gzip.compress(b"#EXTM3U\n")

        def answer(handler):
            wants = handler.headers.get("Accept-Encoding") == "gzip"
            more = {"Content-Encoding": "gzip"} if wants else {}
            return 200, {"Vary": "Accept-Encoding", "Cache-Control": "max-age=12", "ETag": '"z"',
                         **more}, packed if wants else b"#EXTM3U\n"

        self.up.answers[path] = answer
        for accepts in ("gzip, deflate, br", "gzip", "br;q=1.0, gzip;q=0.8", "deflate,gzip"):
            found = self.edge.get(path, headers={"Accept-Encoding": accepts})
            self.assertEqual((found.body, found.headers["content-encoding"]), (packed, "gzip"))
            self.assertEqual(found.headers["vary"], "Accept-Encoding")
        for accepts in ("identity", "br", "gzip;q=0, br", "xgzip"):
            found = self.edge.get(path, headers={"Accept-Encoding": accepts})
            self.assertEqual(found.body, b"#EXTM3U\n", accepts)
        self.assertEqual(self.up.count(path), 2)

    def test_nothing_of_a_viewer_goes_up(self):
        self.edge.get("/stream/h.m3u8?token=1", headers={"Cookie": "a=b", "Host": "evil.example",
                                                         "X-Forwarded-For": "1.2.3.4"})
        seen = {k.lower(): v for k, v in self.up.seen["/stream/h.m3u8?token=1"].items()}
        self.assertEqual(seen.keys() - {"accept-encoding"}, {"host"})
        self.assertEqual(seen["host"], "edge_broadcasters")


class Media(EdgeCase):
    BODY = bytes(range(256)) * 4096

    def test_fetched_once_whatever_follows_the_question_mark(self):
        path = "/stream/a/source/1.ts"
        self.up.put(path, self.BODY, Cache_Control=LONG, ETag='"x"', Content_Type="video/mp2t")
        first = self.edge.get(path)
        self.assertEqual((first.body, first.headers["x-cache-status"]), (self.BODY, "MISS"))
        for asked in (path, path + "?token=1", path + "?token=2"):
            again = self.edge.get(asked)
            self.assertEqual((again.body, again.headers["x-cache-status"]), (self.BODY, "HIT"))
            for name in ("cache-control", "etag", "content-type"):
                self.assertEqual(again.headers[name], first.headers[name])
        self.assertEqual(self.up.asked.count(path), 1)
        self.assertEqual(self.edge.get(path, headers={"If-None-Match": '"x"'}).status, 304)
        head = self.edge.get(path, method="HEAD")
        self.assertEqual((head.body, head.headers["content-length"]), (b"", str(len(self.BODY))))

    def test_ranges_of_what_is_and_of_what_is_not_yet_kept(self):
        path = "/stream/a/source/2.m4s"
        self.up.put(path, self.BODY, Cache_Control=LONG, ETag='"x"')
        for asked, wanted in (("bytes=10-19", self.BODY[10:20]), ("bytes=-100", self.BODY[-100:]),
                              ("bytes=1048000-", self.BODY[1048000:])):
            found = self.edge.get(path, headers={"Range": asked})
            self.assertEqual((found.status, found.body), (206, wanted), asked)
        self.assertEqual(self.edge.get(path, headers={"Range": "bytes=9999999-"}).status, 416)
        self.assertEqual(self.up.count(path), 1)

    def test_who_does_not_read_is_cut_off(self):
        path = "/stream/a/source/3.ts"
        self.up.put(path, self.BODY * 24, Cache_Control=LONG)
        self.edge.get(path)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", self.edge.port))
            with self.edge.tls().wrap_socket(s, server_hostname="127.0.0.1") as viewer:
                viewer.sendall(f"GET {path} HTTP/1.1\r\nHost: edge\r\n\r\n".encode())
                wait_for(lambda: self.edge.writing() >= 1, 5, "the answer has begun", 0.01)
                wait_for(lambda: self.edge.writing() == 0, 8, "the edge has cut it off")


class Files(harness.TestCase):
    """Media files of a real broadcaster: a range is fetched as a range, and nothing is kept."""

    def test_ranges_and_conditions_go_up(self):
        folder = harness.temp_dir()
        body = os.urandom(1 << 20) * 8
        (folder / "\u00fc b.mp4").write_bytes(body)
        path = "/media/%C3%BC%20b.mp4?userId=1"
        with harness.Recipe(order="B", broadcaster_flags=["-mediaPath", folder]) as recipe, \
                Edge(f"127.0.0.1:{recipe.http_port}") as edge:
            part = edge.get(path, headers={"Range": "bytes=7000000-7000099"})
            self.assertEqual((part.status, part.body), (206, body[7000000:7000100]))
            self.assertEqual(part.headers["content-range"], f"bytes 7000000-7000099/{len(body)}")
            self.assertEqual(part.headers["access-control-allow-origin"], "*")
            sent = wait_for(lambda: recipe.broadcaster.status()["viewers"]["sent_bytes"], 10,
                            "what was sent is counted")
            self.assertLess(sent, 1_000_000)
            tag = part.headers["etag"]
            for headers, status in (({"If-None-Match": tag}, 304),
                                    ({"Range": "bytes=0-9", "If-Range": tag}, 206),
                                    ({"Range": "bytes=0-9", "If-Range": '"x"'}, 200),
                                    ({"Range": "bytes=99999999-"}, 416)):
                self.assertEqual(edge.get(path, headers=headers).status, status, headers)
            self.assertEqual(edge.get(path).body, body)
            head = edge.get(path, method="HEAD")
            self.assertEqual(head.headers["content-length"], str(len(body)))
            self.assertEqual(edge.get("/media/none.jpg").status, 404)
            kept = [f for f in edge.data.rglob("*") if f.is_file() and f.stat().st_size > 100_000]
            self.assertEqual(kept, [])


class Statuses(EdgeCase):
    def test_any_site_may_read_every_answer(self):
        self.up.put("/stream/ok.m3u8", b"#EXTM3U\n", Cache_Control="max-age=1",
                    Access_Control_Allow_Origin="https://one.example")
        self.up.put("/stream/bad.m3u8?_HLS_msn=9", b"no\n", status=400)
        self.up.put("/stream/busy.m3u8?_HLS_msn=9", b"no\n", status=503)
        self.up.put("/stream/many.m3u8", b"no\n", status=429, Retry_After="7")
        for status, method, path in ((200, "GET", "/stream/ok.m3u8"), (404, "GET", "/stream/no.ts"),
                                     (400, "GET", "/stream/bad.m3u8?_HLS_msn=9"),
                                     (503, "GET", "/stream/busy.m3u8?_HLS_msn=9"),
                                     (429, "GET", "/stream/many.m3u8"),
                                     (405, "PUT", "/stream/ok.m3u8"), (404, "GET", "/live/a/1.ts"),
                                     (405, "PUT", "/live/a/1.ts"), (405, "POST", "/live/a/1.ts"),
                                     (404, "GET", "/stream/%2e%2e/live/1.ts"),
                                     (204, "OPTIONS", "/stream/ok.m3u8"),
                                     (414, "GET", "/stream/ok.m3u8?" + "x" * 10000)):
            answer = self.edge.get(path, method=method, headers={"Origin": "https://any.example"})
            self.assertEqual(answer.status, status, f"{method} {path[:60]}")
            self.assertEqual(answer.headers["access-control-allow-origin"], "*", path[:60])
            self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertFalse([p for p in self.up.asked if p.startswith("/live")])
        many = self.edge.get("/stream/many.m3u8")
        self.assertEqual(many.headers["retry-after"], "7")  # the broadcaster's word
        preflight = self.edge.get("/stream/ok.m3u8", method="OPTIONS")
        self.assertIn("Range", preflight.headers["access-control-allow-headers"])
        self.assertEqual(self.edge.get("/", method="PUT").headers["allow"], "GET, HEAD, OPTIONS")

    def test_nobody_upstream_is_a_sentence_and_what_is_kept_plays_on(self):
        up = Upstream()
        up.put("/stream/a/source/1.ts", b"kept", Cache_Control=LONG)
        with Edge(up.address, EDGE_CORS="https://one.example,https://two.example:8443") as edge:
            self.assertEqual(edge.get("/stream/a/source/1.ts").status, 200)
            up.close()
            answer = edge.get("/stream/a.m3u8", headers={"Origin": "https://two.example:8443"})
            self.assertEqual(answer.status, 502)
            self.assertIn("does not answer; try again", answer.text)
            self.assertEqual(answer.headers["access-control-allow-origin"],
                             "https://two.example:8443")
            self.assertEqual((answer.headers["cache-control"], answer.headers["retry-after"],
                              answer.headers["vary"]), ("no-store", "1", "Origin"))
            self.assertEqual(edge.get("/stream/a/source/1.ts").body, b"kept")
            held = edge.get("/stream/a.m3u8?_HLS_msn=1", headers={"Origin": "https://no.example"})
            self.assertEqual(held.status, 502)
            self.assertNotIn("access-control-allow-origin", held.headers)
            self.assertEqual(edge.get("/stream/x.json").status, 502)


class Several(harness.TestCase):
    def test_a_stream_is_found_where_it_is_and_the_dead_one_is_passed_over(self):
        one, two = Upstream(), Upstream()
        self.addCleanup(one.close)
        self.addCleanup(two.close)
        names = [f"s{i}" for i in range(8)]
        for name in names:
            for path in (f"/stream/{name}.m3u8", f"/stream/{name}/r/live.m3u8?_HLS_msn=3"):
                two.put(path, name.encode(), Cache_Control="max-age=1")
        upstreams = f"{one.address},{two.address},127.0.0.1:{free_port()}"
        with Edge(upstreams) as edge, concurrent.futures.ThreadPoolExecutor(8) as pool:
            for path in ("/stream/%s.m3u8", "/stream/%s/r/live.m3u8?_HLS_msn=3"):
                for name, answer in zip(names, pool.map(lambda n: edge.get(path % n), names)):
                    self.assertEqual((answer.status, answer.text), (200, name))
        with Edge(f"{one.address},{two.address}") as edge:
            self.assertEqual(edge.get("/stream/nowhere/1.ts").status, 404)
            self.assertEqual((one.count("/stream/nowhere/1.ts"), two.count("/stream/nowhere/1.ts")),
                             (1, 1))


class Configuration(harness.TestCase):
    def test_what_is_for_etc_nginx_passes_nginx_own_check(self):
        for paid, wait in (("no", "shared"), ("yes", "own")):
            self.check_site(EDGE_PAID=paid, EDGE_WAIT=wait)

    def check_site(self, **settings):
        folder = temp_dir()
        with_key = {"EDGE_CERT": str(folder / "c"), "EDGE_KEY": str(folder / "k")}
        made = run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
                    "-keyout", folder / "k", "-out", folder / "c"])
        self.assertEqual(made.returncode, 0, made.stderr)
        done = run([ROOT / "deploy/edge/run", "-site"], env={
            **os.environ, **with_key, **settings, "EDGE_NAME": "live.example.net www.example.net",
            "EDGE_LOG_PERCENT": "5", "EDGE_HSTS_S": "86400", "EDGE_ADDR": f":{free_port()}",
            "EDGE_HTTP_ADDR": f":{free_port()}", "EDGE_STATUS": f"127.0.0.1:{free_port()}"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotRegex(done.stdout, r"@[A-Z_]+@")
        site = done.stdout
        for place in ("/var/lib/nginx/edge", "/var/log/nginx/edge"):
            site = site.replace(place, f"{folder}/edge")
        (folder / "site.conf").write_text(site)
        (folder / "nginx.conf").write_text(
            f"pid {folder}/pid; events {{}} http {{ gzip on; ssl_protocols TLSv1.2;\n"
            + "".join(f"{k}_temp_path {folder}/{k};" for k in
                      ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + f"include {folder}/site.conf; }}")
        tools = f"{os.environ['PATH']}:/usr/sbin:{ROOT}/build/tools"
        done = run(["nginx", "-t", "-e", "stderr", "-c", folder / "nginx.conf"],
                   env={**os.environ, "PATH": tools})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("warn", done.stderr)

    def test_a_wrong_setting_is_named(self):
        for name, value, says in (("EDGE_ADDR", "8443", "HOST:PORT"), ("EDGE_ADDR", ":0", "no port"),
                                  ("UPSTREAM", "a;b:1", "UPSTREAM must be"), ("UPSTREAM", ",", "empty"),
                                  ("EDGE_CACHE_MB", "1g", "a number"), ("EDGE_LOG_PERCENT", "101", "0 to 100"),
                                  ("EDGE_CORS", "one.example", "https://"), ("EDGE_NAME", "a;b", "host names"),
                                  ("EDGE_WAIT", "x", "shared or own"), ("EDGE_PAID", "1", "yes or no"), ("EDGE_DATA", "x", "begin with /"), ("EDGE_CERT", "/nowhere", "EDGE_KEY")):
            done = run([ROOT / "deploy/edge/run", "-check"], env={
                **os.environ, "EDGE_DATA": str(temp_dir()), name: value})
            self.assertEqual(done.returncode, 2, f"{name}={value}")
            self.assertRegex(done.stderr, rf"^edge: .*{says}", f"{name}={value}")
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    harness.main()
