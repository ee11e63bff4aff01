"""What can happen to a farm, each on hosts of its own: whatever it is, every picture of every source is
in every rung once, and no player notices. test_farm.py has the quick ones."""
# time limit: 1800 s
import signal
import time

import farm
import harness
from farm import DELAY_BROKEN_S, DELAY_SILENT_S, Farm
from harness import TestCase, wait_for


BACK_S = 2.0  # after SIGCONT: a redial, and a heartbeat or two


def setUpModule():
    farm.set_up_module()
    farm.hurry()


def is_waiting(fault):
    """Rungs of which nothing comes."""
    if isinstance(fault, dict):
        return fault["rule"] == "preload-hint-not-held"
    return "no new segment for" in fault


class FarmCase(TestCase):
    def start(self, **more):
        f = self.enterContext(Farm(**more))
        f.watch()
        f.wait_measured()
        return f

    def finish(self, f, mark, wanted=lambda fault: True, **more):
        f.check(self, mark, **more)
        f.check_watchers(self, wanted)


class OneTranscoder(FarmCase):
    """Something happens to the one with the most work."""

    def test_killed(self):
        f = self.start()
        mark, since = f.mark(), time.monotonic()
        f.busiest().kill()
        self.finish(f, mark)
        f.check_delay(self, since, DELAY_BROKEN_S)

    def test_two_killed_at_once(self):
        f = self.start()
        mark, since = f.mark(), time.monotonic()
        for t in f.transcoders[:2]:
            t.popen.kill()
        self.finish(f, mark)
        f.check_delay(self, since, DELAY_BROKEN_S)

    def test_all_killed_and_back_at_once(self):
        f = self.start()
        mark = f.mark()
        for t in f.transcoders:
            t.kill()
        f.transcoders = [f.keep(t.again()) for t in f.transcoders]
        self.finish(f, mark)

    def test_stopped(self):
        f = self.start()
        mark, since = f.mark(), time.monotonic()
        stopped = f.busiest()
        stopped.pause()
        f.check(self, mark)
        f.check_delay(self, since, DELAY_SILENT_S)
        # It wakes up, finds that it was given up, and comes back.
        mark = f.mark()
        stopped.resume()
        f.wait_transcoders(3)
        self.finish(f, mark)

    def test_stopped_again_and_again(self):
        """However long it was stopped, and in the midst of whatever: it is back as soon as it runs."""
        f = self.start()
        for seconds in (5, 12, 25, 2.5, 11):
            wait_for(lambda: f.busiest().status()["load"], 10, "one is at work")
            stopped = f.busiest()
            stopped.pause()
            time.sleep(seconds)  # how long it is stopped
            since = time.monotonic()
            stopped.resume()
            try:
                f.wait_transcoders(3)
                took = time.monotonic() - since
                wait_for(lambda: stopped.status()["connected"], 5, "it is welcome")
            except AssertionError:
                f.show()
                raise
            print(f"stopped for {seconds} s: back after {took:.3f} s", flush=True)
            self.assertLess(took, BACK_S * harness.TIME_SCALE)
            self.assertNotIn("job_stuck", stopped.log())
        self.finish(f, f.mark())

    def test_cable_pulled(self):
        f = self.start()
        mark, since = f.mark(), time.monotonic()
        cut = f.busiest()
        cut.host.pull_cable()
        f.check(self, mark)
        f.check_delay(self, since, DELAY_SILENT_S)
        mark = f.mark()
        cut.host.plug_in()
        f.wait_transcoders(3)
        self.finish(f, mark)

    def test_told_to_end(self):
        """It finishes what it has begun."""
        f = self.start()
        mark, since = f.mark(), time.monotonic()
        told = f.busiest()
        self.assertEqual(told.stop(signal.SIGTERM), 0)
        self.finish(f, mark)
        f.check_delay(self, since, DELAY_BROKEN_S)


