"""What only shows over minutes: memory over many restarts, and a rung's bitrate under its cap. And bad
days that are much like one of test_bad_links.py."""
# time limit: 600 s
import re

import harness
import test_bad_links as bad
from harness import Follower, Recipe, TestCase, ffmpeg_publish, tool_publish, wait_for
from proxy import Proxy

RESTARTS = 30
SETTLED = 10  # restarts after which nothing may grow any more
GROWTH_MAX = 6 * 1024  # KiB

CAPS = {"P144p30fps16x9": 400_000, "P240p30fps16x9": 600_000}
DEADLINE = ["-rungDeadlineMs", int(12000 * harness.TIME_SCALE)]  # the usual one
PATIENCE_MS = int(60000 * harness.TIME_SCALE)  # a rung's segment may be late here, but not missing
WAITING_MAX = 40  # segments at once, on a machine that falls behind
WINDOW_S = 10
FIRST_S = 2
OVER_CAP = 1.03


def resident_kib(role):
    with open(f"/proc/{role.pid}/status", encoding="ascii") as f:
        return int(re.search(r"^VmRSS:\s+(\d+) kB", f.read(), re.M).group(1))


class Memory(TestCase):
    def test_flat_over_restarts_of_a_transcoder(self):
        with Recipe() as r, \
                tool_publish(r.rtmp("x"), "-test", "-size", "320x240"):
            path = f"/stream/x/{harness.RUNG}.m3u8"
            r.wait_playlist(path, timeout=15)
            transcoder, settled = r.transcoders[0], None
            for i in range(RESTARTS):
                done = r.orchestrator.status()["jobs"]["done"]
                transcoder.kill()
                transcoder = r.transcoders[0].again()
                r.transcoders.append(transcoder)
                wait_for(lambda: r.orchestrator.status()["jobs"]["done"] > done, 20,
                         "segments are done again")
                if i == SETTLED:
                    settled = [resident_kib(x) for x in (r.orchestrator, r.broadcaster)]
            for role, before in zip((r.orchestrator, r.broadcaster), settled):
                after = resident_kib(role)
                self.assertLess(after - before, GROWTH_MAX, f"{role.role}: {before} to {after} KiB")
            wait_for(lambda: len(r.orchestrator.status()["transcoders"]) == 1, 10, "one is there")


class Rate(TestCase):
    def test_a_noisy_source_stays_under_each_rungs_cap(self):
        """Every segment has an encoder of its own; what the one before it spent travels along."""
        noise = "testsrc=size=426x240:rate=30,noise=alls=40:allf=t"
        with Recipe(rungs=",".join(CAPS), orchestrator_flags=["-lateAfterMs", "0"],
                    transcoder_flags=["-maxSessions", WAITING_MAX],
                    broadcaster_flags=["-rungDeadlineMs", PATIENCE_MS]) as r, \
                ffmpeg_publish(r.rtmp("x"), source=noise, bitrate="4000k"):
            urls = {name: r.url(f"/stream/x/{name}.m3u8") for name in CAPS}
            for name in CAPS:
                r.wait_playlist(f"/stream/x/{name}.m3u8", timeout=20)
            follower = Follower(*urls.values())
            follower.follow(lambda: all(follower.seconds(u) >= 60 for u in urls.values()), 120)
            for name, cap in CAPS.items():
                self.assertFalse([s for s in follower.segments[urls[name]] if s.gap])
                path = follower.join(urls[name], harness.temp_dir() / "rung.ts")
                self.check_rate(name, cap, harness.ffprobe_packets(path, "video"))

    def check_rate(self, name, cap, packets):
        frames = 30 * WINDOW_S
        sizes = [p["size"] for p in packets]
        # The very first segment may use up the buffer, which is full when a stream begins.
        rates = [sum(sizes[i:i + frames]) * 8 / WINDOW_S
                 for i in range(30 * FIRST_S, len(sizes) - frames)]
        self.assertGreater(max(rates), cap * 0.8, f"{name}: the source is not noisy enough to tell")
        self.assertLessEqual(max(rates), cap * OVER_CAP, name)


class Roles(bad.BadDay):
    def test_paused_for_three_seconds(self):
        with Recipe(rungs=bad.RUNGS, broadcaster_flags=DEADLINE) as r, bad.publish(r):
            follower = self.follow(r)
            r.transcoders[0].pause()
            wait_for(lambda: not bad.transcoders_of(r), 5, "the orchestrator notices")
            self.go_on(follower, 2, rungs_too=False)
            r.transcoders[0].resume()
            self.go_on(follower, 2)
            self.check(follower)

    def test_killed_with_its_transcoder(self):
        with Recipe(rungs=bad.RUNGS, broadcaster_flags=DEADLINE) as r, bad.publish(r):
            follower = self.follow(r)
            r.transcoders[0].kill()
            r.orchestrator.kill()
            self.go_on(follower, 1, rungs_too=False)
            r.transcoders.append(r.transcoders[0].again())
            r.orchestrator = r.orchestrator.again()
            self.go_on(follower, 2)
            self.check(follower)


class Network(bad.Far):
    def test_refused_for_a_while(self):
        with Recipe(rungs=bad.RUNGS, order="OB", broadcaster_flags=DEADLINE) as r, \
                Proxy(r.service_port) as proxy:
            self.far_transcoder(r, proxy)
            with bad.publish(r):
                follower = self.follow(r)
                proxy.refuse()
                self.go_on(follower, 1, rungs_too=False)
                self.assertGreater(proxy.accepted, 2, "it goes on dialling")
                proxy.accept()
                self.go_on(follower, 2)
                self.check(follower)


if __name__ == "__main__":
    harness.main()
