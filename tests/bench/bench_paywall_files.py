"""Media files that are paid for, very many at once: what each transfer costs a broadcaster beyond the
same file for nothing, and how much memory it holds.

Viewers are connections of this process, each with an account of its own, that read a file at the
pace of a film of few bits. Free and paid ones are read by turns, each time by new connections. Of a
free file the kernel takes megabytes ahead at once, of a paid one no more than a piece; so the
difference has in it what sending costs.
"""
import resource
import socket
import struct
import time

import harness
import measure
from bench_delivery import OPEN_FILES
from bench_paywall import AIM_CORE, grant

TITLE = "Paid files"
TRANSFERS = 1000
PIECE = 16384  # bytes that each reads in a second
WINDOW = 16384  # bytes that a viewer's socket takes unread
SETTLE_S = 4  # until what sockets hold is full, and each has its lease
FILE_BYTES = 100_000_000  # with a hole in it: takes no disk


class Viewers:
    """So many transfers of a file, read a piece a second each."""

    def __init__(self, port, name):
        self.port, self.name, self.sockets, self.bytes = port, name, [], 0

    def __enter__(self):
        for i in range(TRANSFERS):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 60, 0))
            s.connect(("127.0.0.1", self.port))
            s.sendall(f"GET /media/{self.name}.bin?userId=v{i} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.sockets.append(s)
        return self

    def __exit__(self, *what):
        for s in self.sockets:
            s.close()

    def read(self, seconds):
        """Bytes that came, and the second in which fewest came."""
        begin, came, fewest = time.monotonic(), 0, None
        for second in range(seconds):
            now = 0
            for s in self.sockets:
                now += len(s.recv(PIECE, socket.MSG_WAITALL))
            came, fewest = came + now, now if fewest is None else min(fewest, now)
            time.sleep(max(0.0, begin + second + 1 - time.monotonic()))
        return came, fewest


def anonymous_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def measured(recipe, name, seconds, before):
    """(share of a core, bytes a second, kB of memory for each transfer beyond what was before all)"""
    pid = recipe.broadcaster.pid
    with Viewers(recipe.http_port, name) as viewers:
        viewers.read(SETTLE_S)
        begin, cpu = time.monotonic(), measure.cpu_s(pid)
        came, fewest = viewers.read(seconds)
        took, used = time.monotonic() - begin, measure.cpu_s(pid) - cpu
        memory = anonymous_kb(pid) - before
        assert fewest == TRANSFERS * PIECE, f"{name}: a transfer has ended"
        measure.say(f"{name}: {used / took:.3f} of a core, {came / took / 1e6:.1f} MB/s, "
                    f"{memory / TRANSFERS:.1f} kB each")
    harness.wait_for(lambda: recipe.broadcaster.status()["media"]["open"] == 0, 60, "all are over")
    return used / took, came / took, memory / TRANSFERS


def run(quick):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
    section = measure.Section(TITLE)
    rounds, seconds = (1, 8) if quick else (3, 20)
    media = harness.temp_dir()
    for name in ("free", "paid"):
        with open(media / f"{name}.bin", "wb") as film:
            film.truncate(FILE_BYTES)
    prices = harness.temp_dir() / "prices.yaml"
    prices.write_text("files:\n  free.bin: free\n", encoding="utf-8")
    found = {"free": [], "paid": []}
    with harness.Recipe(transcoders=0, orchestrator_flags=["-payments"],
                        broadcaster_flags=["-pricePerMB", "0.001", "-prices", prices, "-mediaPath",
                                           media, "-allowUserId", "-payRate", "0",
                                           "-maxConnectionsPerAddress", "0"]) as recipe:
        for i in range(TRANSFERS):
            grant(recipe, f"v{i}")
        before = anonymous_kb(recipe.broadcaster.pid)
        for _ in range(rounds):
            for name, rows in found.items():
                rows.append(measured(recipe, name, seconds, before))
    middle = {name: [measure.median(column) for column in zip(*rows)]
              for name, rows in found.items()}
    more = middle["paid"][0] - middle["free"][0]
    section.figure(f"{TRANSFERS} paid transfers of files, of a core beyond the same free ones",
                   f"{more:.3f}", f"at most {AIM_CORE}", more <= AIM_CORE)
    section.figure("memory of each paid transfer, kB", f"{middle['paid'][2]:.0f}", "", None)
    section.text(f"{rounds} rounds of {seconds} s by turns; {TRANSFERS} transfers at once, each "
                 f"{PIECE} bytes a second. Memory is the broadcaster's own, without what the kernel "
                 "holds for sockets.")
    section.table(["file", "share of a core", "us of CPU a second for each", "MB/s", "kB for each"],
                  [[name, f"{m[0]:.3f}", f"{m[0] / TRANSFERS * 1e6:.0f}", f"{m[1] / 1e6:.1f}",
                    f"{m[2]:.1f}"] for name, m in middle.items()])
    section.command(["tests/bench/bench.py", "-k", "paywall_files"])
    return section
