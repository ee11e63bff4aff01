"""A farm on hosts of its own: each role in a network namespace behind a cable that can be pulled, on
a switch of which this test process is a part, with no way outside. What viewers get of four streams
is collected all the time and judged picture by picture.

    with Farm() as farm:             # orchestrator, three transcoders, broadcaster, four streams
        mark = farm.mark()
        farm.transcoders[0].kill()
        farm.check(test, mark)       # after so many more segments: nothing is missing anywhere

FARM_LOGS=DIR keeps the roles' whole logs of what failed there.
"""
import contextlib
import ctypes
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import threading
import time
import unittest
import urllib.parse

import harness
from harness import BIN, Process, Publisher, Role, wait_for

SUPPORT = harness.ROOT / os.environ.get("BUILD", "build") / "support"
SECRET = "a secret of the farm's own"
NETWORK = "10.77.0"
HERE = 254
ORCHESTRATOR, BROADCASTER, TRANSCODERS = 1, 11, 21
BROADCASTER_ADDRESSES = 5
RTMP, HTTP, LINK, CONTROL = 1935, 8935, 8936, 7935  # nobody else is on those hosts

RATE = 30
CLIP_FRAMES = 20 * RATE
STREAMS = {"a": "320x180", "b": "640x360", "c": "320x180", "d": "640x360"}
LADDER = [("r144", 256, 144, 150), ("r108", 192, 108, 100), ("r90", 160, 90, 80)]
SOURCE = "source"
METERED = "r144"  # the rung whose delay is measured

DELAY_BROKEN_S = 1.0  # what a failover may add when the transcoder's connection breaks,
DELAY_SILENT_S = 2.0  # and when it falls silent

PRIORITY = -15  # of all hosts: each stands for one that has processors of its own
AS_USUAL = []      # in front of what judges: it is in no hurry

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000


def why_not():
    if os.getuid() != 0:
        return "only root can make a network"
    if harness.run(["unshare", "--net", "ip", "link", "add", "br0", "type", "bridge"]).returncode:
        return "root may not make network namespaces with bridges here"
    return ""


MISSING = why_not()


def command(*args):
    done = harness.run(args)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, args))}: {done.stderr}")


def leave_network():
    """This thread, those it starts and all children are on a network of their own from here on,
    with a switch of which they are part."""
    if _libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    command("ip", "link", "set", "lo", "up")
    command("ip", "link", "add", "br0", "type", "bridge", "forward_delay", "0")
    command("ip", "addr", "add", f"{NETWORK}.{HERE}/24", "dev", "br0")
    command("ip", "link", "set", "br0", "up")


class Host:
    """A namespace with addresses NETWORK.number and the next ones; it is there until the test ends.
    inside: what a command has to begin with to run there."""

    def __init__(self, number, addresses=1):
        self.address = f"{NETWORK}.{number}"
        self.port = f"v{number}"  # of the switch
        self.holder = Process(["unshare", "--net", "sh", "-c",
                               "ip link set lo up && echo up && exec sleep 86400"],
                              harness.temp_dir() / "host.log")
        self.holder.wait_log("up")
        self.inside = ["nsenter", "-t", self.holder.pid, "-n"]
        command("ip", "link", "add", self.port, "type", "veth", "peer", "name", "eth0", "netns",
                self.holder.pid)
        command("ip", "link", "set", self.port, "master", "br0", "up")
        for i in range(addresses):
            command(*self.inside, "ip", "addr", "add", f"{NETWORK}.{number + i}/24", "dev", "eth0")
        command(*self.inside, "ip", "link", "set", "eth0", "up")

    def pull_cable(self):
        command("ip", "link", "set", self.port, "down")

    def plug_in(self):
        command("ip", "link", "set", self.port, "up")

    def end(self):
        """The cable goes first: the namespace lasts for as long as the kernel still has something to
        send for who was killed in it."""
        harness.run(["ip", "link", "del", self.port])
        self.holder.kill()


