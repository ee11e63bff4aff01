"""What the flow tests stand on: the real executables on free ports, and judges of what they make.

Nothing here depends on a fixed port or on a sleep being long enough: whatever must have happened is
waited for with a deadline (wait_for, Role.wait_log). Every process started here is ended when the
test process ends, however it ends (see Process). Python 3, standard library only.

    with Recipe() as r:
        with ffmpeg_publish(r.rtmp("hello_world")):
            text = r.wait_playlist("/stream/hello_world/P144p30fps16x9.m3u8")

BIN names the folder of the executables (default bin, seen from the top of the repository).
TIME_SCALE (default 1) multiplies every time limit, for slow builds such as sanitizers'.
ROLES_END=stop asks roles to end where they are killed otherwise, and minds their exit status.
"""
import atexit
import collections
import copy
import ctypes
import fcntl
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = ROOT / os.environ.get("BIN", "bin")
CRASHES = (signal.SIGILL, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV)
TIME_SCALE = float(os.environ.get("TIME_SCALE", "1"))

RUNG = "P144p30fps16x9"
# Where it matters that there is a rung, and not which: less than half of what its name says.
SMALL_RUNG = {"name": RUNG, "width": 160, "height": 120, "bitrate": 150_000, "fps": 30}
LOG_TAIL_LINES = 40  # of each role, shown when a test fails


# --- waiting --------------------------------------------------------------------------------------


def wait_for(fn, timeout, what, interval=None):
    """Calls fn until it returns something true, and returns that; the longer it takes the less
    often, unless an interval is given. After timeout seconds raises AssertionError with what (a
    sentence: "the playlist lists a segment"). Exceptions of fn count as "not yet", and the last one
    is part of the failure."""
    started = time.monotonic()
    deadline = started + timeout * TIME_SCALE
    last = None
    while True:
        try:
            value = fn()
            if value:
                return value
            last = None
        except (OSError, http.client.HTTPException, AssertionError, ValueError, KeyError) as e:
            last = e
        if time.monotonic() > deadline:
            why = f" (last: {type(last).__name__}: {last})" if last else ""
            raise AssertionError(f"not within {timeout} s: {what}{why}")
        time.sleep(interval or min(0.2, 0.04 + (time.monotonic() - started) / 20))


# --- ports ----------------------------------------------------------------------------------------

# Below the kernel's own range, so that no outgoing connection takes a port between choosing it and
# using it; a locked file per port keeps test processes that run side by side apart.
PORT_FIRST, PORT_LAST = 18000, 31999
_port_locks = {}


def _bindable(port):
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as s:
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind((address, port))
        except OSError as e:
            # A machine without IPv6 has no port to be taken there.
            if family == socket.AF_INET or has_ipv6():
                return not e
    return True


