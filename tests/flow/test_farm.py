"""Transcoders and orchestrators that die or lie, on hosts of their own: no viewer notices. The whole
matrix is in long_farm.py."""
# time limit: 300 s
# usual time: 48 s
import time

import farm
import harness
from farm import DELAY_BROKEN_S, Farm
from harness import TestCase, wait_for

STREAMS = {"a": "320x180", "b": "320x180"}
BUSY = 3  # times as late may a part be beside other tests; alone: long_farm


def setUpModule():
    farm.set_up_module()


class Failovers(TestCase):
    """One farm for all; each test leaves three honest transcoders behind."""

    @classmethod
    def setUpClass(cls):
        cls.farm = cls.enterClassContext(Farm(streams=STREAMS))
        cls.farm.wait_measured()

    def setUp(self):
        self.farm.watch(judged=["a"])

    def bring_back(self, *dead):
        """So that the next test finds three again."""
        f = self.farm
        f.transcoders = [f.keep(t.again()) if t in dead else t for t in f.transcoders]
        f.wait_transcoders(3)

    def test_a_killed_transcoder(self):
        f = self.farm
        mark = f.mark()
        killed = f.busiest()
        self.addCleanup(self.bring_back, killed)
        since = time.monotonic()
        killed.kill()
        f.check(self, mark, more=3)
        f.check_watchers(self)
        f.check_delay(self, since, BUSY * DELAY_BROKEN_S)

    def test_a_transcoder_that_answers_garbage(self):
        self.try_false("frames")

    def test_a_transcoder_that_calls_every_input_faulty(self):
        self.try_false("final")
        log = self.farm.orchestrator.log()
        self.assertIn('reason="it was told to fail"', log)
        self.assertNotRegex(log, "job_failed .*it was told to fail")

    def try_false(self, mode):
        f = self.farm
        mark = f.mark()
        with f.start_false_transcoder(mode) as false:
            f.transcoders.remove(false)
            f.wait_transcoders(4)
            # Streams stay where they are: the two that have most of them go, so that it is asked.
            gone = []
            self.addCleanup(lambda: self.bring_back(*gone))
            for _ in range(2):
                gone.append(f.busiest())
                gone[-1].kill()
            wait_for(lambda: false.status()["jobs"]["accepted"], 15, "the false one has a job")
            f.check(self, mark, more=3)
            f.check_watchers(self)

    def test_an_orchestrator_killed_and_back(self):
        f = self.farm
        mark = f.mark()
        f.orchestrator.kill()
        f.orchestrator = f.keep(f.orchestrator.again())
        f.check(self, mark)
        f.check_watchers(self)


if __name__ == "__main__":
    harness.main()