class FalseTranscoders(FarmCase):
    """One of three answers what is no good: that is found, and made again elsewhere."""

    def try_mode(self, mode):
        f = self.start()
        mark, since = f.mark(), time.monotonic()
        false = f.start_false_transcoder(mode)
        f.wait_transcoders(4)
        # Streams stay where they are: two leave in order, so that it is asked for whole segments.
        for t in f.transcoders[:2]:
            t.popen.send_signal(signal.SIGTERM)
        wait_for(lambda: false.status()["jobs"]["accepted"], 20, "the false one has a job")
        self.finish(f, mark, more=6)
        median, p95, added = f.delays(since)
        print(f"{mode}: lag median {median:.3f} s, p95 {p95:.3f} s; {added:.3f} s more at most; "
              f"jobs of the false one: {false.status()['jobs']}", flush=True)

    def test_honest_behind_the_go_between(self):
        self.try_mode("honest")

    def test_other_times(self):
        self.try_mode("times")

    def test_a_frame_too_few(self):
        self.try_mode("frames")

    def test_no_key_frame(self):
        self.try_mode("no-key")

    def test_a_key_frame_that_is_none(self):
        self.try_mode("false-key")

    def test_damage_in_later_pictures(self):
        self.try_mode("slices")

    def test_another_size(self):
        self.try_mode("size")

    def test_undecodable_bytes(self):
        self.try_mode("bytes")

    def test_bytes_that_are_no_units(self):
        self.try_mode("framing")

    def test_failing_each_time(self):
        self.try_mode("fail")

    def test_calling_the_input_faulty(self):
        self.try_mode("final")

    def test_done_without_doing(self):
        self.try_mode("done")

    def test_never_an_answer(self):
        self.try_mode("mute")

    def test_five_times_too_slow(self):
        self.try_mode("slow")


class Orchestrators(FarmCase):
    """While it is away rungs wait; what was under way is made good."""

    def away(self, f, take, give):
        mark = f.mark()
        take()
        wait_for(lambda: all(n >= mark[s] + 2 for s, n in f.mark().items()), 20,
                 "the sources are two segments on")
        give()
        self.finish(f, mark, more=6, wanted=lambda fault: not is_waiting(fault))

    def test_killed_and_back(self):
        f = self.start()

        def start():
            f.orchestrator = f.keep(f.orchestrator.again())

        self.away(f, f.orchestrator.kill, start)

    def test_killed_and_back_twice(self):
        """The second time while what was under way the first time is being made good."""
        f = self.start()
        mark = f.mark()
        for _ in range(2):
            f.orchestrator.kill()
            f.orchestrator = f.keep(f.orchestrator.again())
            f.wait_transcoders(3)
            wait_for(lambda: any(t["load"] for t in f.orchestrator.status()["transcoders"]), 10,
                     "there is work again")
        self.finish(f, mark, more=6, wanted=lambda fault: not is_waiting(fault))

    def test_cable_pulled_and_back(self):
        f = self.start()
        host = f.orchestrator.host
        self.away(f, host.pull_cable, host.plug_in)

    def test_stopped_and_back(self):
        f = self.start()
        self.away(f, f.orchestrator.pause, f.orchestrator.resume)


class Joining(FarmCase):
    def test_a_new_one_under_load(self):
        """Two of three are lost and the third is full: gaps, but only until another one comes."""
        f = self.start(transcoder_flags=["-maxSessions", "2"])
        for t in f.transcoders[:2]:
            t.kill()
        mark = f.mark()
        wait_for(lambda: all(n >= mark[s] + 3 for s, n in f.mark().items()), 30,
                 "the sources are three segments on")
        new = f.start_transcoder()
        f.start_transcoder()
        f.wait_transcoders(3)
        # Of the segments that begin from here on nothing is lost.
        mark = {s: n + 2 for s, n in f.mark().items()}
        wait_for(lambda: new.status()["load"], 4, "the new one has work")
        f.check(self, mark, more=6, timeout=60)
        f.check_watchers(self, lambda fault: "EXT-X-GAP" not in str(fault))

    def test_a_new_one_takes_its_part(self):
        """Nobody is lost, nobody is full: streams that stay where they are lose nothing by it."""
        f = self.start(transcoders=1)
        mark = f.mark()
        f.start_transcoder()
        f.start_transcoder()
        f.wait_transcoders(3)
        self.finish(f, mark, more=5)


if __name__ == "__main__":
    harness.main()
