"""A player that never stops: bin/watch on one playlist, and the judgement of what it saw."""
import json
import signal

import harness
from harness import BIN, Process, wait_for


class Watcher(Process):
    """bin/watch that goes on until it is stopped, whoever is away meanwhile."""

    def __init__(self, url, away=60):
        super().__init__([BIN / "watch", "-json", "-seconds", 600, "-away", away, url],
                         harness.temp_dir() / "watch.log")
        self.url = url

    def objects(self, kind):
        whole = self.log().rpartition("\n")[0]  # the last line may still be being written
        lines = [line for line in whole.splitlines() if line.startswith("{")]
        return [o for o in map(json.loads, lines) if o["kind"] == kind]

    def numbers(self):
        return [o["number"] for o in self.objects("segment")]

    def discontinuities(self):
        return sum(o["discontinuity"] for o in self.objects("segment"))

    def wait_beyond(self, number, more=2, timeout=30):
        wait_for(lambda: self.numbers() and self.numbers()[-1] >= number + more, timeout,
                 f"{self.url} is watched {more} numbers beyond {number}")

    def judge(self, test, discontinuities=1, step=1):
        """Stops it; it must have been content, and have seen every number once."""
        status = self.stop(signal.SIGINT)
        faults = [o["words"] for o in self.objects("fault")]
        test.assertEqual((status, faults), (0, []), self.url)
        test.assert_rising(self.numbers(), self.url, step=step)
        test.assertEqual(self.discontinuities(), discontinuities, self.url)
        return self.objects("summary")[0]
