"""Serving viewers: segments and playlists against nginx with the same bytes in memory, requests that
wait for what is not there yet, and how soon a stream can be played.

wrk asks both servers by turns, with as many connections; each server has two threads of its own.
The streams were encoded beforehand: an encoder is on the publisher's machine, not on the server's.
"""
import dataclasses
import json
import math
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import clips
import harness
import measure

TITLE = "Delivery"
CLIP = "grain-4M"
CONNECTIONS = [64, 1000]
HELD = 10000
HELD_AIM_BYTES = 8192
WOKEN = 1000
WOKEN_AIM_MS = 30
WOKEN_SERVER_AIM_MS = 20
BARE_BYTES = 2600  # about what a playlist of a full window has
OPEN_FILES = 16384

NGINX_CONF = """
user {user};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 2;
worker_rlimit_nofile 16384;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache {open_files};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 10000000;
        root {folder}/files;
        add_header Cache-Control max-age=1;
        add_header Access-Control-Allow-Origin *;
    }}
}}
"""


class Static:
    """nginx with these files: {name: bytes}. With remembers it keeps them open, and looks for a
    minute not whether they are still the same; without it looks at each request, its default."""

    def __init__(self, files, remembers=True):
        self.files = files
        self.remembers = remembers

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="streaming-back-end-nginx.", dir="/dev/shm"))
        (self.folder / "files").mkdir()
        self.folder.chmod(0o755)
        for name, body in self.files.items():
            (self.folder / "files" / name).write_bytes(body)
        self.port = harness.free_port()
        (self.folder / "nginx.conf").write_text(NGINX_CONF.format(
            user="root" if Path("/root").owner() == "root" else "nobody", folder=self.folder,
            port=self.port, open_files="max=100" if self.remembers else "off"))
        self.process = harness.Process(
            ["nginx", "-p", self.folder, "-c", self.folder / "nginx.conf"], self.folder / "log")
        harness.wait_for(lambda: harness.http_get(f"http://127.0.0.1:{self.port}/").status, 10,
                         "nginx answers")
        return self

    def __exit__(self, *what):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def pid(self):
        return self.process.pid


class Ours:
    """A broadcaster with streams of about 4 Mb/s, whose segments are about 1 MiB."""

    def __enter__(self):
        self.rtmp_port, self.port = harness.free_port(), harness.free_port()
        self.role = harness.Role(
            "broadcaster", ["-rtmpAddr", f"127.0.0.1:{self.rtmp_port}", "-httpAddr",
                            f"127.0.0.1:{self.port}", "-heldPerAddress", 0,
                            "-maxConnectionsPerAddress", 0], separate=True, verbosity=3)
        self.publisher = self.publish("s")
        harness.wait_for(lambda: len(self.segments()) >= 3, 20, "segments are listed")
        return self

    def __exit__(self, *what):
        self.publisher.stop()
        self.role.stop()

    def publish(self, name):
        return harness.Publisher(
            ["ffmpeg", "-nostdin", "-v", "error", "-re", "-stream_loop", -1, "-i",
             clips.clip(CLIP), "-c", "copy", "-f", "flv",
             f"rtmp://127.0.0.1:{self.rtmp_port}/{name}"], harness.temp_dir() / "ffmpeg.log")

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def segments(self):
        answer = harness.http_get(self.url("/stream/s/source.m3u8"))
        lines = answer.text.splitlines() if answer.status == 200 else []
        return [line for line in lines if line and not line.startswith("#")]

    def newest_segment(self):
        return "/stream/s/" + self.segments()[-1].rpartition("/stream/s/")[2]

    @property
    def pid(self):
        return self.role.pid


# --- against nginx --------------------------------------------------------------------------------


@dataclasses.dataclass
class Load:
    cpu_s: float  # of the server
    reader_cpu_s: float
    requests: int  # complete ones
    per_s: float
    bytes: float  # with those of requests that were not complete at the end


UNITS = {unit: 1024**i for i, unit in enumerate(("B", "KB", "MB", "GB", "TB"))}


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def load_of(pid, url, connections, seconds, more=()):
    """Under wrk. more: its options."""
    cpu, reader_cpu = measure.cpu_s(pid), children_cpu_s()
    done = harness.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", *more,
                        url],
                       timeout=seconds + 60)
    cpu, reader_cpu = measure.cpu_s(pid) - cpu, children_cpu_s() - reader_cpu
    count = re.search(r"(\d+) requests in [\d.]+\w+, ([\d.]+)(\w+) read", done.stdout)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    if done.returncode != 0 or bad or float(count.group(2)) == 0:
        raise AssertionError(f"wrk on {url}: {done.stdout[-500:]} {done.stderr[-200:]}")
    return Load(cpu, reader_cpu, int(count.group(1)), float(rate.group(1)),
                float(count.group(2)) * UNITS[count.group(3)])


