"""Transcoders and orchestrators that die or lie, on hosts of their own: no viewer notices. The whole
matrix is in long_farm.py."""
# time limit: 300 s
import time

import farm
import harness
from farm import DELAY_BROKEN_S, Farm
from harness import TIME_SCALE, TestCase, wait_for


def setUpModule():
    farm.set_up_module()


class Failovers(TestCase):
    """One farm for all; each test leaves three honest transcoders behind."""

    @classmethod
    def setUpClass(cls):
        cls.farm = cls.enterClassContext(Farm())

    def busiest(self):
        """The transcoder that has the most jobs under way."""
        alive = [t for t in self.farm.transcoders if t.alive()]
        return max(alive, key=lambda t: t.status()["load"])

    def test_a_killed_transcoder(self):
        f = self.farm
        mark = f.mark()
        killed = self.busiest()
        since = time.monotonic()
        killed.kill()
        f.check(self, mark)
        median, p95, added = f.delays(since)
        print(f"lag median {median:.3f} s, p95 {p95:.3f} s; {added:.3f} s more at the failover")
        self.assertLess(added, DELAY_BROKEN_S * TIME_SCALE)
        f.transcoders[f.transcoders.index(killed)] = f.keep(killed.again())
        f.wait_transcoders(3)

    def test_a_transcoder_that_answers_garbage(self):
        f = self.farm
        mark = f.mark()
        false = f.start_false_transcoder("frames")
        f.wait_transcoders(4)
        # Streams stay where they are: two honest ones go, so that it is asked.
        gone = f.transcoders[:2]
        for t in gone:
            t.kill()
        wait_for(lambda: false.status()["jobs"]["accepted"], 15, "the false one has a job")
        f.check(self, mark)
        false.kill()
        f.transcoders = [f.keep(t.again()) for t in gone] + [f.transcoders[2]]
        f.wait_transcoders(3)

    def test_an_orchestrator_killed_and_back(self):
        f = self.farm
        mark = f.mark()
        f.orchestrator.kill()
        wait_for(lambda: all(n >= mark[s] + 2 for s, n in f.mark().items()), 20,
                 "the sources are two segments on")
        f.orchestrator = f.keep(f.orchestrator.again())
        f.check(self, mark, more=6)


if __name__ == "__main__":
    harness.main()
