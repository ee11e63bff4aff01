"""The edge before the real broadcaster: what viewers get through it, what it asks for, and what it is
like when the broadcaster is started again."""
# usual time: 11 s
import json
import threading
import time
import urllib.parse

import harness
from edge import Edge
from harness import (BIN, Recipe, ffprobe_streams, http_get, playlist, temp_dir, tool_publish,
                     wait_for)

STREAM = "hello_world"
SOURCE = f"/stream/{STREAM}/source.m3u8"
LIVE = f"/stream/{STREAM}/source/live.m3u8"
VIEWERS = 200


class Player(threading.Thread):
    """Follows a playlist through the edge, whatever it is answered meanwhile."""

    def __init__(self, edge, path):
        super().__init__(daemon=True)
        self.edge, self.path = edge, path
        self.bodies, self.statuses, self.done = {}, [], threading.Event()
        self.start()

    def run(self):
        while not self.done.wait(0.25):
            answer = self.edge.get(self.path)
            self.statuses.append(answer.status)
            if answer.status != 200:
                continue
            for segment in playlist(answer.text).segments:
                if segment.number not in self.bodies:
                    got = self.edge.get(urllib.parse.urljoin(self.path, segment.uri))
                    self.statuses.append(got.status)
                    if got.status == 200:
                        self.bodies[segment.number] = got.body

    def stop(self):
        self.done.set()
        self.join(10)


