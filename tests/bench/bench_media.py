"""Media files against nginx with the same file, both in memory: whole ones, and the ranges that
browsers ask for.

wrk asks both servers by turns, with as many connections; each server has two threads of its own.
What counts is the CPU that a byte costs. That many connections read one file at once is what a
premiere is like; from a disk both wait for the same disk.
"""
import os
import resource
import shutil
import tempfile
from pathlib import Path

import harness
import measure
from bench_delivery import OPEN_FILES, Static, load

TITLE = "Media files"
FILE_MB = 32
KINDS = (  # what, bytes, the Range header, connections
    ("whole file", FILE_MB * 2**20, None, 64),
    ("whole file", FILE_MB * 2**20, None, 500),
    ("1 MB out of the middle", 1_000_000, "bytes=10000000-10999999", 64),
    ("1 MB out of the middle", 1_000_000, "bytes=10000000-10999999", 1000),
    ("64 KiB at the end", 65536, "bytes=-65536", 64),
)


class Ours:
    """A broadcaster on a folder with that file."""

    def __init__(self, body):
        self.body = body

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="streaming-back-end-media.", dir="/dev/shm"))
        (self.folder / "film.mp4").write_bytes(self.body)
        self.port = harness.free_port()
        self.role = harness.Role(
            "broadcaster", ["-rtmpAddr", f"127.0.0.1:{harness.free_port()}", "-httpAddr",
                            f"127.0.0.1:{self.port}", "-mediaPath", self.folder,
                            "-maxConnectionsPerAddress", 0], separate=True, verbosity=3)
        return self

    def __exit__(self, *what):
        self.role.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.role.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/media/film.mp4"


def compare(ours, nginx, kind, rounds, seconds):
    """(CPU microseconds for each MB, of ours and theirs; ratio of CPU; ratio of throughput)."""
    what, size, wanted, connections = kind
    more = ["-H", f"Range: {wanted}"] if wanted else []
    mb = size / 1e6
    found = []
    for i in range(rounds):
        cpu, rate = load(ours.pid, ours.url, connections, seconds, more)
        their_cpu, their_rate = load(nginx.pid, f"http://127.0.0.1:{nginx.port}/film.mp4",
                                     connections, seconds, more)
        found.append((cpu / mb, their_cpu / mb, cpu / their_cpu, rate / their_rate))
        measure.say(f"{what}, {connections} connections, {i + 1} of {rounds}: {cpu / mb:.0f} against "
                    f"{their_cpu / mb:.0f} us for each MB, {rate * mb:.0f} against "
                    f"{their_rate * mb:.0f} MB/s")
    return [measure.median(column) for column in zip(*found)]


def run(quick):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
    section = measure.Section(TITLE)
    body = os.urandom(2**20) * FILE_MB
    rows = []
    with Ours(body) as ours, Static({"film.mp4": body}) as nginx:
        for kind in KINDS:
            what, _, _, connections = kind
            cpu, their_cpu, cpu_ratio, rate_ratio = compare(ours, nginx, kind, 2 if quick else 5,
                                                            3 if quick else 5)
            rows.append([what, connections, f"{cpu:.0f}", f"{their_cpu:.0f}", f"{cpu_ratio:.2f}",
                         f"{rate_ratio:.2f}"])
            section.figure(f"broadcaster / nginx, {what}, {connections} connections: CPU per byte",
                           f"{cpu_ratio:.2f}", "at most 1", cpu_ratio <= 1)
    section.table(["what", "connections", "ours, us of CPU for each MB", "nginx", "CPU ratio",
                   "throughput ratio"], rows)
    return section
