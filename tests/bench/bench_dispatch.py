"""The orchestrator's pure core: jobs a second on one core, without sockets.

A job is one segment of one rung in ten parts: opened, given to a transcoder, ten units of packets in,
ten parts out and checked, done. `alone` is one transcoder and one stream: what the bookkeeping of a
job costs by itself; `farm` is the size that an orchestrator is built for.
"""
import json

import harness
import measure

TITLE = "Dispatch, without sockets"
PROGRAM = harness.ROOT / "build/bench/dispatch_bench"
SCENES = [("alone", 1, 1), ("farm", 1000, 2000)]
AIM = 10000


def jobs_per_s(transcoders, streams, jobs):
    done = harness.run([PROGRAM, transcoders, streams, jobs], timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"dispatch_bench: {done.stdout}{done.stderr}")
    facts = json.loads(done.stdout)
    if facts["jobs"] != jobs or facts["parts"] != 10 * jobs:
        raise AssertionError(f"dispatch_bench lost work: {facts}")
    return facts["jobs"] / facts["cpu_s"]


def run(quick):
    section = measure.Section(TITLE)
    rounds, jobs = (3, 20000) if quick else (5, 100000)
    figures = {}
    for _ in range(rounds):
        for name, transcoders, streams in SCENES:
            figures.setdefault(name, []).append(jobs_per_s(transcoders, streams, jobs))
    rows = []
    for name, transcoders, streams in SCENES:
        found = figures[name]
        rows.append([name, transcoders, streams, f"{measure.median(found):.0f}",
                     measure.spread(found, 0)])
    middle = measure.median(figures["farm"])
    section.figure("jobs of ten parts a second, one core, 1000 transcoders and 2000 streams",
                   f"{middle:.0f}", f"at least {AIM}", middle >= AIM)
    section.text(f"{rounds} rounds of {jobs} jobs each; jobs per second of CPU time.")
    section.table(["scene", "transcoders", "streams", "jobs per CPU second", "lowest to highest"],
                  rows)
    section.command([PROGRAM, *SCENES[1][1:], jobs])
    return section