def has_ipv6():
    """Whether ::1 can be bound."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def _keep_port(port):
    """Whether it is free, and now kept for this process until it ends."""
    folder = Path(tempfile.gettempdir()) / f"streaming-back-end-ports.{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if port in _port_locks:
        return False
    lock = open(folder / str(port), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    if not _bindable(port):
        lock.close()
        return False
    _port_locks[port] = lock
    return True


def free_port(row=1):
    """A TCP port free on IPv4 and IPv6, and kept for this process until it ends; of a row of so
    many the first."""
    for _ in range(1000):
        port = random.randint(PORT_FIRST, PORT_LAST + 1 - row)
        if all(_keep_port(port + i) for i in range(row)):
            return port
    raise AssertionError("no free port was found")


# --- processes ------------------------------------------------------------------------------------

_live = []


def _end_all():
    for process in list(_live):
        process.kill()


atexit.register(_end_all)


def _on_sigterm(number, frame):
    """Ends it as an interrupt does: unittest takes any other exception for one test's, and the trace
    tells what was waited for."""
    raise KeyboardInterrupt(signal.Signals(number).name)


signal.signal(signal.SIGTERM, _on_sigterm)

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def _die_with_parent():
    """In the child: the kernel ends it when the test process is killed without a chance to."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A child with its stderr (and stdout, unless piped) in a log file. Ended at exit."""

    def __init__(self, args, log_path, stdin=subprocess.DEVNULL, stdout=None, env=None, cwd=None):
        self.args = [str(a) for a in args]
        self.log_path = Path(log_path)
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                self.args,
                stdin=stdin,
                stdout=stdout if stdout is not None else log,
                stderr=log,
                env=dict(os.environ, **(env or {})),
                cwd=cwd,
                preexec_fn=_die_with_parent,
            )
        _live.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        """Everything logged so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def log_mark(self):
        """A place in the log, to be given to wait_log as since."""
        return len(self.log())

    def wait_log(self, regex, timeout=10, since=0):
        """Waits until the log (from since on) matches; returns the match."""
        pattern = re.compile(regex, re.M)
        try:
            return wait_for(
                lambda: pattern.search(self.log(), since), timeout, f"'{regex}' in the log"
            )
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.tail()}") from None

    def tail(self, lines=LOG_TAIL_LINES):
        """The end of the log, with a heading, for failures."""
        end = self.log().splitlines()[-lines:]
        return "\n".join([f"--- {' '.join(self.args[:2])} (pid {self.pid}) ---", *end])

    def wait(self, timeout=30):
        """The exit status; negative: ended by that signal."""
        try:
            status = self.popen.wait(timeout * TIME_SCALE)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self.args[0]} has not ended within {timeout} s\n{self.tail()}"
            ) from None
        self._forget()
        return status

    def stop(self, number=signal.SIGTERM, timeout=15):
        """Asks it to end; returns the exit status."""
        if self.alive():
            self.popen.send_signal(number)
        return self.wait(timeout)

    def kill(self):
        """kill -9, and waits until it is gone."""
        if self.alive():
            self.popen.kill()
        self.popen.wait()
        self._forget()

    def end(self):
        """At the end of a with block."""
        self.kill()

    def pause(self):
        """SIGSTOP: a peer that is there but silent."""
        self.popen.send_signal(signal.SIGSTOP)

    def resume(self):
        self.popen.send_signal(signal.SIGCONT)

    def _forget(self):
        if self in _live:
            _live.remove(self)
            number = -(self.popen.returncode or 0)
            if number in CRASHES:  # tests/run excuses none
                print(f"{self.args[0]} ended by {signal.Signals(number).name}", file=sys.stderr)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is not None:
            print(self.tail(), file=sys.stderr)
            self.kill()
        self.end()


def run(args, timeout=30, **more):
    """Runs a command to its end: a CompletedProcess with texts."""
    return subprocess.run(
        [str(a) for a in args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout * TIME_SCALE,
        preexec_fn=_die_with_parent,
        **more,
    )


def temp_dir():
    """A folder that is removed when the test process ends."""
    path = Path(tempfile.mkdtemp(prefix="streaming-back-end-test."))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


# --- roles ----------------------------------------------------------------------------------------


def unmeasured(role, flags):
    """Measuring the host costs each start of a transcoder half a second of a processor: not done
    unless these flags say something of it."""
    measured = role != "transcoder" or {"-speed", "-config"} & set(flags)
    return [] if measured else ["-speed", "off"]


class Role(Process):
    """bin/ROLE FLAGS... (with separate=False bin/livepeer -ROLE FLAGS..., which takes longer to
    begin) with a -cliAddr on a free port, its own data directory unless one is given, and its log
    in a file."""

    def __init__(self, role, flags=(), data_dir=None, separate=True, wait=True, cli_port=None,
                 verbosity=99, run_dir=None, env=None):
        self.role = role
        self.flags = list(flags)
        self.data_dir = Path(data_dir) if data_dir else temp_dir()
        self.run_dir = Path(run_dir) if run_dir else self.data_dir
        self.cli_port = cli_port or free_port()
        exe = [BIN / role] if separate else [BIN / "livepeer", f"-{role}"]
        common = ["-cliAddr", f"127.0.0.1:{self.cli_port}", "-datadir", self.data_dir,
                  "-runDir", self.run_dir, "-v", verbosity, *unmeasured(role, self.flags)]
        super().__init__([*exe, *self.flags, *common], temp_dir() / f"{role}.log", env=env)
        self._again = dict(role=role, flags=flags, data_dir=self.data_dir, separate=separate,
                           cli_port=self.cli_port, verbosity=verbosity,
                           run_dir=self.run_dir, env=env)
        if wait:
            self.wait_healthy()

    def again(self, **changes):
        """The same role with the same flags, ports and data directory, after this one has ended."""
        return Role(**{**self._again, **changes})

    def control(self, path, **more):
        """GET path at its -cliAddr."""
        return http_get(f"http://127.0.0.1:{self.cli_port}{path}", **more)

    def status(self):
        """The /status document."""
        return json.loads(self.control("/status").text)

    def metrics(self):
        """The /metrics samples: {'name{label="x"}': value}."""
        found = {}
        for line in self.control("/metrics").text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def end(self):
        """Killed; where ROLES_END is "stop", asked to end: sanitizers tell leaks there only."""
        if os.environ.get("ROLES_END") == "stop" and self.alive():
            self.resume()
            status = self.stop(timeout=60)
            if status != 0:
                raise AssertionError(f"{self.role} ended with {status}\n{self.tail()}")
        self.kill()

    def wait_healthy(self, timeout=10):
        def healthy():
            if not self.alive():
                raise RuntimeError(f"ended with {self.popen.returncode}\n{self.tail()}")
            return self.control("/healthz").status == 200

        wait_for(healthy, timeout, f"{self.role} answers /healthz on port {self.cli_port}")


class Recipe:
    """The known recipe on free ports: orchestrator, transcoders, broadcaster, sharing one data
    directory as on one host. Use as a context manager; when a test inside fails, the ends of the
    roles' logs are shown.

    rungs: -transcodingOptions, or a list: what stands in a file of rungs. order: the order of
    starting, e.g. "BTO" (each T stands for all transcoders). *_flags: further flags.
    separate=False: bin/livepeer -ROLE instead of bin/ROLE.
    """

    def __init__(self, rungs=(SMALL_RUNG,), transcoders=1, order="OTB", secret="secret",
                 orchestrator_flags=(), transcoder_flags=(), broadcaster_flags=(), separate=True,
                 host="127.0.0.1"):
        options = rungs
        if isinstance(rungs, (list, tuple)):
            options = temp_dir() / "rungs.json"
            options.write_text(json.dumps(rungs))
            rungs = ",".join(r.get("name", "") for r in rungs)
        self.rungs = rungs
        self.order = order
        self.separate = separate
        self.host = host
        self.data_dir = temp_dir()
        self.service_port, self.rtmp_port, self.http_port = free_port(), free_port(), free_port()
        service = f"{_in_url(host)}:{self.service_port}"
        self.flags = {
            "O": ["-serviceAddr", service, "-httpAddr", service, "-orchSecret", secret,
                  *orchestrator_flags],
            "T": ["-orchAddr", service, "-orchSecret", secret, *transcoder_flags],
            "B": ["-currentManifest", "-rtmpAddr", f"{_in_url(host)}:{self.rtmp_port}",
                  "-httpAddr", f"{_in_url(host)}:{self.http_port}", "-orchAddr", service,
                  "-transcodingOptions", options, *broadcaster_flags],
        }
        self.n_transcoders = transcoders
        self.orchestrator = None
        self.transcoders = []
        self.broadcaster = None

    def start_orchestrator(self, **more):
        self.orchestrator = Role("orchestrator", self.flags["O"], self.data_dir,
                                 separate=self.separate, **more)
        return self.orchestrator

    def start_transcoder(self, **more):
        role = Role("transcoder", self.flags["T"], self.data_dir, separate=self.separate, **more)
        self.transcoders.append(role)
        return role

    def start_broadcaster(self, **more):
        self.broadcaster = Role("broadcaster", self.flags["B"], self.data_dir,
                                separate=self.separate, **more)
        return self.broadcaster

    def start(self):
        for letter in self.order:
            if letter == "O":
                self.start_orchestrator()
            elif letter == "T":
                for _ in range(self.n_transcoders):
                    self.start_transcoder()
            else:
                self.start_broadcaster()
        return self

    def roles(self):
        """Those started, in the order of stopping."""
        return [r for r in (self.broadcaster, *self.transcoders, self.orchestrator) if r]

    def stop(self):
        """SIGTERM to each; returns their exit statuses by role name."""
        return [(r.role, r.stop()) for r in self.roles() if r.alive()]

    def rtmp(self, stream):
        return f"rtmp://{_in_url(self.host)}:{self.rtmp_port}/{stream}"

    def url(self, path):
        return f"http://{_in_url(self.host)}:{self.http_port}{path}"

    def get(self, path, **more):
        return http_get(self.url(path), **more)

    def wait_playlist(self, path, segments_at_least=1, timeout=8):
        """Waits until the media playlist lists so many segments; returns its Playlist."""
        def listed():
            answer = self.get(path)
            found = playlist(answer.text) if answer.status == 200 else None
            return found if found and len(found.segments) >= segments_at_least else None

        return wait_for(listed, timeout, f"{path} lists {segments_at_least} segments", interval=0.1)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise

    def __exit__(self, kind, value, traceback):
        if kind is not None and not issubclass(kind, unittest.SkipTest):
            for role in self.roles():
                print(role.tail(), file=sys.stderr)
            for role in self.roles():
                role.kill()
        for role in self.roles():
            role.end()


def _in_url(host):
    return f"[{host}]" if ":" in host else host


# --- publishers -----------------------------------------------------------------------------------


class Publisher(Process):
    """A program that publishes; stop() ends it in order."""

    def stop(self, number=signal.SIGINT, timeout=15):
        return super().stop(number, timeout)


def ffmpeg_publish(url, size="320x240", rate=30, keyint=30, seconds=None, bitrate="1000k",
                   source=None, audio=True, realtime=True, video_options=(), output_options=()):
    """The recipe's command, parametrised, with small pictures. source: another lavfi picture than
    testsrc. seconds: ends by itself after so many."""
    picture = source or f"testsrc=size={size}:rate={rate}"
    command = ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "warning"]
    command += (["-re"] if realtime else []) + ["-f", "lavfi", "-i", f"{picture},format=yuv420p"]
    if audio:
        command += ["-f", "lavfi", "-i", "sine"]
    command += ["-threads", 1, "-c:v", "libx264", "-b:v", bitrate, "-preset", "ultrafast",
                "-x264-params", f"keyint={keyint}", *video_options]
    if audio:
        command += ["-strict", "-2", "-c:a", "aac"]
    if seconds is not None:
        command += ["-t", seconds]
    command += [*output_options, "-f", "flv", url]
    return Publisher(command, temp_dir() / "ffmpeg.log")


def tool_publish(urls, *flags):
    """bin/publish with these flags to one url or several."""
    urls = [urls] if isinstance(urls, str) else list(urls)
    return Publisher([BIN / "publish", *flags, *urls], temp_dir() / "publish.log")


# --- HTTP -----------------------------------------------------------------------------------------


class Answer:
    """status, headers (lower-case names), body (bytes), text, seconds (how long it took), url."""

    def __init__(self, status, headers, body, seconds, url):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds
        self.url = url

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")


def http_get(url, method="GET", headers=None, timeout=10, follow=0, body=None):
    """One request on a connection of its own; a status of 4xx or 5xx is an answer like any other.
    follow: how many redirects to go along."""
    parts = urllib.parse.urlsplit(url)
    started = time.monotonic()
    connection = http.client.HTTPConnection(
        parts.hostname, parts.port or 80, timeout=timeout * TIME_SCALE
    )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        found = {k.lower(): v for k, v in response.getheaders()}
        answer = Answer(response.status, found, response.read(), time.monotonic() - started, url)
    finally:
        connection.close()
    if follow > 0 and answer.status in (301, 302, 303, 307, 308):
        there = urllib.parse.urljoin(url, answer.headers["location"])
        return http_get(there, method, headers, timeout, follow - 1, body)
    return answer


# --- playlists ------------------------------------------------------------------------------------

Segment = collections.namedtuple("Segment", "number duration uri gap discontinuity")
Playlist = collections.namedtuple(
    "Playlist", "version media_sequence target_duration ended segments lines"
)


def segments(text):
    """The segments of a media playlist, in order. number: from the MEDIA-SEQUENCE on, whatever the
    URI says."""
    number = int(_tag(text, "EXT-X-MEDIA-SEQUENCE", "0"))
    found, duration, gap, discontinuity = [], None, False, False
    for line in text.splitlines():
        if line.startswith("#EXTINF:"):
            duration = float(line[len("#EXTINF:"):].split(",")[0])
        elif line == "#EXT-X-GAP":
            gap = True
        elif line == "#EXT-X-DISCONTINUITY":
            discontinuity = True
        elif line and not line.startswith("#"):
            found.append(Segment(number, duration, line, gap, discontinuity))
            number += 1
            duration, gap, discontinuity = None, False, False
    return found


def playlist(text):
    """A media playlist; AssertionError when it does not begin as one."""
    if not text.startswith("#EXTM3U\n"):
        raise AssertionError(f"not a playlist: {text[:200]!r}")
    return Playlist(
        int(_tag(text, "EXT-X-VERSION", "1")),
        int(_tag(text, "EXT-X-MEDIA-SEQUENCE", "0")),
        int(_tag(text, "EXT-X-TARGETDURATION", "0")),
        "#EXT-X-ENDLIST" in text.splitlines(),
        segments(text),
        text.splitlines(),
    )


def _tag(text, name, default):
    found = re.search(rf"^#{name}:(\S+)$", text, re.M)
    return found.group(1) if found else default


def variants(text):
    """A master playlist's variants in order: [(attributes, uri)], attributes without quotes."""
    found, attributes = [], None
    for line in text.splitlines():
        if line.startswith("#EXT-X-STREAM-INF:"):
            pairs = re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', line.split(":", 1)[1])
            attributes = {k: v.strip('"') for k, v in pairs}
        elif line and not line.startswith("#") and attributes is not None:
            found.append((attributes, line))
            attributes = None
    return found


