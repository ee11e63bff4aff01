"""The broadcaster's CPU per publisher against nginx with its rtmp module.

The same 10 Mb/s file is published in real time to both by turns, by one bin/publish with 10 or 50
connections; without viewers, and with one each that fetches every segment. Segments of 2 s, a
window of six. nginx writes them to memory; ours keeps packets and makes the container on demand.
"""
import json
import subprocess
import sys
import time
from pathlib import Path

import clips
import harness
import measure
import servers

TITLE = "CPU of the broadcaster against nginx-rtmp"
WARM_UP_S = 14  # until the window is full and its memory is there
SEGMENT_S = 2
SCENES = [(10, False), (10, True), (50, False), (50, True)]


def publish_command(source, server, publishers):
    return [harness.BIN / "publish", "-file", source, "-loop", "-copies", publishers,
            server.rtmp("load")]


class Scene:
    def __init__(self, publishers, viewers, window_s):
        self.source = clips.clip("grain-10M")
        self.publishers = publishers
        self.viewers = viewers
        self.window_s = window_s
        self.fetched = {}  # share of what was published that the viewers got, by server

    def side(self, make):
        def measured():
            with make() as server:
                command = publish_command(self.source, server, self.publishers)
                with harness.Publisher(command, harness.temp_dir() / "publish.log"):
                    lists = [server.playlist(f"load-{i + 1}") for i in range(self.publishers)]
                    self._await(lists)
                    before, started = _last_numbers(lists), time.monotonic()
                    share = self._measure(server, lists)
                    self._check_advance(server, before, _last_numbers(lists),
                                        time.monotonic() - started)
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
        expected = seconds * clips.rate_kbps("grain-10M") * 125 * self.publishers
        self.fetched[server.NAME] = got["bytes"] / expected
        if got["failures"] or got["bytes"] < expected / 2:
            raise AssertionError(f"{server.NAME}: the viewers got {got}, about {expected:.0f} "
                                 "bytes were published")
        return share


def _last_numbers(lists):
    return [harness.playlist(harness.http_get(url).text).segments[-1].number for url in lists]


def run(quick):
    section = measure.Section(TITLE)
    rounds, window_s = (1, 8) if quick else (2, 10)
    rows = []
    for publishers, viewers in [SCENES[1]] if quick else SCENES:
        scene = Scene(publishers, viewers, window_s)
        name = f"{publishers} publishers, " + ("a viewer each" if viewers else "no viewer")
        ours, theirs = measure.pairs(rounds, scene.side(servers.Ours), scene.side(servers.Nginx),
                                     name)
        ratios = [a / b for a, b in zip(ours, theirs)]
        ratio = measure.median(ratios)
        section.figure(f"broadcaster / nginx-rtmp: {name}", f"{ratio:.2f}", "≤ 1.00", ratio <= 1)
        rows.append([name, f"**{ratio:.2f}**", measure.spread(ratios),
                     f"{measure.median(ours) * 1000:.2f}", f"{measure.median(theirs) * 1000:.2f}",
                     *(f"{scene.fetched[s.NAME] * 100:.0f} %" if viewers else ""
                       for s in (servers.Ours, servers.Nginx))])
    section.text(f"Pairs by turns ({rounds} each), windows of {window_s} s; CPU milliseconds per "
                 f"second and publisher. The file has {clips.rate_kbps('grain-10M'):.0f} kb/s. "
                 "The ratio is the median of the pairs' ratios. The last two columns: what the "
                 "viewers fetched of what was published while they were there (they begin at the live edge "
                 "and the last segment is still open when they end).")
    section.table(["what", "ratio", "lowest to highest", "broadcaster", "nginx-rtmp",
                   "fetched", "fetched"], rows)
    with servers.Ours() as ours:
        section.command(ours.command)
        section.command(publish_command(scene.source, ours, publishers))
    section.text("nginx's configuration is in `tests/bench/servers.py`.")
    return section