class Behind(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = cls.enterClassContext(Recipe(order="B"))
        cls.publisher = cls.enterClassContext(tool_publish(cls.recipe.rtmp(STREAM), "-test",
                                                           "-retry", "-size", "320x240"))
        cls.edge = cls.enterClassContext(Edge(f"127.0.0.1:{cls.recipe.http_port}"))
        cls.recipe.wait_playlist(SOURCE, timeout=20)

    def requests(self):
        return self.recipe.broadcaster.metrics()["sbe_http_requests_total"]

    def test_0_segments_are_what_the_broadcaster_has_and_are_fetched_once(self):
        for path in (SOURCE, LIVE):
            answer = wait_for(lambda: self.edge.get(path).status == 200 and self.edge.get(path), 10,
                              f"{path} through the edge")
            direct = self.recipe.get(path)
            for name in ("content-type", "cache-control", "access-control-allow-origin"):
                self.assertEqual(answer.headers[name], direct.headers[name], path)
            path = urllib.parse.urljoin(path, playlist(answer.text).segments[-1].uri)
            wanted = self.recipe.get(path).body
            before = self.requests()
            asked = [self.edge.get(path) for _ in range(10)]
            self.assertEqual({a.body for a in asked}, {wanted})
            self.assertEqual([a.headers["x-cache-status"] for a in asked], ["MISS"] + ["HIT"] * 9)
            self.assertEqual(self.edge.get(path, headers={"Range": "bytes=100-199"}).body,
                             wanted[100:200])
            self.assertEqual(self.requests() - before, 1)

    def test_1_http2_and_a_real_player(self):
        out = temp_dir() / "out"
        done = self.edge.curl(SOURCE, "-o", out, "-w", "%{http_version} %{http_code}")
        self.assertEqual(done.stdout, "2 200", done.stderr)
        done = harness.run(["ffmpeg", "-nostdin", "-v", "error", "-i", self.edge.url(SOURCE), "-t",
                            "1", "-c", "copy", "-f", "mpegts", out, "-y"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([s["codec_type"] for s in ffprobe_streams(out)], ["video", "audio"])

    def test_1_the_judge_trusts_a_certificate_that_it_is_given(self):
        judge = [BIN / "watch", "-judge", "-seconds", 3, "-json"]
        done = harness.run([*judge, self.edge.url(SOURCE)])
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("certificate", done.stderr)
        done = harness.run([*judge, "-cacert", self.edge.data / "cert.pem", self.edge.url(SOURCE)])
        self.assertIn(done.returncode, (0, 1), done.stderr)
        told = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertGreater(next(x for x in told if x["kind"] == "playlist")["segments"], 0)

    def test_1_pushing_is_not_for_the_edge(self):
        before = self.requests()
        self.assertEqual(self.edge.get("/live/new/1.ts", method="PUT").status, 405)
        self.assertEqual(self.edge.get("/live/new/1.ts").status, 404)
        self.assertEqual(self.requests(), before)

    def test_2_a_page_is_for_browsers_and_fetched_once(self):
        html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Encoding": "gzip"}
        for path, plain in (("/", 200), ("/stream/nobody", 404)):
            for _ in range(2):
                page = self.edge.get(path, headers=html)
                self.assertEqual((page.status, page.headers["content-type"]),
                                 (200, "text/html; charset=utf-8"), path)
                self.assertIn("default-src 'none'", page.headers["content-security-policy"])
                text = self.edge.get(path, headers={"Accept": "*/*"})
                self.assertEqual((text.status, text.headers["content-type"]),
                                 (plain, "text/plain; charset=utf-8"), path)
        first = self.edge.get("/assets/player.js", headers={"Accept-Encoding": "gzip"})
        before = self.requests()
        again = self.edge.get("/assets/player.js", headers={
            "Accept-Encoding": "gzip", "If-None-Match": first.headers["etag"]})
        self.assertEqual((first.status, again.status, again.body), (200, 304, b""))
        self.assertEqual(self.requests(), before)

    def test_2_a_page_of_another_site_may_do_what_it_may_at_the_broadcaster(self):
        for name in ("access-control-allow-methods", "access-control-allow-headers",
                     "access-control-expose-headers"):
            direct, behind = (set(where.get(LIVE, method="OPTIONS").headers[name].split(", "))
                              for where in (self.recipe, self.edge))
            self.assertLessEqual(direct, behind, name)
        self.assertIn("Authorization", self.edge.get(LIVE, method="OPTIONS").headers[
            "access-control-allow-headers"])

    def settled(self, path):
        """The playlist, when what was on its way from a publisher that stopped is in it."""
        seen = []

        def stands():
            seen.append(self.recipe.get(path).text)
            return len(seen) > 1 and seen[-1] == seen[-2]

        wait_for(stands, 15, "the playlist stands", interval=0.5)
        return seen[-1]

    def test_2_200_blocked_reloads_are_one_request(self):
        # So that all of them wait, however long 200 greetings take here.
        self.publisher.pause()
        self.addCleanup(self.publisher.resume)
        text = self.settled(LIVE)
        self.assertIn("CAN-BLOCK-RELOAD=YES", text)
        found = playlist(text)
        path = f"{LIVE}?_HLS_msn={found.media_sequence + len(found.segments)}"
        before = self.requests()
        answers = self.edge.crowd(path, VIEWERS, self.publisher.resume)
        self.assertEqual({a[0] for a in answers}, {200})
        self.assertEqual(len({a[1] for a in answers}), 1)
        self.assertEqual(self.requests() - before, 1)

    def test_3_players_go_on_when_the_broadcaster_is_started_again(self):
        player = Player(self.edge, SOURCE)
        self.addCleanup(player.stop)
        wait_for(lambda: player.bodies, 15, "the player has a segment")
        self.recipe.broadcaster.kill()
        # Nobody upstream: said at once, and what is kept is still to be had.
        wait_for(lambda: player.statuses[-1] == 502, 5, "the edge says that nobody is there")
        last = max(player.bodies)  # with what was on its way
        self.recipe.broadcaster = self.recipe.broadcaster.again()
        started = time.monotonic()
        wait_for(lambda: max(player.bodies) > last, 30, "the player has a further segment")
        print(f"a further segment {time.monotonic() - started:.1f} s after the start")
        player.stop()
        self.assertLessEqual(set(player.statuses), {200, 404, 502})
        path = f"/stream/{STREAM}/source/{max(player.bodies)}.ts"
        self.assertEqual(http_get(self.recipe.url(path)).body, player.bodies[max(player.bodies)])


if __name__ == "__main__":
    harness.main()