class Follower:
    """Follows media playlists and keeps each listed segment once: .segments (in order of number)
    and .bodies by number, per URL. follow() polls all of them in turn."""

    def __init__(self, *urls):
        self.urls = urls
        self.segments = {u: [] for u in urls}
        self.bodies = {u: {} for u in urls}

    def poll(self):
        for url in self.urls:
            answer = http_get(url)
            if answer.status != 200:
                raise AssertionError(f"{url}: status {answer.status}: {answer.text[:200]}")
            for segment in playlist(answer.text).segments:
                if segment.number in self.bodies[url]:
                    continue
                body = None
                if not segment.gap:
                    got = http_get(urllib.parse.urljoin(url, segment.uri))
                    if got.status != 200:
                        raise AssertionError(f"{segment.uri}: status {got.status}")
                    body = got.body
                self.segments[url].append(segment)
                self.bodies[url][segment.number] = body

    def follow(self, enough, timeout):
        """Polls until enough() is true."""
        def step():
            self.poll()
            return enough()

        wait_for(step, timeout, "enough segments", interval=0.3)

    def seconds(self, url):
        """Playing time collected so far."""
        return sum(s.duration for s in self.segments[url])

    def numbers(self, url):
        return [s.number for s in self.segments[url]]

    def join(self, url, path, numbers=None):
        """Writes the segments (those numbers, default all) one behind the other; returns path."""
        with open(path, "wb") as out:
            for number in numbers if numbers is not None else self.numbers(url):
                out.write(self.bodies[url][number])
        return path


