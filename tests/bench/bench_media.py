"""Media files against nginx with the same file, both in memory: whole ones, and the ranges that
browsers ask for.

wrk asks both servers by turns, with as many connections; each server has two threads of its own. Both
look at each request whether the file is still the same; one row more is of an nginx that does not.
What counts is the CPU that a byte costs, at both ends (NOTES.md). That many connections read one file
at once is what a premiere is like; from a disk both wait for the same disk.
"""
import os
import resource
import shutil
import tempfile
from pathlib import Path

import harness
import measure
from bench_delivery import OPEN_FILES, Static, load_of

TITLE = "Media files"
FILE_MB = 32
KINDS = (  # what, the Range header, connections
    ("whole file", None, 64),
    ("whole file", None, 500),
    ("1 MB out of the middle", "bytes=10000000-10999999", 64),
    ("1 MB out of the middle", "bytes=10000000-10999999", 1000),
    ("64 KiB at the end", "bytes=-65536", 64),
)
REMEMBERED = ("64 KiB at the end, nginx with open_file_cache", "bytes=-65536", 64)


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


def of_each_mb(found, seconds):
    """(CPU microseconds with the reader's, and the server's alone, for each MB; MB/s)."""
    mb = found.bytes / 1e6
    return ((found.cpu_s + found.reader_cpu_s) * 1e6 / mb, found.cpu_s * 1e6 / mb, mb / seconds)


def compare(ours, nginx, kind, rounds, seconds):
    """Medians: CPU with the reader's for each MB, ours and theirs, and its ratio; the ratio of the
    servers' alone; the ratio of throughput."""
    what, wanted, connections = kind
    more = ["-H", f"Range: {wanted}"] if wanted else []
    found = []
    for i in range(rounds):
        a, b = (of_each_mb(load_of(pid, url, connections, seconds, more), seconds)
                for pid, url in ((ours.pid, ours.url),
                                 (nginx.pid, f"http://127.0.0.1:{nginx.port}/film.mp4")))
        found.append((a[0], b[0], a[0] / b[0], a[1] / b[1], a[2] / b[2]))
        measure.say(f"{what}, {connections} connections, {i + 1} of {rounds}: {a[0]:.0f} against "
                    f"{b[0]:.0f} us for each MB, the servers alone {a[1]:.0f} against {b[1]:.0f}, "
                    f"{a[2]:.0f} against {b[2]:.0f} MB/s")
    return [measure.median(column) for column in zip(*found)]


def row(section, ours, nginx, kind, quick):
    what, _, connections = kind
    cpu, their_cpu, cpu_ratio, alone_ratio, rate_ratio = compare(
        ours, nginx, kind, 2 if quick else 5, 3 if quick else 5)
    where = f"broadcaster / nginx, {what}, {connections} connections: CPU per byte"
    if kind is REMEMBERED:
        section.figure(where, f"{cpu_ratio:.2f}")
    else:
        section.figure(where, f"{cpu_ratio:.2f}", "at most 1", cpu_ratio <= 1)
    section.figure(f"{where}, the server's alone", f"{alone_ratio:.2f}")
    return [what, connections, f"{cpu:.0f}", f"{their_cpu:.0f}", f"{cpu_ratio:.2f}",
            f"{alone_ratio:.2f}", f"{rate_ratio:.2f}"]


def run(quick):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
    section = measure.Section(TITLE)
    body = os.urandom(2**20) * FILE_MB
    with Ours(body) as ours:
        with Static({"film.mp4": body}, remembers=False) as nginx:
            rows = [row(section, ours, nginx, kind, quick) for kind in KINDS]
        with Static({"film.mp4": body}) as nginx:
            rows.append(row(section, ours, nginx, REMEMBERED, quick))
    section.table(["what", "connections", "ours, us of CPU for each MB", "nginx", "CPU ratio",
                   "of the servers' alone", "throughput ratio"], rows)
    return section
