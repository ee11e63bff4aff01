"""The broadcaster's CPU and memory per publisher against nginx with its rtmp module.

The same file is published in real time to both by turns, by one bin/publish with many connections;
without viewers, and with one each that fetches every segment. Segments of 2 s, a window of six.
nginx writes them to memory; ours keeps packets and makes the container on demand. Measured once
every window is full: until then each packet takes memory that was never used before.
"""
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import clips
import harness
import measure
import servers

TITLE = "CPU and memory of the broadcaster against nginx-rtmp"
WARM_UP_S = 40  # until 17 segments of 2 s are there: all that is kept
SEGMENT_S = 2
MEMORY_FACTOR = 1.3
MEMORY_BASE_MB = 1.0
DROP_ROUNDS = 100
FLAT_MB = 5


@dataclass(frozen=True)
class Case:
    clip: str
    publishers: int
    viewers: bool
    rounds: int
    aim: float

    @property
    def name(self):
        return (f"{self.publishers} publishers of {self.clip[6:-1]} Mb/s, "
                + ("a viewer each" if self.viewers else "no viewer"))


CASES = [
    Case("grain-10M", 1, False, 1, 1.0),
    Case("grain-10M", 10, False, 1, 1.0),
    Case("grain-10M", 50, False, 2, 0.5),
    Case("grain-10M", 50, True, 2, 0.8),
    Case("grain-10M", 100, False, 1, 1.0),
    Case("grain-2.7M", 50, False, 2, 0.5),
    Case("grain-2.7M", 50, True, 2, 0.8),
]
QUICK_CASES = [Case("grain-10M", 10, False, 1, 1.0), Case("grain-10M", 10, True, 1, 1.0)]


def publish_command(source, server, publishers):
    return [harness.BIN / "publish", "-file", source, "-loop", "-copies", publishers,
            server.rtmp("load")]


def _names(publishers):
    """As bin/publish -copies calls them."""
    return ["load"] if publishers == 1 else [f"load-{i + 1}" for i in range(publishers)]


class Scene:
    def __init__(self, case, window_s):
        self.case = case
        self.source = clips.clip(case.clip)
        self.publishers = case.publishers
        self.viewers = case.viewers
        self.window_s = window_s
        self.fetched = {}  # share of what was published that the viewers got, by server
        self.memory = []   # ours, per publisher: (MB more than before any came, MB of what it keeps)

    def side(self, make):
        def measured():
            with make() as server:
                idle_mb = measure.rss_mb(server.pid)
                command = publish_command(self.source, server, self.publishers)
                with harness.Publisher(command, harness.temp_dir() / "publish.log"):
                    lists = [server.playlist(name) for name in _names(self.publishers)]
                    self._await(lists)
                    before, started = _last_numbers(lists), time.monotonic()
                    share = self._measure(server, lists)
                    self._check_advance(server, before, _last_numbers(lists),
                                        time.monotonic() - started)
                    if server.NAME == servers.Ours.NAME:
                        self._note_memory(server, idle_mb)
                    return share / self.publishers
        return measured

    def _await(self, lists):
        for url in lists:
            harness.wait_for(lambda: harness.http_get(url).status == 200, 20, f"{url} is there")

    def _check_advance(self, server, before, after, seconds):
        """Every stream goes on in real time, or the figure is none."""
        wanted = seconds / SEGMENT_S
        slowest = min(b - a for a, b in zip(before, after))
        if slowest < wanted - 2.5:
            raise AssertionError(f"{server.NAME}: a stream had {slowest} new segments instead of "
                                 f"{wanted:.1f}")

    def _measure(self, server, lists):
        if not self.viewers:
            time.sleep(WARM_UP_S)
            return measure.cpu_share(server.pid, self.window_s)
        seconds = WARM_UP_S + self.window_s
        with harness.Process(
                [sys.executable, Path(__file__).parent / "pull.py", seconds, *lists],
                harness.temp_dir() / "pull.log", stdout=subprocess.PIPE) as pull:
            time.sleep(WARM_UP_S)
            share = measure.cpu_share(server.pid, self.window_s)
            got = json.loads(pull.popen.communicate(timeout=60)[0])
        expected = seconds * clips.rate_kbps(self.case.clip) * 125 * self.publishers
        self.fetched[server.NAME] = got["bytes"] / expected
        if got["failures"] or got["bytes"] < expected / 2:
            raise AssertionError(f"{server.NAME}: the viewers got {got}, about {expected:.0f} "
                                 "bytes were published")
        return share


    def _note_memory(self, server, idle_mb):
        kept = sum(r["bytes"] for st in server.role.status()["streams"] for r in st["rungs"])
        self.memory.append(((measure.rss_mb(server.pid) - idle_mb) / self.publishers,
                            kept / 1e6 / self.publishers))


