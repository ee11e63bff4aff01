"""A publisher that is killed and comes back: the same playlists go on, and a player that never stops
sees every number once, behind exactly one discontinuity."""
# time limit: 300 s
# usual time: 18 s
import time

import harness
from harness import RUNG, Recipe, TestCase, ffmpeg_publish, wait_for
from watcher import Watcher

AWAY_S = (1, 8)  # long_unbroken.py: longer


def publish(recipe, stream, **more):
    return ffmpeg_publish(recipe.rtmp(stream), size="160x120", bitrate="400k", **more)


class KilledAndBack(TestCase):
    def test_after_a_second_and_after_several(self):
        self.go_away(AWAY_S)

    def go_away(self, seconds):
        with Recipe() as r:
            streams = {away: f"away{away}" for away in seconds}
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
