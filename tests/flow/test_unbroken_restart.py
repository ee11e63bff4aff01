"""A broadcaster that is killed and started again while its publishers come back by
themselves; two encoders that both come back, for ever."""
# time limit: 200 s
# usual time: 26 s
import harness
from harness import RUNG, Recipe, TestCase, tool_publish, wait_for
from watcher import Watcher

STREAM = "hello_world"
TEST = ("-test", "-retry", "-size", "320x240")
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
            with tool_publish(r.rtmp(STREAM), *TEST):
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


class Fighting(TestCase):
    def test_two_encoders_that_both_come_back_do_not_tear_a_stream_to_pieces(self):
        with Recipe(order="OB") as r, tool_publish(r.rtmp("fight"), *TEST):
            path = "/stream/fight/source.m3u8"
            r.wait_playlist(path)
            w = Watcher(r.url(path))
            wait_for(w.numbers, 20, f"{w.url} is watched")
            mark = r.broadcaster.log_mark()
            with tool_publish(r.rtmp("fight"), *TEST):
                # The first take-over is at once, the next one ten seconds later.
                r.broadcaster.wait_log(r"fight stream=fight: two publishers", timeout=40, since=mark)
                wait_for(lambda: w.discontinuities() >= 2, 20, "both are seen")
                log = r.broadcaster.log()[mark:]
                self.assertLessEqual(log.count("takes_over stream=fight"), 3)
                w.judge(self, discontinuities=2)


if __name__ == "__main__":
    harness.main()
