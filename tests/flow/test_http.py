"""The viewers' server as clients and caches see it."""
import http.client

from harness import Recipe, TestCase, ffmpeg_publish, main, playlist

SOURCE = "/stream/hello_world/source.m3u8"


class Http(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(order="B").start()
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("hello_world"))
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


if __name__ == "__main__":
    main()