def _last_numbers(lists):
    return [harness.playlist(harness.http_get(url).text).segments[-1].number for url in lists]


def _memory_figure(section, scene):
    """The worst of the rounds."""
    ratios = [(used / (MEMORY_FACTOR * kept + MEMORY_BASE_MB), used, kept)
              for used, kept in scene.memory]
    ratio, used, kept = max(ratios)
    section.figure(f"memory per stream: {scene.case.name}",
                   f"{used:.1f} MB for {kept:.1f} MB of packets",
                   f"≤ {MEMORY_FACTOR} × packets + {MEMORY_BASE_MB:.0f} MB", ratio <= 1)


def _drops(section):
    """A publisher that comes and goes, again and again, in the end has cost nothing."""
    with servers.Ours() as server:
        after = []
        for i in range(DROP_ROUNDS):
            harness.run([harness.BIN / "publish", "-file", clips.clip("grain-10M"), "-copies", 3,
                         "-seconds", 3, server.rtmp("drop")], timeout=60)
            after.append(measure.rss_mb(server.pid))
            if (i + 1) % 20 == 0:
                measure.say(f"{i + 1} rounds: {after[-1]:.1f} MB")
    # What is kept depends on where the last segments were cut, so means are compared.
    early, late = measure.mean(after[20:40]), measure.mean(after[-20:])
    section.figure(f"memory from round 20 to 40, and of the last 20, of {DROP_ROUNDS} of connect, "
                   "publish, drop", f"{early:.1f} MB, {late:.1f} MB", f"< {FLAT_MB} MB more",
                   late - early < FLAT_MB)


def run(quick):
    section = measure.Section(TITLE)
    window_s = 8 if quick else 10
    rows = []
    for case in QUICK_CASES if quick else CASES:
        scene = Scene(case, window_s)
        ours, theirs = measure.pairs(case.rounds, scene.side(servers.Ours),
                                     scene.side(servers.Nginx), case.name)
        ratios = [a / b for a, b in zip(ours, theirs)]
        ratio = measure.median(ratios)
        section.figure(f"CPU, broadcaster / nginx-rtmp: {case.name}", f"{ratio:.2f}",
                       f"≤ {case.aim:.2f}", ratio <= case.aim)
        if not case.viewers:
            _memory_figure(section, scene)
        rows.append([case.name, f"**{ratio:.2f}**", measure.spread(ratios),
                     f"{measure.median(ours) * 1000:.2f}", f"{measure.median(theirs) * 1000:.2f}",
                     *(f"{scene.fetched[s.NAME] * 100:.0f} %" if case.viewers else ""
                       for s in (servers.Ours, servers.Nginx))])
    section.text(f"Pairs by turns, {WARM_UP_S} s after the start, windows of {window_s} s; CPU "
                 "milliseconds per second and publisher. The ratio is the median of the pairs' "
                 "ratios. The last two columns: what the viewers fetched of what was published "
                 "while they were there (they begin at the live edge and the last segment is still "
                 "open when they end).")
    section.table(["what", "ratio", "lowest to highest", "broadcaster", "nginx-rtmp",
                   "fetched", "fetched"], rows)
    if not quick:
        _drops(section)
    with servers.Ours() as ours:
        section.command(ours.command)
        section.command(publish_command(scene.source, ours, case.publishers))
    section.text("nginx's configuration is in `tests/bench/servers.py`.")
    return section
