"""How soon a segment is listed, and how far the rungs are behind.

1. A publisher (tests/support/rtmp_client.py) notes when the kernel has taken the whole of a key
   frame, which closes the segment before it; a poller asks for the playlist every 2 ms. nginx-rtmp
   is asked the same.
2. Source and rungs are polled together: the time from a segment of the source being listed to the
   rung's segment of that number being listed.
"""
import contextlib
import itertools
import subprocess
import sys
import time
from pathlib import Path

import bench_transcoder
import clips
import harness
import measure
import servers

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import rtmp_client  # noqa: E402

TITLE = "Delays"
AIM_MS = 50
POLL_MS = 2
RUNG_POLL_MS = 5


# --- polling --------------------------------------------------------------------------------------


class Poller:
    """poll.py over these URLs while inside; listed[i] is then {number: seconds} of urls[i]."""

    def __init__(self, interval_ms, *urls):
        self.command = [sys.executable, Path(__file__).parent / "poll.py", interval_ms, *urls]
        self.listed = [{} for _ in urls]
        self.gaps = 0

    def __enter__(self):
        self.path = harness.temp_dir() / "listed"
        self.out = open(self.path, "wb")
        self.process = harness.Process(self.command, harness.temp_dir() / "poll.log",
                                       stdout=self.out)
        return self

    def __exit__(self, kind, value, traceback):
        self.process.stop()
        self.out.close()
        for line in self.path.read_text().splitlines():
            index, number, at = line.split()
            if number == "gap":
                self.gaps += 1
            else:
                self.listed[int(index)][int(number)] = float(at)

    def behind_ms(self, index):
        """Of the playlist at index behind the first one, for each number that both listed."""
        first, other = self.listed[0], self.listed[index]
        return [(other[n] - first[n]) * 1000 for n in sorted(first.keys() & other.keys())]


# --- closing key frame to listed ------------------------------------------------------------------


def looped(path):
    """The tags of the file again and again, with timestamps that go on."""
    shift = 0
    for turn in itertools.count():
        for tag in rtmp_client.flv_tags(path):
            header = tag.body[1:2] == b"\x00" and tag.timestamp == 0
            if turn == 0 or not header:
                yield tag._replace(timestamp=tag.timestamp + shift)
        shift += clips.SECONDS * 1000


def publish_key_frames(url, path, seconds):
    """Publishes in real time; the times at which each key frame had been written."""
    times = []
    with rtmp_client.RtmpPublisher(url) as publisher:
        started = time.monotonic()
        for tag in looped(path):
            due = started + tag.timestamp / 1000
            time.sleep(max(0.0, due - time.monotonic()))
            if due - started > seconds:
                return times
            publisher.send(*tag)
            if rtmp_client.is_key_frame(tag):
                times.append(time.monotonic())


def key_frame_delays_ms(rtmp, playlist, seconds):
    """Each segment against the key frame that closed it: the nearest one."""
    with Poller(POLL_MS, playlist) as poller:
        keys = publish_key_frames(rtmp, clips.clip("natural-480"), seconds)
    listed = sorted(poller.listed[0].values())
    # The end of the publish closes a segment too, without a key frame.
    listed = [t for t in listed if t < keys[-1] + 1.0]
    if abs(len(listed) - (len(keys) - 1)) > 1:
        raise AssertionError(f"{len(keys)} key frames closed {len(listed)} segments")
    # The server may list it before this process has noted that the key frame was written.
    nearest = [min(keys, key=lambda k: abs(t - k)) for t in listed]
    return [max(0.0, t - k) * 1000 for t, k in zip(listed, nearest)]


def key_frames(section, seconds):
    rows = []
    with harness.Recipe(rungs=harness.RUNG) as recipe:
        ours = key_frame_delays_ms(recipe.rtmp("keys"), recipe.url("/stream/keys/source.m3u8"),
                                   seconds)
    with servers.Nginx() as nginx:
        theirs = key_frame_delays_ms(nginx.rtmp("keys"), nginx.playlist("keys"), seconds)
    for name, found in (("broadcaster", ours), ("nginx-rtmp", theirs)):
        rows.append([name, len(found), f"{measure.median(found):.1f}",
                     f"{measure.percentile(found, 95):.1f}", f"{max(found):.1f}"])
    p95 = measure.percentile(ours, 95)
    section.figure("closing key frame sent → segment listed, broadcaster / nginx-rtmp (p50)",
                   f"{measure.median(ours) / measure.median(theirs):.2f}")
    section.figure("closing key frame sent → segment listed (p50, p95)",
                   f"{measure.median(ours):.1f} ms, {p95:.1f} ms", f"< {AIM_MS} ms", p95 < AIM_MS)
    section.text("Closing key frame written → segment listed, in ms, as a poller of "
                 f"{POLL_MS} ms sees it; `natural-480` for {seconds} s, in the recipe with its "
                 "transcoder, and with nginx-rtmp:")
    section.table(["server", "segments", "p50", "p95", "longest"], rows)


# --- rung behind source ---------------------------------------------------------------------------


def looping_copy(source, url):
    command = bench_transcoder.copy_command(source, url)
    at = command.index("-re")
    return [*command[:at], "-re", "-stream_loop", -1, *command[at + 1:]]


def lag_rows(poller, rungs):
    rows = []
    for i, rung in enumerate(rungs):
        found = poller.behind_ms(i + 1)
        if len(found) < 3:
            raise AssertionError(f"only {len(found)} segments of {rung} were listed")
        rows.append([rung, len(found), f"{measure.median(found):.0f}",
                     f"{measure.percentile(found, 95):.0f}", f"{max(found):.0f}"])
    return rows


def lag_urls(recipe, stream, rungs):
    return [recipe.url(f"/stream/{stream}/{r}.m3u8") for r in ["source", *rungs]]


LAG_HEADS = ["rung", "segments", "p50", "p95", "longest"]


def ladder_lag(section, clip, seconds):
    rungs = bench_transcoder.LADDER
    with contextlib.ExitStack() as stack:
        recipe = stack.enter_context(harness.Recipe(rungs=",".join(rungs)))
        poller = stack.enter_context(Poller(RUNG_POLL_MS, *lag_urls(recipe, "lag", rungs)))
        stack.enter_context(harness.Publisher(
            looping_copy(clips.clip(clip), recipe.rtmp("lag")), harness.temp_dir() / "ffmpeg.log"))
        time.sleep(seconds)
    rows = lag_rows(poller, rungs)
    slowest = max((poller.behind_ms(i + 1) for i in range(len(rungs))), key=measure.median)
    section.figure(f"slowest rung of the ladder behind the source, {clip} (p50, p95)",
                   f"{measure.median(slowest):.0f} ms, {measure.percentile(slowest, 95):.0f} ms")
    section.text(f"Source segment listed → rung segment listed, in ms, `{clip}` for {seconds} s "
                 f"(gaps: {poller.gaps}); the recipe's own rung is under Memory:")
    section.table(LAG_HEADS, rows)


def run(quick):
    section = measure.Section(TITLE)
    key_frames(section, 14 if quick else 36)
    for clip in ["natural-720"] if quick else ["testsrc-720", "natural-720"]:
        ladder_lag(section, clip, 16 if quick else 30)
    return section