class HostRole(Role):
    """bin/ROLE on a host, with its control address on the network behind a token."""

    def __init__(self, role, host, flags, address=None):
        self.role, self.host, self.flags = role, host, list(flags)
        self.address = address or host.address
        self.data_dir = self.run_dir = harness.temp_dir()
        self.token = secrets.token_hex(20)
        token_file = self.data_dir / "token"
        token_file.write_text(self.token + "\n")
        token_file.chmod(0o600)
        Process.__init__(self, [*host.inside, BIN / role, *self.flags, "-cliAddr",
                                f"{host.address}:{CONTROL}", "-cliToken", token_file, "-datadir",
                                self.data_dir, "-runDir", self.data_dir, "-v", 99,
                                *harness.unmeasured(role, self.flags)],
                         self.data_dir / f"{role}.log")
        self.cli_port = CONTROL

    def control(self, path, **more):
        headers = {"Authorization": f"Bearer {self.token}"}
        return harness.http_get(f"http://{self.host.address}:{CONTROL}{path}", headers=headers,
                                **more)

    def again(self):
        return HostRole(self.role, self.host, self.flags, self.address)

    def _proc(self, key):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(rf"^{key}:\s+(\d+)", f.read(), re.M)[1])

    def rss_mb(self):
        return self._proc("VmRSS") / 1024

    def threads(self):
        return self._proc("Threads")


# --- the picture ----------------------------------------------------------------------------------


