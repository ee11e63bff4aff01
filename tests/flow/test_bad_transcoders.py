"""Transcoders that are silent or fail: their jobs are given to another one as well, they get none for
a while, and whoever looks sees why."""
# usual time: 9 s
import os

from harness import (ROOT, RUNG, Process, Recipe, Role, TestCase, free_port, main, playlist, temp_dir,
                     tool_publish, wait_for)

SUPPORT = ROOT / os.environ.get("BUILD", "build") / "support"
HEDGE_AFTER_MS = 200
LATE_AFTER_MS = 20000  # so that nothing is taken away for lateness
FIRST_SUSPENSION_MS = 1000


class BadTranscoders(TestCase):
    def start(self, *orchestrator_flags):
        recipe = Recipe(order="OB", broadcaster_flags=["-rungDeadlineMs", LATE_AFTER_MS],
                        orchestrator_flags=orchestrator_flags)
        self.addCleanup(recipe.__exit__, None, None, None)
        return recipe.start()

    def start_bad(self, recipe, mode):
        """A real one behind a go-between (see tests/support) that makes it so."""
        door = f"127.0.0.1:{free_port()}"
        between = Process([SUPPORT / "false_transcoder", mode, door,
                           f"127.0.0.1:{recipe.service_port}"], temp_dir() / "bad.log",
                          env={"LINK_SECRET": "secret"})
        self.addCleanup(between.kill)
        between.wait_log("listening")
        self.addCleanup(Role("transcoder", ["-orchAddr", door, "-orchSecret", "secret"],
                             temp_dir()).kill)
        wait_for(lambda: self.transcoders(recipe), 10, "it is there")

    def transcoders(self, recipe):
        return recipe.orchestrator.status()["transcoders"]

    def publish(self, recipe, *streams):
        publisher = tool_publish([recipe.rtmp(s) for s in streams], "-test", "-size", "160x120",
                                 "-fps", 10, "-keyint", 20, "-audio=false")
        self.addCleanup(publisher.kill)

    def test_a_silent_ones_job_is_done_by_another_one_too(self):
        recipe = self.start("-hedgeAfter", HEDGE_AFTER_MS, "-lateAfterMs", LATE_AFTER_MS)
        self.start_bad(recipe, "mute")  # of equals the first one is asked first
        recipe.start_transcoder()
        wait_for(lambda: len(self.transcoders(recipe)) == 2, 10, "another one is there")
        self.publish(recipe, "a")
        recipe.wait_playlist(f"/stream/a/{RUNG}.m3u8", 2, timeout=30)
        rung, source = (playlist(recipe.get(f"/stream/a/{name}.m3u8").text)
                        for name in (RUNG, "source"))
        self.assertEqual([s.number for s in rung.segments if s.gap], [])
        self.assertEqual(rung.segments[0].number, source.segments[0].number)
        jobs = recipe.orchestrator.status()["jobs"]
        self.assertGreaterEqual(jobs["hedged"], 1)
        self.assertGreaterEqual(jobs["hedges_won"], 1)
        silent, other = self.transcoders(recipe)
        self.assertEqual(silent["done"], 0)
        self.assertGreaterEqual(other["done"], 1)

    def test_who_fails_again_and_again_is_suspended_for_longer_and_longer(self):
        recipe = self.start()
        self.start_bad(recipe, "fail")
        self.publish(recipe, "a", "b", "c")
        longest_ms = 0

        def suspended():
            nonlocal longest_ms
            found, = self.transcoders(recipe)
            longest_ms = max(longest_ms, found["suspended_ms"])
            self.assertEqual(found["suspended"], found["suspended_ms"] > 0)
            return found["suspensions"] >= 2 and longest_ms > FIRST_SUSPENSION_MS

        wait_for(suspended, 30, "it is suspended again, for longer than the first time")
        recipe.orchestrator.wait_log(r"transcoder_suspended .*it was told to fail")
        self.assertGreaterEqual(recipe.orchestrator.metrics()["sbe_orchestrator_suspensions_total"],
                                2)
        recipe.start_transcoder()

        def back():
            listed = playlist(recipe.get(f"/stream/a/{RUNG}.m3u8").text).segments
            return listed and not listed[-1].gap

        wait_for(back, 20, "another one makes the rung")


if __name__ == "__main__":
    main()
