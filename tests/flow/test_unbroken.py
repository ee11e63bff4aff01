"""A publisher that is killed and comes back: the same playlists go on, and a player that never stops
sees every number once, behind exactly one discontinuity."""
# time limit: 300 s
import json
import signal
import time

import harness
from harness import BIN, RUNG, Process, Recipe, TestCase, ffmpeg_publish, wait_for

AWAY_S = (1, 10, 25)


class Watcher(Process):
    """bin/watch that goes on until it is stopped, whoever is away meanwhile."""

    def __init__(self, url, away=60):
        super().__init__([BIN / "watch", "-json", "-seconds", 600, "-away", away, url],
                         harness.temp_dir() / "watch.log")
        self.url = url

    def objects(self, kind):
        lines = [line for line in self.log().splitlines() if line.startswith("{")]
        return [o for o in map(json.loads, lines[:len(lines)]) if o["kind"] == kind]

    def numbers(self):
        return [o["number"] for o in self.objects("segment")]

    def wait_beyond(self, number, more=2, timeout=30):
        wait_for(lambda: self.numbers() and self.numbers()[-1] >= number + more, timeout,
                 f"{self.url} is watched {more} numbers beyond {number}")

    def judge(self, test, discontinuities=1, step=1):
        """Stops it; it must have been content, and have seen every number once."""
        status = self.stop(signal.SIGINT)
        faults = [o["words"] for o in self.objects("fault")]
        test.assertEqual((status, faults), (0, []), self.url)
        test.assert_rising(self.numbers(), self.url, step=step)
        seen = sum(o["discontinuity"] for o in self.objects("segment"))
        test.assertEqual(seen, discontinuities, self.url)
        return self.objects("summary")[0]


def publish(recipe, stream, **more):
    return ffmpeg_publish(recipe.rtmp(stream), size="320x240", bitrate="400k", **more)


class KilledAndBack(TestCase):
    def test_after_1_10_and_25_seconds(self):
        with Recipe() as r:
            streams = {away: f"away{away}" for away in AWAY_S}
            publishers = {away: publish(r, stream) for away, stream in streams.items()}
            watchers = []
            for away, stream in streams.items():
                r.wait_playlist(f"/stream/{stream}/{RUNG}.m3u8", timeout=20)
                for rendition in ("source", RUNG) if away == 1 else ("source",):
                    watchers.append(Watcher(r.url(f"/stream/{stream}/{rendition}.m3u8")))
            for w in watchers:
                wait_for(w.numbers, 20, f"{w.url} is watched")
            for p in publishers.values():
                p.kill()
            killed = time.monotonic()
            last = {w: w.numbers()[-1] for w in watchers}
            for away, stream in streams.items():
                # What is tested here is this time that passes without a publisher.
                time.sleep(max(0.0, killed + away - time.monotonic()))
                publishers[away] = publish(r, stream)
            for w in watchers:
                w.wait_beyond(last[w], more=4)
            for w in watchers:
                w.judge(self)
            for p in publishers.values():
                self.assertTrue(p.alive())
                p.kill()


if __name__ == "__main__":
    harness.main()