# --- ffprobe --------------------------------------------------------------------------------------


def _ffprobe(path, *options):
    """ffprobe's JSON, and what it complained about; AssertionError with its words when it fails."""
    done = run(["ffprobe", "-hide_banner", "-loglevel", "error", "-threads", 1, "-of", "json",
                *options, path], timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"ffprobe {path}: {done.stderr}")
    return json.loads(done.stdout), done.stderr


def ffprobe(path, *options):
    """ffprobe's JSON; AssertionError with its words when it fails."""
    return _ffprobe(path, *options)[0]


_probed = {}  # of files as they were then: [what ffprobe found, its complaints when it decodes]


def _probe_once(path, decode=False):
    """Streams and packets, at most once for each state of a file: a start of ffprobe costs more
    than what it does. decode: its pictures and sounds too, for what there is to complain about."""
    there = os.stat(path)
    key = (str(path), there.st_ino, there.st_size, there.st_mtime_ns)
    if key not in _probed or decode and _probed[key][1] is None:
        found, words = _ffprobe(path, "-show_streams", "-show_packets",
                                *(["-count_frames"] if decode else []))
        _probed[key] = found, words if decode else None
    return _probed[key]


def ffprobe_streams(path):
    """The streams: codec_type, codec_name, width, height, r_frame_rate, ..."""
    if not os.path.exists(path):  # an address
        return ffprobe(path, "-show_streams")["streams"]
    return copy.deepcopy(_probe_once(path)[0]["streams"])


