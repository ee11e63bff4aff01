"""A broadcaster that is killed and started again while its publishers come back by themselves."""
# time limit: 200 s
import harness
from harness import RUNG, Recipe, TestCase, tool_publish, wait_for
from watcher import Watcher

STREAM = "hello_world"
PATHS = [f"/stream/{STREAM}/source.m3u8", f"/stream/{STREAM}/{RUNG}.m3u8"]


class Restarted(TestCase):
    def judge(self, watchers, before):
        for w in watchers:
            numbers = w.numbers()
            jumps = [(a, b) for a, b in zip(numbers, numbers[1:]) if b != a + 1]
            self.assertEqual(len(jumps), 1, f"{w.url}: {jumps}")
            self.assertGreaterEqual(jumps[0][0], before[w])
            summary = w.judge(self, step=None)
            self.assertEqual(summary["jumps"], 1)

    def test_players_go_on_with_higher_numbers(self):
        with Recipe() as r:
            with tool_publish(r.rtmp(STREAM), "-test", "-retry", "-size", "320x240"):
                for path in PATHS:
                    r.wait_playlist(path, timeout=20)
                    self.assertNotIn("DISCONTINUITY", r.get(path).text)
                watchers = [Watcher(r.url(path)) for path in PATHS]
                for w in watchers:
                    wait_for(w.numbers, 20, f"{w.url} is watched")
                before = {w: w.numbers()[-1] for w in watchers}
                r.broadcaster.kill()
                r.broadcaster = r.broadcaster.again()
                for w, path in zip(watchers, PATHS):
                    w.wait_beyond(before[w], more=5, timeout=40)
                    text = r.get(path).text
                    first = harness.playlist(text).media_sequence
                    self.assertRegex(text, r"#EXT-X-DISCONTINUITY-SEQUENCE:\d+\n")
                    self.assertGreater(first, before[w])
                self.judge(watchers, before)


if __name__ == "__main__":
    harness.main()
