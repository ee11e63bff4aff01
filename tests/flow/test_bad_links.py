"""Bad days between the roles: who is killed, paused, late, or cut off, in every combination that a
network and an operator can make. The source never suffers; a rung has every frame once, or a gap."""
# time limit: 400 s
# usual time: 120 s
import sys

import harness
from harness import Follower, Recipe, Role, TestCase, tool_publish, wait_for

sys.path.insert(0, str(harness.ROOT / "tests" / "support"))
from proxy import Proxy  # noqa: E402

STREAM = "bad_day"
RUNGS = [harness.SMALL_RUNG, {**harness.SMALL_RUNG, "name": "larger", "width": 192}]


def source_path(stream=STREAM):
    return f"/stream/{stream}/source.m3u8"


def rung_paths(rungs, stream=STREAM):
    return [f"/stream/{stream}/{name}.m3u8" for name in rungs.split(",")]


def publish(recipe, stream=STREAM):
    """Small pictures, with a number in each."""
    return tool_publish(recipe.rtmp(stream), "-test", "-size", "256x144", "-bitrate", "500k")


def transcoders_of(recipe):
    return recipe.orchestrator.status()["transcoders"]


def jobs_of(recipe):
    return recipe.orchestrator.status()["jobs"]


def is_idle(recipe):
    jobs = jobs_of(recipe)
    return jobs["queued"] + jobs["offered"] + jobs["active"] == 0


class BadDay(TestCase):
    def follow(self, recipe, stream=STREAM):
        """A Follower of the source and the rungs, once all of them run."""
        paths = (source_path(stream), *rung_paths(recipe.rungs, stream))
        for path in paths:
            recipe.wait_playlist(path, timeout=15)
        follower = Follower(*(recipe.url(p) for p in paths))
        follower.poll()
        return follower

    def go_on(self, follower, segments, rungs_too=True, timeout=40):
        """Follows until so many more segments have been listed: of the source, or of all."""
        watched = follower.urls if rungs_too else follower.urls[:1]
        goal = follower.numbers(follower.urls[0])[-1] + segments
        follower.follow(lambda: all(follower.numbers(u)[-1] >= goal for u in watched), timeout)

    def whole(self, follower, url):
        return [s.number for s in follower.segments[url] if not s.gap]

    def check(self, follower, gaps=False):
        """The source is whole; what a rung has is the source's, picture by picture."""
        source, *rungs = follower.urls
        self.assertFalse([s for s in follower.segments[source] if s.gap], "the source has a gap")
        folder, files, sources = harness.temp_dir(), [], {}
        for url in follower.urls:
            self.assert_rising(follower.numbers(url), url, step=1)
        for i, url in enumerate(rungs):
            lost = [s.number for s in follower.segments[url] if s.gap]
            self.assertEqual(bool(lost), gaps, f"gaps of {url}: {lost}")
            have = [n for n in follower.numbers(url)
                    if n not in lost and n in follower.bodies[source]]
            self.assertGreater(len(have), 2)
            same = sources.setdefault(str(have), folder / f"source{i}.ts")
            if not same.exists():
                follower.join(source, same, have)
            path = follower.join(url, folder / f"rung{i}.ts", have)
            self.assert_rising([p["dts"] for p in harness.ffprobe_packets(path, "video")], "DTS")
            files.append((path, same))
        every = [*sources.values(), *(path for path, _ in files)]
        shown = dict(zip(every, harness.frame_numbers_of(*every)))
        for (path, same), url in zip(files, rungs):
            self.assertEqual(shown[path], shown[same], url)