def of_each_request(found):
    """(CPU microseconds with the reader's, and the server's alone, for each request; requests/s)."""
    return ((found.cpu_s + found.reader_cpu_s) * 1e6 / found.requests,
            found.cpu_s * 1e6 / found.requests, found.per_s)


def compare(ours, nginx, what, path, name, connections, rounds, seconds):
    """Medians: CPU with the reader's for each request, ours and theirs, and its ratio; the ratio of
    the servers' alone; the ratio of throughput."""
    found = []
    for i in range(rounds):
        a, b = (of_each_request(load_of(pid, url, connections, seconds))
                for pid, url in ((ours.pid, ours.url(path())),
                                 (nginx.pid, f"http://127.0.0.1:{nginx.port}/{name}")))
        found.append((a[0], b[0], a[0] / b[0], a[1] / b[1], a[2] / b[2]))
        measure.say(f"{what}, {connections} connections, {i + 1} of {rounds}: {a[0]:.1f} against "
                    f"{b[0]:.1f} us, the servers alone {a[1]:.1f} against {b[1]:.1f}, {a[2]:.0f} "
                    f"against {b[2]:.0f} requests/s")
    return [measure.median(column) for column in zip(*found)]


def against_nginx(section, ours, rounds, seconds):
    segment = harness.http_get(ours.url(ours.newest_segment())).body
    text = harness.http_get(ours.url("/stream/s/source.m3u8")).body
    rows = []
    with Static({"segment.ts": segment, "playlist.m3u8": text}) as nginx:
        for what, path, name in (
                (f"segment of {len(segment) / 2**20:.2f} MiB", ours.newest_segment, "segment.ts"),
                (f"playlist of {len(text)} bytes", lambda: "/stream/s/source.m3u8",
                 "playlist.m3u8")):
            for connections in CONNECTIONS:
                cpu, their_cpu, cpu_ratio, alone_ratio, rate_ratio = compare(
                    ours, nginx, what, path, name, connections, rounds, seconds)
                rows.append([what, connections, f"{cpu:.1f}", f"{their_cpu:.1f}",
                             f"{cpu_ratio:.2f}", f"{alone_ratio:.2f}", f"{rate_ratio:.2f}"])
                kind = name.partition(".")[0]
                where = f"broadcaster / nginx, {kind}, {connections} connections"
                section.figure(f"{where}: CPU per request", f"{cpu_ratio:.2f}", "at most 1",
                               cpu_ratio <= 1)
                section.figure(f"{where}: CPU per request, the server's alone",
                               f"{alone_ratio:.2f}")
                section.figure(f"{where}: requests per second", f"{rate_ratio:.2f}", "at least 1",
                               rate_ratio >= 1)
    section.table(["what", "connections", "ours, us of CPU", "nginx", "CPU ratio",
                   "of the servers' alone", "throughput ratio"], rows)


# --- who waits ------------------------------------------------------------------------------------


def hold(ours, count, rounds):
    """[(MB resident while held, what the client says, wakes behind it)] of each round."""
    command = [harness.ROOT / "build/bench/hold", ours.port, "/stream/s/source/live.m3u8", count,
               rounds]
    found, resident = [], None
    with subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if line.startswith("held"):
                resident = measure.rss_mb(ours.pid)
            else:
                found.append((resident, json.loads(line), wakes(ours)))
    if len(found) != rounds or any(said["ok"] != count for _, said, _ in found):
        raise AssertionError(f"not all were answered: {found}")
    return found


def wakes(ours):
    """How many answers that were waited for were sent within how many ms of what they have being
    there: {bound: count}, all in math.inf."""
    text = harness.http_get(f"http://127.0.0.1:{ours.role.cli_port}/metrics").text
    found = re.findall(r'^sbe_http_wake_seconds_bucket{le="([^"]+)"} (\d+)', text, re.M)
    return {float(bound) * 1000: int(count) for bound, count in found}


def wake_p99(before, after):
    """The lowest of the metric's bounds that 99 % were sent within."""
    counts = {bound: after[bound] - before[bound] for bound in after}
    total = counts[math.inf]
    return next(b for b in sorted(counts) if counts[b] >= total * 0.99)


def woken_by_round(ours, rounds):
    """(what the client says, the server's p99 in ms) of each round."""
    before = wakes(ours)
    woken = hold(ours, WOKEN, rounds)
    counts = [before] + [after for _, _, after in woken]
    return [(said["p99_ms"], wake_p99(a, b))
            for (_, said, _), a, b in zip(woken, counts, counts[1:])]


