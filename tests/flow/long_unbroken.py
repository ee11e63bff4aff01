"""Many mishaps in a row under the eyes of players that never stop: kills, cuts, half-dead
connections, and restarts of the broadcaster."""
# time limit: 900 s
import contextlib
import random
import sys
from pathlib import Path

import harness
import test_unbroken
from harness import RUNG, Recipe, TestCase, ffmpeg_publish, tool_publish, wait_for
from watcher import Watcher

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
from proxy import Proxy  # noqa: E402

STREAM = "hello_world"
PATHS = [f"/stream/{STREAM}/source.m3u8", f"/stream/{STREAM}/{RUNG}.m3u8"]
TEST = ("-test", "-retry", "-size", "320x240")


class Away(test_unbroken.KilledAndBack):
    def test_after_a_second_and_after_several(self):
        self.go_away((10, 25))


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
        with Recipe() as r, contextlib.ExitStack() as stack:
            def publish():
                proxy = stack.enter_context(Proxy(r.rtmp_port))
                url = f"rtmp://127.0.0.1:{proxy.port}/{STREAM}/Key"
                return proxy, ffmpeg_publish(url, size="320x240", bitrate="400k")

            proxy, publisher = publish()
            watchers = self.watch(r)
            for _ in range(20):
                last = {w: w.numbers()[-1] for w in watchers}
                if chance.random() < 0.5:
                    proxy.pause()
                else:
                    publisher.kill()
                old = publisher
                proxy, publisher = publish()
                for w in watchers:
                    w.wait_beyond(last[w], more=3)
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