class Transcoders(BadDay):
    def test_paused_for_good(self):
        with Recipe(rungs=RUNGS, broadcaster_flags=["-rungDeadlineMs", "1500"]) as r, publish(r):
            follower = self.follow(r)
            r.transcoders[0].pause()
            self.go_on(follower, 3)  # gaps are listed too
            r.start_transcoder()
            follower.follow(lambda: all(len(self.whole(follower, u)) > 3 for u in follower.urls),
                            40)
            self.check(follower, gaps=True)

    def kill_in_the_midst(self, recipe):
        """Kills the transcoder that has a segment, once parts of both its rungs were delivered."""
        def in_the_midst():
            status = recipe.orchestrator.status()
            frames, opened = status["jobs"]["frames"], status["jobs"]["opened"]
            if opened != self.opened:
                self.opened, self.frames = opened, frames
            busy = [t["name"] for t in status["transcoders"] if t["load"] > 0]
            return busy if frames - self.frames >= 30 and busy else None

        self.opened = self.frames = None
        recipe.orchestrator.status()
        name = wait_for(in_the_midst, 20, "parts of both rungs are delivered", interval=0.01)[0]
        victim = next(t for t in recipe.transcoders if t.alive() and name.endswith(f":{t.pid}"))
        victim.kill()
        return victim

    def test_killed_with_parts_of_two_rungs_delivered(self):
        with Recipe(rungs=RUNGS, transcoders=2) as r, publish(r):
            follower = self.follow(r)
            for _ in range(2):
                before = jobs_of(r)["redispatched"]
                victim = self.kill_in_the_midst(r)
                self.go_on(follower, 1)
                self.assertGreater(jobs_of(r)["redispatched"], before)
                r.transcoders.append(victim.again())
                self.go_on(follower, 1)
            self.check(follower)

    def test_restarted_at_once(self):
        """The end of a connection is noticed as such, long before any time-out."""
        with Recipe(orchestrator_flags=["-peerTimeoutMs", "30000"]) as r, publish(r):
            follower = self.follow(r)
            old = transcoders_of(r)[0]["name"]
            r.transcoders[0].kill()
            r.transcoders.append(r.transcoders[0].again(wait=False))
            wait_for(lambda: [t["name"] != old for t in transcoders_of(r)] == [True], 8,
                     "the new one has taken the old one's place")
            self.go_on(follower, 2)
            self.check(follower)

    def test_one_joins_later(self):
        with Recipe(order="OB") as r, publish(r):
            r.wait_playlist(source_path(), 2, timeout=15)
            r.start_transcoder()
            follower = self.follow(r)
            first = follower.numbers(follower.urls[0])[0]
            self.assertEqual(follower.numbers(follower.urls[1])[0], first, "made good from the start")
            self.go_on(follower, 2)
            self.check(follower)

    def test_two_of_capacity_one_serve_two_streams(self):
        with Recipe(transcoders=2, transcoder_flags=["-maxSessions", "1"]) as r:
            with publish(r, "one"), publish(r, "two"):
                followers = [self.follow(r, s) for s in ("one", "two")]
                for follower in followers:
                    self.go_on(follower, 4)
                for follower in followers:
                    self.check(follower)
                self.assertTrue(all(t["done"] > 1 for t in transcoders_of(r)))
                self.assertEqual(jobs_of(r)["failed"], 0)


class Orchestrators(BadDay):
    def test_comes_back_with_another_secret_and_then_with_the_right_one(self):
        with Recipe(broadcaster_flags=["-rungDeadlineMs", "30000"]) as r, publish(r):
            follower = self.follow(r)
            right = list(r.flags["O"])
            r.orchestrator.kill()
            wrong = ["another one" if f == "secret" else f for f in right]
            r.orchestrator = r.orchestrator.again(flags=wrong)
            r.transcoders[0].wait_log("does not accept this secret", timeout=15)
            wait_for(lambda: r.orchestrator.status()["broadcasters"], 10,
                     "the broadcaster of this host finds the new credential")
            self.assertEqual(transcoders_of(r), [])
            self.assertFalse(r.transcoders[0].status()["connected"])
            r.orchestrator.kill()
            r.orchestrator = r.orchestrator.again(flags=right)
            wait_for(lambda: transcoders_of(r) and r.orchestrator.status()["broadcasters"], 40,
                     "both are back")
            self.go_on(follower, 2)
            self.check(follower, gaps=False)

    def test_its_beat_is_everybodys(self):
        """Peers that kept a beat of their own would be taken for dead again and again."""
        beat, silence = (int(ms * harness.TIME_SCALE) for ms in (80, 450))
        with Recipe(orchestrator_flags=["-heartbeatMs", beat, "-peerTimeoutMs", silence]) as r:
            wait_for(lambda: transcoders_of(r) and r.orchestrator.status()["broadcasters"], 10,
                     "both are there")
            received = r.orchestrator.status()["link"]["received"]
            wait_for(lambda: r.orchestrator.status()["link"]["received"] > received + 60, 20,
                     "thirty beats of each")
            self.assertEqual(r.transcoders[0].status()["connections"], 1)
            self.assertEqual(r.broadcaster.status()["orchestrator"]["connections"], 1)
            r.orchestrator.pause()
            try:
                r.transcoders[0].wait_log("redialling", timeout=1)
            finally:
                r.orchestrator.resume()


