"""What all figures are made with: CPU seconds, memory, medians, and facts about the machine.

CPU is utime + stime of /proc/PID/stat, with threads that have ended, summed over the process and
its children. Wall time is only ever the length of a window in which media runs at real time.
"""
import os
import platform
import re
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "flow"))
import harness  # noqa: E402

RETRIES = 3
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def say(text):
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


# --- processes ------------------------------------------------------------------------------------


def _children(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(c) for c in (task / "children").read_text().split()]
    return found


def cpu_s(pid):
    """CPU seconds of the process and all below it, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    utime, stime, cutime, cstime = (int(f) for f in fields[11:15])
    return (utime + stime + cutime + cstime) * TICK_S + sum(cpu_s(c) for c in _children(pid))


def threads_cpu_s(pid, names):
    """CPU seconds of those of the process's living threads whose name begins with one of these."""
    found = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name, _, rest = (task / "stat").read_text().partition("(")[2].rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        if name.startswith(names):
            utime, stime = (int(f) for f in rest.split()[11:13])
            found += (utime + stime) * TICK_S
    return found


def loop_cpu_s(pid):
    """CPU seconds of the process's first thread, so far."""
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def rss_mb(pid):
    """Resident memory of the process and all below it, in MB (of 10^6 bytes)."""
    status = Path(f"/proc/{pid}/status").read_text()
    own = int(re.search(r"^VmRSS:\s+(\d+) kB", status, re.M).group(1)) * 1024 / 1e6
    return own + sum(rss_mb(c) for c in _children(pid))


def cpu_share(pid, seconds):
    """CPU seconds that the process uses per second, over a window that begins now."""
    cpu, wall = cpu_s(pid), time.monotonic()
    time.sleep(seconds)
    wall_after, cpu_after = time.monotonic(), cpu_s(pid)
    return (cpu_after - cpu) / (wall_after - wall)


# --- numbers --------------------------------------------------------------------------------------


def median(values):
    return statistics.median(values)


def mean(values):
    return statistics.fmean(values)


def percentile(values, p):
    """The smallest value that at least p per cent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * p // 100) - 1)]


def spread(values, digits=2):
    """ "lowest to highest", or the value itself when there is one."""
    low, high = min(values), max(values)
    return f"{low:.{digits}f}" if len(values) == 1 else f"{low:.{digits}f} to {high:.{digits}f}"


def pairs(rounds, a, b, what):
    """A B A B ...: each a function that gives a number. Returns the two lists. A pair that fails
    (others may have taken the machine) is begun again, RETRIES times in all."""
    found_a, found_b, retries = [], [], RETRIES
    while (i := len(found_a)) < rounds:
        try:
            values = a(), b()
        except AssertionError as e:
            if retries == 0:
                raise
            retries -= 1
            say(f"{what}: pair {i + 1} is begun again: {str(e).splitlines()[0]}")
            continue
        found_a.append(values[0])
        found_b.append(values[1])
        say(f"{what}: pair {i + 1} of {rounds}: {found_a[-1]:.4f} against {found_b[-1]:.4f}")
    return found_a, found_b


# --- the machine ----------------------------------------------------------------------------------


def load_average():
    return os.getloadavg()[0]


def machine():
    """[(what, value)]"""
    cpu = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    return [
        ("cores", str(os.cpu_count())),
        ("CPU", cpu.group(1).strip() if cpu else platform.machine()),
        ("memory", f"{int(memory.group(1)) / 1e6:.0f} GB"),
        ("kernel", platform.release().split("-")[0]),
    ]


def _first_line(command, pattern):
    done = harness.run(command)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "unknown"


def _package(name):
    return _first_line(["dpkg-query", "-W", "-f", "${Version}\n", name], r"(\S+)")


def versions():
    """[(what, version)]"""
    return [
        ("Streaming Back-End", _first_line([harness.BIN / "livepeer", "-version"], r"Version: (\S+)")),
        ("ffmpeg", _first_line(["ffmpeg", "-version"], r"ffmpeg version (\S+)")),
        ("libx264", _package("libx264-164")),
        ("nginx", _first_line(["nginx", "-v"], r"nginx/(\S+)")),
        ("nginx's rtmp module", _package("libnginx-mod-rtmp")),
        ("ZeroMQ", _package("libzmq5")),
        ("Python", platform.python_version()),
    ]


# --- what a benchmark hands back ------------------------------------------------------------------


class Section:
    """A chapter of the results: rows of the summary, and text below."""

    def __init__(self, title):
        self.title = title
        self.summary = []  # (what, figure, aim, whether it is met or None)
        self.lines = []

    def figure(self, what, figure, aim="", met=None):
        self.summary.append((what, figure, aim, met))
        say(f"RESULT {what}: {figure}{f' (aim {aim})' if aim else ''}")

    def text(self, *lines):
        self.lines += [*lines, ""]

    def table(self, heads, rows):
        self.lines.append("| " + " | ".join(heads) + " |")
        self.lines.append("|" + "---|" * len(heads))
        self.lines += ["| " + " | ".join(str(c) for c in row) + " |" for row in rows]
        self.lines.append("")

    def command(self, args):
        """Shown as typed, with temporary folders and ports made plain."""
        self.lines += ["```", plain_command(args), "```", ""]


def plain_command(args):
    text = " ".join(_quoted(str(a)) for a in args)
    text = text.replace(str(harness.ROOT) + "/", "")
    text = re.sub(r"/(?:tmp|dev/shm)/streaming-back-end-\w+\.\w+", "DIR", text)
    return re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT", text)


def _quoted(arg):
    return f"'{arg}'" if re.search(r"[\s;()\[\]*]", arg) else arg