def ffprobe_packets(path, kind=None, data=False):
    """The packets in order of the file: codec_type, pts, dts, duration, size, flags; with data also
    data_hash. kind: "video" or "audio" only."""
    whole = (ffprobe(path, "-show_packets", "-show_data_hash", "md5") if data
             else _probe_once(path)[0])
    found = [dict(p) for p in whole["packets"] if kind in (None, p["codec_type"])]
    for packet in found:
        for key in ("pts", "dts", "duration", "size"):
            if key in packet:
                packet[key] = int(packet[key])
    return found


def decode_errors(path):
    """What FFmpeg complains about when it decodes the file whole; "" when all is well. Asked ahead
    of ffprobe_streams and ffprobe_packets it saves them a start of ffprobe."""
    try:
        return _probe_once(path, decode=True)[1]
    except AssertionError as e:
        return str(e)


# Pictures here are small: threads would cost more than they give.
DECODE = ["ffmpeg", "-nostdin", "-v", "error"]
INPUT = ["-threads", "1", "-i"]
# Each row of blocks is a sixteenth of the picture's height: two rows of 32 fill the top eighth.
NUMBERS_SIZE = 320 * 20
NUMBERS = ["-vf", "crop=iw:ih/8:0:0,scale=320:20:flags=area,format=gray", "-fps_mode",
           "passthrough", "-f", "rawvideo"]


