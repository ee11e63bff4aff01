"""Every fuzz target (tests/fuzz/fuzz_*.c) for FUZZ_SECONDS (default 60) seconds from its corpus, in
the build with sanitizers. What crashes, hangs, leaks or takes too much memory is a failure; the
input that did it stays in build/fuzzing/found/TARGET.
# time limit: 3600 s
"""
import os
import re

import harness

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))
BUILD_S = 600  # the first target builds everything with clang
LATE_S = 120  # an input may take 10 s, and what was found is written down
FINDING = re.compile(r"^(crash|leak|timeout|oom|slow-unit)-", re.M)
TARGETS = sorted(p.stem[len("fuzz_"):] for p in (harness.ROOT / "tests/fuzz").glob("fuzz_*.c"))


def findings(target):
    """What was found in this run and in former ones; a corpus file has a plain hash as its name."""
    folder = harness.ROOT / "build/fuzzing/found" / target
    return {p.name for p in folder.glob("*") if FINDING.match(p.name)}


class Fuzz(harness.TestCase):
    def fuzz(self, target):
        corpus = harness.ROOT / "tests/fuzz/corpus" / target
        self.assertTrue(corpus.is_dir(), f"{target} has no corpus in tests/fuzz/corpus")
        before = findings(target)
        # The sanitizers' build is one of its own: the names of another build do not belong there.
        env = {k: v for k, v in os.environ.items() if k not in ("BUILD", "BIN", "MAKEFLAGS")}
        done = harness.run(
            ["make", "--no-print-directory", "fuzz", f"T={target}", f"SECONDS={SECONDS}"],
            timeout=BUILD_S + SECONDS + LATE_S, cwd=harness.ROOT, env=env)
        words = (done.stdout + done.stderr)[-4000:]
        self.assertEqual(done.returncode, 0, words)
        ran = re.search(r"^Done (\d+) runs in (\d+) second", done.stderr, re.M)
        self.assertIsNotNone(ran, f"libFuzzer did not come to its end:\n{words}")
        self.assertGreater(int(ran.group(1)), 0, words)
        self.assertGreaterEqual(int(ran.group(2)), SECONDS, words)
        self.assertEqual(findings(target) - before, set(), words)


for name in TARGETS:
    setattr(Fuzz, f"test_{name}", lambda self, target=name: self.fuzz(target))


if __name__ == "__main__":
    harness.main()