class Broadcasters(BadDay):
    def test_killed_and_its_jobs_are_cancelled(self):
        with Recipe() as r, publish(r):
            self.follow(r)
            wait_for(lambda: r.transcoders[0].status()["load"] > 0, 10, "a segment is at work")
            r.broadcaster.kill()
            wait_for(lambda: is_idle(r) and r.transcoders[0].status()["load"] == 0, 5,
                     "nobody works for nobody")
            status = r.orchestrator.status()
            self.assertEqual((status["held_bytes"], status["broadcasters"]), (0, []))
            wait_for(lambda: r.orchestrator.status()["sessions"] == 0, 5, "its session is over")


class Far(BadDay):
    """A network between the orchestrator and a transcoder."""

    def far_transcoder(self, recipe, proxy):
        role = Role("transcoder", ["-orchAddr", f"127.0.0.1:{proxy.port}", "-orchSecret", "secret"],
                    wait=False)
        recipe.transcoders.append(role)
        wait_for(lambda: any(t["name"].endswith(f":{role.pid}") for t in transcoders_of(recipe)),
                 10, "the far transcoder has joined")
        return role


class Networks(Far):
    def test_cut_and_paused(self):
        with Recipe(rungs=RUNGS, order="OB") as r, Proxy(r.service_port) as proxy:
            far = self.far_transcoder(r, proxy)
            with publish(r):
                follower = self.follow(r)
                proxy.cut()
                wait_for(lambda: far.status()["connections"] == 2, 10, "it is back")
                self.go_on(follower, 1)
                proxy.pause()
                wait_for(lambda: not transcoders_of(r), 5, "silence is noticed")
                wait_for(lambda: not far.status()["connected"], 5, "on both sides")
                self.go_on(follower, 1, rungs_too=False)
                proxy.resume()
                self.go_on(follower, 2)
                self.check(follower)
                self.assertEqual(len(transcoders_of(r)), 1)

    def test_a_silent_line_is_noticed_by_lateness(self):
        """Long before the time-out: the segment goes to one that has room."""
        with Recipe(order="OB", orchestrator_flags=[
                "-peerTimeoutMs", "60000", "-lateAfterMs", "800"]) as r, \
                Proxy(r.service_port) as proxy:
            self.far_transcoder(r, proxy)
            with publish(r):
                follower = self.follow(r)
                r.start_transcoder()
                wait_for(lambda: len(transcoders_of(r)) == 2, 10, "the near one has joined")
                wait_for(lambda: jobs_of(r)["active"] > 0, 10, "a segment is at work", 0.01)
                proxy.pause()
                self.go_on(follower, 3)
                self.check(follower)
                jobs = jobs_of(r)
                self.assertGreater(jobs["redispatched"], 0)
                self.assertEqual(len(transcoders_of(r)), 2, "nobody has timed out")
                self.assertIn("job_redispatched", r.orchestrator.log())

    def test_a_line_too_slow_for_the_stream(self):
        """Gaps, not memory; the source is whole, and the rung is back when the line is."""
        with Recipe(order="OB", broadcaster_flags=["-rungDeadlineMs", "1500"]) as r, \
                Proxy(r.service_port) as proxy:
            self.far_transcoder(r, proxy)
            with publish(r):
                follower = self.follow(r)
                proxy.limit(15000)
                self.go_on(follower, 4)
                self.assertLess(r.orchestrator.status()["held_bytes"], 16 << 20)
                proxy.limit(None)
                self.go_on(follower, 3)
                self.check(follower, gaps=True)


if __name__ == "__main__":
    harness.main()