def numbers_strip(width, height):
    """A clip's frame numbers as harness.frame_numbers reads them: raw gray pictures."""
    rows = height // 2
    for number in range(CLIP_FRAMES):
        bits = [number >> (31 - i) & 1 for i in range(32)]
        line = b"".join((b"\xeb" if b else b"\x10") * (width // 32) for b in bits)
        other = b"".join((b"\x10" if b else b"\xeb") * (width // 32) for b in bits)
        yield line * rows + other * (height - rows)


def make_clip(size, path):
    """CLIP_FRAMES pictures, numbered, with an IDR each second: made once, published as it is."""
    width, height = map(int, size.split("x"))
    strip = height // 8 // 2 * 2
    args = [*AS_USUAL, "ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
            f"testsrc=size={width}x{height - strip}:rate={RATE}", "-f", "rawvideo", "-pix_fmt", "gray",
            "-video_size", f"{width}x{strip}", "-framerate", str(RATE), "-i", "-", "-filter_complex",
            "[1]format=yuv420p[s];[0]format=yuv420p[p];[s][p]vstack=shortest=1", "-c:v", "libx264",
            "-preset", "ultrafast", "-x264-params", f"keyint={RATE}:scenecut=0", "-b:v", "600k",
            "-frames:v", str(CLIP_FRAMES), "-y", str(path)]
    done = subprocess.run(args, input=b"".join(numbers_strip(width, strip)), capture_output=True,
                          timeout=120 * harness.TIME_SCALE)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode())
    return path


# --- viewers --------------------------------------------------------------------------------------


class Collector:
    """Fetches every segment of every rendition of every stream until it is stopped."""

    def __init__(self, urls_of_streams):
        self.followers = [harness.Follower(*urls) for urls in urls_of_streams]
        self.over = threading.Event()
        self.fault = None
        self.longest_round_s = 0.0  # the window of a playlist is some twelve seconds long
        self.threads = [threading.Thread(target=self.follow, args=(f,), daemon=True)
                        for f in self.followers]
        for t in self.threads:
            t.start()

    def follow(self, follower):
        last = time.monotonic()
        while not self.over.wait(0.4):
            try:
                follower.poll()
            except (OSError, http.client.HTTPException):
                pass  # asked again; what was missed for good shows in the numbers
            except AssertionError as e:
                self.fault = self.fault or str(e)
            now = time.monotonic()
            self.longest_round_s = max(self.longest_round_s, now - last)
            last = now

    def segments(self, url):
        """{number: Segment}, in the order of coming."""
        found = next(f.segments[url] for f in self.followers if url in f.segments)
        return {s.number: s for s in list(found)}

    def body(self, url, number):
        return next(f.bodies[url][number] for f in self.followers if url in f.bodies)

    def forget(self, url, before):
        """The bytes of segments before that number are not needed any more."""
        bodies = next(f.bodies[url] for f in self.followers if url in f.bodies)
        for number in list(bodies):
            if number < before:
                bodies[number] = None

    def newest(self, url):
        found = self.segments(url)
        return max(found) if found else -1

    def stop(self):
        self.over.set()
        for t in self.threads:
            t.join(60)


class Meter(threading.Thread):
    """When each part of a rendition was there, as a low-latency player sees it: .seen[(segment,
    milliseconds from its start to the part's end)] = monotonic time."""

    def __init__(self, url):
        super().__init__(daemon=True)
        self.url = url
        self.seen = {}
        self.over = threading.Event()
        self.start()

    def run(self):
        there = urllib.parse.urlsplit(self.url)
        connection, query = None, ""
        while not self.over.is_set():
            try:
                connection = connection or http.client.HTTPConnection(there.hostname, there.port,
                                                                      timeout=10)
                connection.request("GET", there.path + query)
                answer = connection.getresponse()
                text = answer.read().decode()
            except (OSError, http.client.HTTPException):
                connection, query = None, ""
                self.over.wait(0.1)
                continue
            # What was there before it was waited for has no known time.
            now = time.monotonic() if query else None
            query = self.note(text, now) if answer.status == 200 else ""
            if not query:
                self.over.wait(0.1)
        if connection:
            connection.close()

    def note(self, text, now):
        """Returns the query for the next part."""
        last = None
        ends = {}
        for duration, number, part in re.findall(
                r'#EXT-X-PART:DURATION=([\d.]+),URI="[^"]*?(\d+)\.(\d+)\.m4s', text):
            number = int(number)
            # The first ones of a segment that is nearly out of the list are not all there.
            if int(part) == 0:
                ends[number] = 0
            if number in ends:
                ends[number] += float(duration)
                self.seen.setdefault((number, round(ends[number] * 1000)), now)
            last = (number, int(part))
        return f"?_HLS_msn={last[0]}&_HLS_part={last[1] + 1}" if last else ""

    def stop(self):
        self.over.set()
        self.join(30)


def lags(source, rung):
    """[(when, seconds)]: how long after the source's own picture each part of the rung was there."""
    by_number = {}
    for (number, end), when in sorted(source.seen.copy().items()):
        by_number.setdefault(number, []).append((end, when))
    found = []
    for (number, end), when in rung.seen.copy().items():
        same = [at for ms, at in by_number.get(number, []) if ms >= end - 20]
        if same and same[0] and when:
            found.append((when, max(0.0, when - same[0])))
    return found


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class LadderWatcher(Process):
    """bin/watch on a stream's whole ladder."""

    def __init__(self, url, *flags):
        super().__init__([BIN / "watch", *flags, "-json", "-seconds", 86400, url],
                         harness.temp_dir() / "watch.log")
        self.url = url

    def verdict(self):
        """Stops it; its faults, and how many segments it has seen."""
        if self.alive():
            self.popen.send_signal(signal.SIGINT)
        self.wait(60)
        lines = [json.loads(x) for x in self.log().splitlines() if x.startswith("{")]
        faults = [x["words"] for x in lines if x["kind"] == "fault"]
        faults += [x for x in lines if x["kind"] == "finding" and x["severity"] == "error"]
        segments = sum(x["kind"] == "segment" for x in lines)
        segments += sum(x["segments"] for x in lines if x["kind"] == "playlist")
        return faults, segments


# --- the farm -------------------------------------------------------------------------------------


class Farm:
    """transcoders: how many honest ones there are at the start."""

    def __init__(self, transcoders=3, streams=STREAMS, transcoder_flags=(), orchestrator_flags=(),
                 broadcaster_flags=()):
        self.streams = streams
        self.n_transcoders = transcoders
        self.flags = {"T": list(transcoder_flags), "O": list(orchestrator_flags),
                      "B": list(broadcaster_flags)}
        self.hosts = {}
        self.n_hosts = -1
        self.transcoders = []
        self.stack = contextlib.ExitStack()
        self.publishers = []

    def host(self, number, addresses=1):
        if number not in self.hosts:
            self.hosts[number] = Host(number, addresses)
            self.stack.callback(self.hosts[number].end)
        return self.hosts[number]

    def keep(self, process):
        self.stack.callback(process.kill)
        return process

    # --- roles ---

    def link_address(self):
        return f"{NETWORK}.{ORCHESTRATOR}:{LINK}"

    def start_orchestrator(self):
        self.orchestrator = self.keep(HostRole("orchestrator", self.host(ORCHESTRATOR), [
            "-serviceAddr", self.link_address(), "-orchSecret", SECRET, *self.flags["O"]]))
        return self.orchestrator

    def next_host(self):
        self.n_hosts += 1
        return self.host(TRANSCODERS + self.n_hosts)

    def start_transcoder(self, *flags, orchestrator=None, host=None):
        """On a host of its own that nobody had before, or this one."""
        role = self.keep(HostRole("transcoder", host or self.next_host(), [
            "-orchAddr", orchestrator or self.link_address(), "-orchSecret", SECRET,
            *self.flags["T"], *flags]))
        self.transcoders.append(role)
        return role

    def start_false_transcoder(self, mode):
        """A real one behind a go-between that makes it false; see tests/support."""
        host = self.next_host()
        door = f"127.0.0.1:{LINK}"
        between = self.keep(Process(
            [*host.inside, SUPPORT / "false_transcoder", mode, door, self.link_address()],
            harness.temp_dir() / "false.log", env={"LINK_SECRET": SECRET}))
        between.wait_log("listening")
        role = self.start_transcoder(orchestrator=door, host=host)
        role.between = between
        return role

    def start_broadcaster(self):
        host = self.host(BROADCASTER, BROADCASTER_ADDRESSES)
        rungs = [{"name": name, "width": width, "height": height, "fps": RATE, "bitrate": kbps * 1000}
                 for name, width, height, kbps in LADDER]
        keys = harness.temp_dir() / "keys.yaml"
        keys.write_text(json.dumps(
            {"keys": [{"key": f"key-of-{s}", "id": s, "ladder": rungs} for s in self.streams]}))
        self.broadcaster = self.keep(HostRole("broadcaster", host, [
            "-rtmpAddr", f"0.0.0.0:{RTMP}", "-httpAddr", f"0.0.0.0:{HTTP}", "-orchAddr",
            self.link_address(), "-orchSecret", SECRET, "-keysFile", keys, *self.flags["B"]]))
        return self.broadcaster

    def busiest(self):
        """The transcoder that has the most jobs under way."""
        alive = [t for t in self.transcoders if t.alive()]
        return max(alive, key=lambda t: t.status()["load"])

    def wait_transcoders(self, n):
        wait_for(lambda: len(self.orchestrator.status()["transcoders"]) == n, 15,
                 f"{n} transcoders are connected")

    # --- streams ---

    def url(self, stream, rendition, name=".m3u8"):
        """Each stream is played at another of the broadcaster's addresses. rendition "": the
        stream's own playlist."""
        n = list(self.streams).index(stream)
        middle = f"{stream}/{rendition}" if rendition else stream
        return f"http://{NETWORK}.{BROADCASTER + n}:{HTTP}/stream/{middle}{name}"

    def publish(self):
        clips = {}
        for i, (stream, size) in enumerate(self.streams.items()):
            if size not in clips:
                clips[size] = make_clip(size, harness.temp_dir() / "clip.mp4")
            address = f"{NETWORK}.{BROADCASTER + BROADCASTER_ADDRESSES - 1 - i}:{RTMP}"
            self.publishers.append(self.keep(Publisher(
                ["ffmpeg", "-nostdin", "-v", "warning", "-re", "-stream_loop", "-1", "-i",
                 clips[size], "-c", "copy", "-f", "flv", f"rtmp://{address}/live/key-of-{stream}"],
                harness.temp_dir() / "ffmpeg.log")))

    def renditions(self):
        return [SOURCE, *(rung[0] for rung in LADDER)]

    def all_urls(self):
        return [self.url(s, r) for s in self.streams for r in self.renditions()]

    def wait_playing(self):
        def playing():
            return all(harness.playlist(harness.http_get(u).text).segments for u in self.all_urls())

        wait_for(playing, 20, "every rendition of every stream lists a segment", interval=0.3)

    def mark(self):
        """The newest numbers of the sources: what is checked begins before them."""
        return {s: self.collector.newest(self.url(s, SOURCE)) for s in self.streams}

    def wait_beyond(self, mark, more, timeout):
        def beyond():
            return all(self.collector.newest(self.url(s, r)) >= mark[s] + more
                       for s in self.streams for r in self.renditions())

        def where():
            return {f"{s}/{r}": self.collector.newest(self.url(s, r)) - mark[s]
                    for s in self.streams for r in self.renditions()}

        try:
            wait_for(beyond, timeout, f"every rendition is {more} segments on", interval=0.2)
        except AssertionError as e:
            raise AssertionError(f"{e}: {where()}; {self.collector.fault}") from None

    # --- life ---

    def __enter__(self):
        try:
            self.start_orchestrator().wait_healthy()
            for _ in range(self.n_transcoders):
                self.start_transcoder()
            self.start_broadcaster().wait_healthy()
            self.wait_transcoders(self.n_transcoders)
            self.publish()
            self.wait_playing()
            self.collector = Collector(
                [[self.url(s, r) for r in self.renditions()] for s in self.streams])
            self.meters = {(s, r): Meter(self.url(s, r, "/live.m3u8"))
                           for s in self.streams for r in (SOURCE, METERED)}
            wait_for(lambda: min(self.mark().values()) >= 0, 20, "every stream is collected")
            return self
        except BaseException:
            self.show()
            self.stack.close()
            raise

    def show(self):
        for role in (getattr(self, "orchestrator", None), getattr(self, "broadcaster", None),
                     *self.transcoders):
            if role:
                print(role.tail(), flush=True)
                if hasattr(role, "between"):
                    print(role.between.tail(), flush=True)
                if "FARM_LOGS" in os.environ:
                    name = f"{role.role}.{role.host.port}.{role.pid}.log"
                    shutil.copy(role.log_path, os.path.join(os.environ["FARM_LOGS"], name))

    def __exit__(self, kind, value, traceback):
        if kind is not None and not issubclass(kind, unittest.SkipTest):
            self.show()
        self.stop_looking()
        self.stack.close()

    def stop_looking(self):
        for one in (self.collector, *self.meters.values()):
            one.over.set()
        for one in (self.collector, *self.meters.values()):
            one.stop()

    # --- judging ---

    def delays(self, since):
        """Of all streams' metered rungs since a time: (median and 95th percentile of the lag before,
        the most that was added after)."""
        before, added = [], 0.0
        for stream in self.streams:
            found = lags(self.meters[stream, SOURCE], self.meters[stream, METERED])
            usual = [lag for when, lag in found if when < since]
            after = [lag for when, lag in found if when >= since]
            before += usual
            if usual and after:
                added = max(added, max(after) - statistics.median(usual))
        return percentile(before, 0.5), percentile(before, 0.95), added

    def wait_measured(self, parts=10):
        """Until the usual delay of every stream is known from so many parts."""
        wait_for(lambda: all(len(lags(self.meters[s, SOURCE], self.meters[s, METERED])) >= parts
                             for s in self.streams), 20, "the usual delay is known")

    def check_delay(self, test, since, limit):
        """Since then no part has come so much later than usual; prints what was measured."""
        median, p95, added = self.delays(since)
        print(f"{test.id().split('.')[-1]}: lag median {median:.3f} s, p95 {p95:.3f} s; at the "
              f"failover {added:.3f} s more", flush=True)
        test.assertGreater(p95, 0)
        test.assertLess(added, limit * harness.TIME_SCALE)

    def check(self, test, mark, **more):
        """As check_pictures; shows the roles' logs when something is wrong."""
        try:
            self.check_pictures(test, mark, **more)
        except AssertionError:
            self.show()
            raise

    def check_pictures(self, test, mark, more=4, timeout=40, gaps=False):
        """Waits until every rendition is so many segments on, then judges all since a segment before
        mark. gaps: what was lost may be shown as such, in rungs."""
        self.wait_beyond(mark, more, timeout)
        test.assertIsNone(self.collector.fault)
        jobs = []
        for stream in self.streams:
            source = self.url(stream, SOURCE)
            for rendition in self.renditions():
                url = self.url(stream, rendition)
                found = self.collector.segments(url)
                test.assert_rising(list(found), f"{url}, looked at every "
                                   f"{self.collector.longest_round_s:.1f} s at least", step=1)
                numbers = range(max(mark[stream] - 1, min(found)), mark[stream] + more + 1)
                test.assertEqual([n for n in numbers if n not in found], [], url)
                lost = [n for n in numbers if found[n].gap]
                test.assertEqual(lost if rendition == SOURCE or not gaps else [], [], f"gaps: {url}")
                jobs.append((source, url, numbers, lost))
        paths = [self.join(job) for job in jobs]
        pictures, complaints = harness.read_pictures(paths, AS_USUAL)
        for job, path, numbers in zip(jobs, paths, pictures):
            if complaints:  # of which of them?
                _, words = harness.read_pictures([path], AS_USUAL)
                test.assertEqual(words, "", job[1])
            path.unlink()
            test.assertEqual(self.judge(job, numbers), [])
        test.assertEqual(complaints, "")

    def join(self, job):
        _, url, numbers, lost = job
        path = harness.temp_dir() / "joined.ts"
        path.write_bytes(b"".join(self.collector.body(url, n) for n in numbers if n not in lost))
        return path

    def judge(self, job, pictures):
        """What is wrong with the pictures of a rendition; nothing may be missing but gaps."""
        source, url, numbers, lost = job
        lengths = {n: s.duration for n, s in self.collector.segments(source).items()}
        mine = self.collector.segments(url)
        kept = [n for n in numbers if n not in lost]
        words = [f"{url}: segment {n} lasts {mine[n].duration}, the source's {lengths[n]}"
                  for n in kept if abs(mine[n].duration - lengths[n]) > 0.001]
        due = round(sum(mine[n].duration for n in kept) * RATE)
        if len(pictures) != due:
            words.append(f"{url}: {len(pictures)} pictures in place of {due}")
        steps = [i for i, (a, b) in enumerate(zip(pictures, pictures[1:]))
                 if a is None or b is None or (b - a) % CLIP_FRAMES != 1]
        if len(steps) > len(lost):
            i = steps[0]
            words.append(f"{url}: picture {pictures[i]} is followed by {pictures[i + 1]} at {i} of "
                         f"{len(pictures)}, and so on {len(steps)} times")
        return words

    def forget_before(self, mark):
        for s in self.streams:
            for r in self.renditions():
                self.collector.forget(self.url(s, r), mark[s] - 1)

    def watch(self, judged=None):
        """bin/watch follows every ladder from here on, and with -judge those of these streams (all:
        it fetches every part, which costs), until check_watchers."""
        judged = self.streams if judged is None else judged
        asked = [(s, ".m3u8", "-all") for s in self.streams]
        asked += [(s, "/live.m3u8", "-judge") for s in judged]
        self.watchers = [self.keep(LadderWatcher(self.url(s, "", end), flag))
                         for s, end, flag in asked]

    def check_watchers(self, test, wanted=lambda fault: True):
        """bin/watch was content; wanted: which faults count."""
        for w in self.watchers:
            faults, segments = w.verdict()
            faults = [x for x in faults if wanted(x) and not self.is_slow_machine(x)]
            if faults:
                self.show()
            test.assertEqual(faults, [], w.url)
            test.assertGreater(segments, 3, w.url)

    def is_slow_machine(self, fault):
        """What no fault is on a machine as slow as TIME_SCALE says: a wait that is not too long
        then; what the judge came for too late."""
        if isinstance(fault, dict):
            return harness.TIME_SCALE > 1 and fault["rule"] in (
                "segment-unreachable", "segment-gone-too-early", "preload-hint-not-held")
        found = re.match(r"no new segment for ([\d.]+) s \(target duration (\d+) s\)$", fault)
        return found and float(found[1]) < 3 * float(found[2]) * harness.TIME_SCALE


def hurry():
    """For this process and its children; where the kernel groups sessions (sched(7), autogroup), those
    share the processors first. Root of a container may not. Not for what runs beside other tests."""
    with contextlib.suppress(OSError):
        os.nice(PRIORITY)
        AS_USUAL[:] = ["nice", "-n", str(-PRIORITY)]
        with open("/proc/self/autogroup", "w") as f:
            f.write(str(PRIORITY))


def set_up_module():
    if MISSING:
        raise unittest.SkipTest(MISSING)
    leave_network()
