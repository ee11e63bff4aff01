"""Many mishaps in a row under the eyes of players that never stop: kills, cuts, half-dead
connections, and restarts of the broadcaster."""
# time limit: 900 s
import random
import sys
from pathlib import Path

import harness
from harness import RUNG, Recipe, TestCase, ffmpeg_publish, tool_publish, wait_for
from watcher import Watcher

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from proxy import Proxy  # noqa: E402

STREAM = "hello_world"
PATHS = [f"/stream/{STREAM}/source.m3u8", f"/stream/{STREAM}/{RUNG}.m3u8"]
TEST = ("-test", "-retry", "-size", "320x240")


class Mishaps(TestCase):
    def watch(self, recipe):
        for path in PATHS:
            recipe.wait_playlist(path, timeout=20)
        watchers = [Watcher(recipe.url(path)) for path in PATHS]
        for w in watchers:
            wait_for(w.numbers, 20, f"{w.url} is watched")
        return watchers

    def test_twenty_publishers_one_behind_the_other(self):
        """Killed before the next one comes, or left half dead for it to take over from."""
        chance = random.Random(4)
        with Recipe() as r, Proxy(r.rtmp_port) as proxy:
            def publish(port):
                return ffmpeg_publish(f"rtmp://127.0.0.1:{port}/{STREAM}/Key", size="320x240",
                                      bitrate="400k")

            publisher = publish(proxy.port)
            watchers = self.watch(r)
            for _ in range(20):
                last = {w: w.numbers()[-1] for w in watchers}
                half_dead = chance.random() < 0.5
                if half_dead:
                    proxy.pause()
                    old, publisher = publisher, publish(r.rtmp_port)
                else:
                    publisher.kill()
                    old, publisher = None, publish(proxy.port)
                for w in watchers:
                    w.wait_beyond(last[w], more=3)
                if half_dead:
                    proxy.resume()
                    old.kill()
            for w in watchers:
                w.judge(self, discontinuities=20)
            publisher.kill()

    def test_ten_restarts(self):
        with Recipe() as r, tool_publish(r.rtmp(STREAM), *TEST):
            watchers = self.watch(r)
            for _ in range(10):
                last = {w: w.numbers()[-1] for w in watchers}
                r.broadcaster.kill()
                r.broadcaster = r.broadcaster.again()
                for w in watchers:
                    w.wait_beyond(last[w], more=2, timeout=40)
            for w in watchers:
                numbers = w.numbers()
                self.assertEqual(w.stop(2), 0, w.log()[-2000:])
                self.assert_rising(numbers, w.url)
                self.assertEqual([o["words"] for o in w.objects("fault")], [])


if __name__ == "__main__":
    harness.main()
