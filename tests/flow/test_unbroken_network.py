"""Bad networks and second publishers: a cut in the middle of a frame, a connection that is half
dead, another key. The player never stops."""
# time limit: 300 s
# usual time: 35 s
import sys
import time
from pathlib import Path

import harness
from harness import Publisher, Recipe, TestCase, ffmpeg_publish, tool_publish, wait_for
from watcher import Watcher

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from proxy import Proxy  # noqa: E402


def source(stream):
    return f"/stream/{stream}/source.m3u8"


def state_of(recipe, stream):
    return next(s["state"] for s in recipe.broadcaster.status()["streams"] if s["id"] == stream)


def try_publish(url):
    """What ffmpeg says when it wants to publish there; its exit status."""
    done = harness.run(
        ["ffmpeg", "-nostdin", "-loglevel", "debug", "-re", "-f", "lavfi", "-i",
         "testsrc=size=160x120:rate=30", "-t", "2", "-c:v", "libx264", "-f", "flv", url],
        timeout=30)
    return done.stderr[-400:], done.returncode


def small(url, **more):
    return ffmpeg_publish(url, size="160x120", bitrate="400k", **more)


class Networks(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(order="OB").start()

    @classmethod
    def tearDownClass(cls):
        for role in cls.recipe.roles():
            role.kill()

    def watched(self, stream):
        self.recipe.wait_playlist(source(stream), timeout=20)
        w = Watcher(self.recipe.url(source(stream)))
        wait_for(w.numbers, 20, f"{w.url} is watched")
        return w

    def test_a_network_that_is_cut_in_the_middle_of_a_frame(self):
        """The publisher comes back by itself, twice."""
        r = self.recipe
        with Proxy(r.rtmp_port) as proxy:
            url = f"rtmp://127.0.0.1:{proxy.port}/cut"
            with tool_publish(url, "-test", "-retry", "-size", "1280x720", "-bitrate", "8000k"):
                w = self.watched("cut")
                for cuts in (1, 2):
                    before = w.numbers()[-1]
                    # Slower than the frames come: what has passed ends inside of one.
                    proxy.limit(300_000)
                    passed = proxy.passed
                    wait_for(lambda: proxy.passed > passed + 100_000, 10, "the network is slow")
                    proxy.cut()
                    proxy.limit(None)
                    wait_for(lambda: proxy.connections() == 1, 20, "the publisher is back")
                    w.wait_beyond(before, more=3)
                w.judge(self, discontinuities=2)

    def test_a_half_dead_connection_is_taken_over_from(self):
        r = self.recipe
        with Proxy(r.rtmp_port) as proxy:
            with small(f"rtmp://127.0.0.1:{proxy.port}/half/Key") as old:
                w = self.watched("half")
                mark = r.broadcaster.log_mark()
                proxy.pause()
                last = w.numbers()[-1]
                # Another key does not help itself to it, and is told so by name.
                text, status = try_publish(r.rtmp("half/Other"))
                self.assertNotEqual(status, 0)
                self.assertIn("with another key", text)
                r.broadcaster.wait_log(r"refused peer=\S+ code=NetStream.Publish.BadName", since=mark)
                with small(r.rtmp("half/Key")) as back:
                    r.broadcaster.wait_log(r"takes_over stream=half", since=mark)
                    r.broadcaster.wait_log(
                        r"unpublish stream=half .*another connection, which has taken over",
                        since=mark)
                    self.assertEqual(state_of(r, "half"), "live")
                    w.wait_beyond(last, more=4)
                    proxy.resume()
                    self.assertNotEqual(old.wait(), 0)
                    self.assertTrue(back.alive())
                w.judge(self)
            self.assertNotIn("Key", r.broadcaster.log()[mark:].replace("with another key", ""))

    def test_another_key_is_refused_in_the_grace_too(self):
        r = self.recipe
        with small(r.rtmp("mine/Key")):
            w = self.watched("mine")
        wait_for(lambda: state_of(r, "mine") == "waiting", 10, "its publisher has gone")
        for url in ("mine/Other", "mine"):
            mark = r.broadcaster.log_mark()
            text, status = try_publish(r.rtmp(url))
            self.assertNotEqual(status, 0)
            self.assertIn("waits for its publisher", text)
            r.broadcaster.wait_log(r"refused peer=\S+ code=NetStream.Publish.BadName", since=mark)
        last = w.numbers()[-1]
        with small(r.rtmp("mine/Key")):
            w.wait_beyond(last, more=3)
        w.judge(self)


if __name__ == "__main__":
    harness.main()