def read_pictures(paths, as_usual=()):
    """Decodes files whole, all of them by one ffmpeg, whose start costs more than a file: of each
    the frame numbers that bin/publish -test draws into its pictures, in order of showing; and what
    ffmpeg complains about. The first row of 32 blocks holds the number, highest bit left, white is
    1; the second row holds its complement. None where the two rows do not agree. as_usual: what the
    command has to begin with."""
    folder = Path(tempfile.mkdtemp(prefix="streaming-back-end-test."))
    try:
        outs = [folder / str(i) for i in range(len(paths))]
        inputs = [x for path in paths for x in (*INPUT, path)]
        numbers = [x for i, out in enumerate(outs) for x in ("-map", f"{i}:v", *NUMBERS, out)]
        sounds = [x for i in range(len(paths)) for x in ("-map", f"{i}:a?")]
        done = run([*as_usual, *DECODE, *inputs, *numbers, *sounds, "-f", "null", "-"], timeout=120)
        words = done.stderr or ("" if done.returncode == 0 else f"status {done.returncode}")
        return [_numbers_of(out) for out in outs], words
    finally:
        shutil.rmtree(folder)


def _numbers_of(path):
    gray = path.read_bytes() if path.exists() else b""
    return [read_number(gray[i:i + NUMBERS_SIZE]) for i in range(0, len(gray), NUMBERS_SIZE)]


def frame_numbers_of(*paths):
    """The numbers alone, of each of these files, of which ffmpeg has nothing to say."""
    numbers, words = read_pictures(paths)
    if words:
        raise AssertionError(words)
    return numbers


def frame_numbers(path):
    return frame_numbers_of(path)[0]


def read_number(gray):
    """Of one such picture's top eighth as 320x20 gray pixels."""
    number = complement = 0
    for block in range(32):
        x = block * 10 + 5
        number = number << 1 | (gray[5 * 320 + x] >= 128)
        complement = complement << 1 | (gray[15 * 320 + x] >= 128)
    return number if number ^ complement == 0xFFFFFFFF else None


class TestCase(unittest.TestCase):
    """unittest.TestCase with whole differences and a few checks of our own."""

    maxDiff = None

    def assert_rising(self, values, what, step=None):
        """Strictly rising; with step each exactly so much above the last."""
        for i, (a, b) in enumerate(zip(values, values[1:])):
            if step is not None:
                self.assertEqual(b - a, step, f"{what}: from {a} to {b} at {i + 1}")
            else:
                self.assertGreater(b, a, f"{what}: from {a} to {b} at {i + 1}")


def main():
    """The last line of each test file."""
    unittest.main(verbosity=2)
