"""Payments: what the orchestrator takes in a second, each durable when it is answered.

`receipts` is the whole way of a STREAM receipt: its base64 and HMAC, its nonce, the credit, the
commit; who signs them is not measured. `credits` is the ledger alone, `many` with so many accounts
that no two of a commit share a page. Asked for are as many at once as the orchestrator takes, from
all viewers in turn.
"""
import json
import tempfile

import harness
import measure

TITLE = "Payments"
PROGRAMS = harness.ROOT / "build/bench"
AIM = 50000
SCENES = [("receipts", "receipts_bench", 1000, ()), ("credits", "ledger_bench", 1000, (10000,)),
          ("many", "ledger_bench", 60000, (10000,))]


def once(program, viewers, n, more):
    """Facts of one run, in a folder of its own, on a disk."""
    with tempfile.TemporaryDirectory(dir=harness.ROOT / "build") as folder:
        done = harness.run([PROGRAMS / program, folder, viewers, n, *more], timeout=300)
        if done.returncode != 0:
            raise AssertionError(f"{program}: {done.stdout}{done.stderr}")
        facts = json.loads(done.stdout)
        audit = harness.run([harness.BIN / "pay", "audit", "-file", folder], timeout=300)
        if facts["refused"] or audit.returncode != 0:
            raise AssertionError(f"{program} lost money: {facts} {audit.stdout}")
    return facts


def verified(n):
    """Receipts in a second of CPU time, when all that is done is to verify and count them."""
    done = harness.run([PROGRAMS / "verify_bench", 10000, n], timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"verify_bench: {done.stdout}{done.stderr}")
    facts = json.loads(done.stdout)
    return facts["receipts"] / facts["cpu_s"]


def run(quick):
    section = measure.Section(TITLE)
    rounds, n = (3, 100000) if quick else (5, 500000)
    walls, cpus, pure = {}, {}, []
    for _ in range(rounds):
        pure.append(verified(n))
        for name, program, viewers, more in SCENES:
            facts = once(program, viewers, n, more)
            walls.setdefault(name, []).append(n / facts["wall_s"])
            cpus.setdefault(name, []).append(n / facts["cpu_s"])
    rows = [[name, viewers, f"{measure.median(walls[name]):.0f}", measure.spread(walls[name], 0),
             f"{measure.median(cpus[name]):.0f}", measure.spread(cpus[name], 0)]
            for name, _, viewers, _ in SCENES]
    cpu, wall = measure.median(cpus["receipts"]), measure.median(walls["receipts"])
    section.figure("receipts verified and credited, durable, in a second of CPU time",
                   f"{cpu:.0f}", f"at least {AIM}", cpu >= AIM)
    section.figure("receipts verified and credited, durable, in a second", f"{wall:.0f}",
                   f"at least {AIM}", wall >= AIM)
    section.figure("receipts verified alone, in a second of CPU time",
                   f"{measure.median(pure):.0f} ({measure.spread(pure, 0)})")
    section.text(f"{rounds} rounds of {n} each, in a folder of the repository's disk; each ledger "
                 "is audited afterwards.")
    section.table(["scene", "viewers", "in a second", "lowest to highest", "in a CPU second",
                   "lowest to highest"], rows)
    section.command([PROGRAMS / SCENES[0][1], "FOLDER", SCENES[0][2], n])
    return section
