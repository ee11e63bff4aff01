"""The orchestrator: its pure core on one core, without sockets, and a whole one over real sockets.

A job is one segment of one rung in ten parts: opened, given to a transcoder, ten units of packets in,
ten parts out and checked, done. `alone` is one transcoder and one stream: what the bookkeeping of a
job costs by itself; `farm` is the size that an orchestrator is built for. Over sockets it is
bin/load farm: an encrypted connection for each simulated transcoder and broadcaster.
"""
import json

import harness
import measure

TITLE = "Dispatch"
PROGRAM = harness.ROOT / "build/bench/dispatch_bench"
SCENES = [("alone", 1, 1), ("farm", 1000, 2000)]
AIM = 10000
LOAD = harness.ROOT / "bin/load"
FARM = ["farm", "-transcoders", 1000, "-streams", 2000, "-json"]
FARM_JOBS_PER_S = 1000
FARM_P99_MS = 5


def jobs_per_s(transcoders, streams, jobs):
    done = harness.run([PROGRAM, transcoders, streams, jobs], timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"dispatch_bench: {done.stdout}{done.stderr}")
    facts = json.loads(done.stdout)
    if facts["jobs"] != jobs or facts["parts"] != 10 * jobs:
        raise AssertionError(f"dispatch_bench lost work: {facts}")
    return facts["jobs"] / facts["cpu_s"]


def farm_facts():
    done = harness.run([LOAD, *FARM], timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"load farm: {done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def over_sockets(section, rounds):
    """The middle of the rounds: what else the machine does in ten seconds moves a p99."""
    found = sorted((farm_facts() for _ in range(rounds)), key=lambda f: f["dispatch_ms"]["p99"])
    middle = found[len(found) // 2]
    lost = sum(f["lost"] + f["failed"] for f in found)
    jobs, delays = middle["jobs_per_s"], middle["dispatch_ms"]
    section.figure("over sockets, 1000 transcoders and 2000 streams: jobs a second, all lost ones",
                   f"{jobs:.0f}, {lost}", f"at least {FARM_JOBS_PER_S}, none",
                   jobs >= 0.99 * FARM_JOBS_PER_S and lost == 0)
    section.figure("over sockets: from a job's opening to its transcoder, p99",
                   f"{delays['p99']:.1f} ms", f"at most {FARM_P99_MS} ms",
                   delays["p99"] <= FARM_P99_MS)
    section.text(f"{rounds} rounds over sockets, each of 10 s, jobs of ten parts and one rung; "
                 "dispatch in ms, by round:")
    section.table(["p50", "p95", "p99", "longest", "orchestrator's cores"],
                  [[f"{f['dispatch_ms'][k]:.2f}" for k in ("p50", "p95", "p99", "max")]
                   + [f"{f['orchestrator_cores']:.2f}"] for f in found])
    section.command([LOAD, *FARM])


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
    section.text(f"Without sockets, {rounds} rounds of {jobs} jobs each; jobs per second of CPU time.")
    section.table(["scene", "transcoders", "streams", "jobs per CPU second", "lowest to highest"],
                  rows)
    section.command([PROGRAM, *SCENES[1][1:], jobs])
    over_sockets(section, 1 if quick else 3)
    return section
