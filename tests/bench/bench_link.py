"""The link between roles: throughput and CPU per GB under CURVE, against bare libzmq.

build/bench/link_bench is two processes on loopback. `ours` is the link module as the roles use it
(event loop, its own thread, packed and checked envelopes, bounded queues); `bare` is libzmq alone,
a DEALER that sends the same bytes to a ROUTER under CURVE with blocking calls.
"""
import json

import harness
import measure

TITLE = "The link, under CURVE"
PROGRAM = harness.ROOT / "build/bench/link_bench"
SCENES = [("60 kB", 60000, 20000), ("1 kB", 1000, 200000)]


def command(way, size, count):
    return [PROGRAM, way, f"127.0.0.1:{harness.free_port()}", size, count]


def measured(way, size, count, found):
    def once():
        done = harness.run(command(way, size, count), timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"link_bench {way}: {done.stderr}")
        facts = json.loads(done.stdout)
        gigabytes = size * count / 1e9
        facts["cpu_per_gb"] = (facts["sender_cpu_s"] + facts["receiver_cpu_s"]) / gigabytes
        facts["mb_per_s"] = gigabytes * 1000 / facts["wall_s"]
        found.append(facts)
        return facts["cpu_per_gb"]
    return once


def run(quick):
    section = measure.Section(TITLE)
    rounds = 1 if quick else 5
    rows = []
    for name, size, count in SCENES:
        count = count // 4 if quick else count
        ours, bare = [], []
        a, b = measure.pairs(rounds, measured("ours", size, count, ours),
                             measured("bare", size, count, bare), f"link, {name}")
        ratios = [x / y for x, y in zip(a, b)]
        section.figure(f"link / bare libzmq, CPU per GB: {name} messages",
                       f"{measure.median(ratios):.2f}")
        section.figure(f"link: {name} messages", f"{measure.median(a):.2f} CPU-s per GB, "
                       f"{measure.median(x['mb_per_s'] for x in ours):.0f} MB/s")
        for way, found in (("link", ours), ("bare libzmq", bare)):
            per_gb = [x["cpu_per_gb"] for x in found]
            gigabytes = size * count / 1e9
            rows.append([name, way, f"{measure.median(per_gb):.2f}", measure.spread(per_gb),
                         *(f"{measure.median(x[k] for x in found) / gigabytes:.2f}"
                           for k in ("sender_cpu_s", "receiver_cpu_s")),
                         f"{measure.median(x['mb_per_s'] for x in found):.0f}"])
    section.text(f"Pairs by turns ({rounds} each), one sender and one receiver; CPU seconds per GB "
                 "of payload, both sides together and each. The throughput is what this machine "
                 "gave while shared, and no more than a hint.")
    section.table(["messages", "what", "CPU-s per GB", "lowest to highest", "sender", "receiver",
                   "MB/s"], rows)
    section.command(["build/bench/link_bench", "ours", "127.0.0.1:PORT", *SCENES[0][1:]])
    return section