def woken_bare(rounds):
    """As woken_by_round, of a program that does nothing but write the answers: what this machine
    and its kernel need for them in these minutes."""
    port = harness.free_port()
    tools = harness.ROOT / "build/bench"
    bare = [str(c) for c in (tools / "bare_wake", port, WOKEN, BARE_BYTES)]
    with subprocess.Popen(bare, stdout=subprocess.PIPE, text=True) as server:
        try:
            harness.wait_for(lambda: harness.http_get(f"http://127.0.0.1:{port}/").status, 10,
                             "it answers")
            done = harness.run([tools / "hold", port, "/", WOKEN, rounds], timeout=120)
            said = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
            took = [json.loads(server.stdout.readline()) for _ in range(rounds)]
        finally:
            server.kill()
    return [(a["p99_ms"], b["p99_ms"]) for a, b in zip(said, took)]


def waiting(section, quick):
    woken, bare = [], []
    with Ours() as ours:
        time.sleep(40 if not quick else 20)  # the window is full: the rest is the requests'
        before = measure.rss_mb(ours.pid)
        held = hold(ours, HELD, 2)
        each = [(mb - before) * 1e6 / HELD if mb else None for mb, _, _ in held]
        for _ in range(1 if quick else 3):
            woken += woken_by_round(ours, 3)
            bare += woken_bare(3)
    at_client, in_server = zip(*woken)
    p99, bound = measure.median(at_client), measure.median(in_server)
    if each[1] is None:
        raise AssertionError("the answers came before all had asked")
    section.figure(f"resident memory of each of {HELD} held requests, second hold",
                   f"{each[1] / 1024:.1f} kB", "at most 8 kB", each[1] <= HELD_AIM_BYTES)
    section.figure(f"{WOKEN} waiters: p99 behind the first, at the client", f"{p99:.1f} ms",
                   f"at most {WOKEN_AIM_MS} ms", p99 <= WOKEN_AIM_MS)
    section.figure(f"{WOKEN} waiters: p99 from the part's publishing to its sending, in the server",
                   f"within {bound:.0f} ms", f"at most {WOKEN_SERVER_AIM_MS} ms",
                   bound <= WOKEN_SERVER_AIM_MS)
    bare_client, bare_server = (measure.median(column) for column in zip(*bare))
    section.figure(f"{WOKEN} waiters of a program that only writes the answers: p99 at the client; "
                   "in the server", f"{bare_client:.1f} ms; {bare_server:.1f} ms")
    section.text(f"Held: {', '.join(f'{b / 1024:.1f}' for b in each if b)} kB each, by round. Woken, "
                 f"p99 by round: {measure.spread(at_client)} ms at the client, in the server within "
                 f"{', '.join(f'{b:.0f}' for b in in_server)} ms; by turns with "
                 f"{', '.join(f'{b:.0f}' for _, b in bare)} ms of the one that only writes.")


# --- how soon -------------------------------------------------------------------------------------


def first_playable(section, rounds):
    classic, live = [], []
    with Ours() as ours:
        for i in range(rounds):
            name = f"soon{i}"
            seen = {}
            with ours.publish(name) as publisher:
                harness.wait_for(lambda: name in json.dumps(ours.role.status()), 10, "it is live",
                                 interval=0.005)
                began = time.monotonic()
                while len(seen) < 2 and time.monotonic() - began < 15:
                    for kind, path in (("classic", f"/stream/{name}/source.m3u8"),
                                       ("live", f"/stream/{name}/source/live.m3u8")):
                        if kind not in seen and harness.http_get(ours.url(path)).status == 200:
                            seen[kind] = (time.monotonic() - began) * 1000
                    time.sleep(0.005)
                publisher.stop()
            classic.append(seen["classic"])
            live.append(seen["live"])
    section.figure("publish to first classic playlist", f"{measure.median(classic):.0f} ms",
                   "at most 2100 ms", measure.median(classic) <= 2100)
    section.figure("publish to first low-latency playlist", f"{measure.median(live):.0f} ms",
                   "at most 700 ms", measure.median(live) <= 700)
    section.text(f"Of {rounds} publishers: {measure.spread(classic, 0)} and "
                 f"{measure.spread(live, 0)} ms.")


def run(quick):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(OPEN_FILES, hard), hard))
    section = measure.Section(TITLE)
    with Ours() as ours:
        against_nginx(section, ours, 2 if quick else 3, 2 if quick else 4)
    first_playable(section, 2 if quick else 5)
    waiting(section, quick)
    return section
