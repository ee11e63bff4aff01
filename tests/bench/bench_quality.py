"""The rungs' pictures against one continuous ffmpeg encode of the same size and preset.

Ours: the recipe, fed in real time with a clip; every segment of a rung is fetched and joined.
Theirs: `ffmpeg -preset veryfast` on the same pictures, one encoder for the whole clip, its own
lookahead, a key frame each two seconds and the rung's cap with one second of buffer, at a number of
CRF values; the two between whose mean bit rates ours lies are taken, and what they have at ours is
between them, in proportion to the logarithm of the rate. SSIM (all planes) is against the source
scaled to the rung's size, per frame; a segment's is the mean of its frames.
"""
import math
import re

import clips
import harness
import measure

from bench_transcoder import copy_command

TITLE = "Quality of the rungs against a continuous encoder"
MEAN_AIM, SEGMENT_AIM = 0.005, 0.02
RATE_AIM = 1.03
FRAMES = 60  # of a segment
RATE_FRAMES = 300  # ten seconds
CRFS = [14, 17, 20, 23, 26, 29, 32, 36, 41]
SOURCES = [("natural", "natural-480"), ("synthetic", "testsrc-480")]
CAPS = {"P144p30fps16x9": 400_000, "P240p30fps16x9": 600_000, "P360p30fps16x9": 1_200_000}
MODES = ["low", "quality"]
WORDS = []  # only the cases that have them all


def is_wanted(what):
    return all(word in what for word in WORDS)


def rungs_of(source, mode, seconds):
    """{rung: (path, (width, height))} and the delays of parts, seconds: (median, p95)."""
    with harness.Recipe(rungs=",".join(CAPS),
                        broadcaster_flags=("-latency", mode, "-v", 6)) as recipe:
        urls = {n: recipe.url(f"/stream/bench/{n}.m3u8") for n in CAPS}
        with harness.Publisher(copy_command(source, recipe.rtmp("bench"), seconds),
                               harness.temp_dir() / "ffmpeg.log"):
            for name in CAPS:
                recipe.wait_playlist(f"/stream/bench/{name}.m3u8", timeout=30)
            follower = harness.Follower(*urls.values())

            def enough():
                for name in CAPS:  # so that there are parts, whose delay is counted
                    recipe.get(f"/stream/bench/{name}/live.m3u8")
                return all(follower.seconds(u) >= seconds - 4 for u in urls.values())

            follower.follow(enough, seconds + 60)
        found = {}
        for name, url in urls.items():
            path = follower.join(url, harness.temp_dir() / f"{name}.ts")
            video = next(s for s in harness.ffprobe_streams(path) if s["codec_type"] == "video")
            numbers = follower.numbers(url)
            if (any(s.gap for s in follower.segments[url]) or
                    numbers != list(range(numbers[0], numbers[0] + len(numbers)))):
                raise AssertionError(f"{name}: segments are missing; is the machine too busy?")
            found[name] = (path, (video["width"], video["height"]))
        late = sorted(int(n) / 1e6
                      for n in re.findall(r"late_us=(\d+)", recipe.broadcaster.log()))
        return found, (late[len(late) // 2], late[len(late) * 95 // 100])


def ssim(path, source, size):
    """Of each frame, in order."""
    stats = harness.temp_dir() / "ssim.log"
    graph = (f"[0:v]setpts=N/30/TB[a];[1:v]scale={size[0]}:{size[1]}:flags=bicubic,"
             f"setpts=N/30/TB[b];[a][b]ssim=shortest=1:stats_file={stats}")
    done = harness.run(["ffmpeg", "-nostdin", "-v", "error", "-threads", 1, "-i", path, "-threads",
                        1, "-i", source, "-filter_complex", graph, "-f", "null", "-"], timeout=300)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return [float(v) for v in re.findall(r"All:([\d.]+)", stats.read_text())]


def per_segment(values):
    return [sum(values[i:i + FRAMES]) / len(values[i:i + FRAMES])
            for i in range(0, len(values) - FRAMES + 1, FRAMES)]


def sizes(path):
    return [p["size"] for p in harness.ffprobe_packets(path, "video")]


def mean_rate(frames):
    return sum(frames) * 8 * 30 / len(frames)


def peak_rate(frames):
    return max(sum(frames[i:i + RATE_FRAMES]) * 8 * 30 / RATE_FRAMES
               for i in range(0, max(1, len(frames) - RATE_FRAMES + 1)))


def reference_command(source, size, cap, crf, frames, path):
    return ["ffmpeg", "-nostdin", "-v", "error", "-y", "-threads", 1, "-i", source, "-an",
            "-vf", f"scale={size[0]}:{size[1]}:flags=bicubic", "-frames:v", frames, "-r", 30,
            "-threads", 1, "-c:v", "libx264", "-preset", "veryfast", "-crf", crf, "-maxrate", cap,
            "-bufsize", cap, "-force_key_frames", "expr:gte(t,n_forced*2)", "-f", "mpegts", path]


class Reference:
    """Points of one rung's continuous encodes: (rate, SSIM of each frame) by CRF, made on demand."""

    def __init__(self, source, size, cap, frames):
        self.source, self.size, self.cap, self.frames = source, size, cap, frames
        self.points = {}
        self.command = None

    def point(self, crf):
        if crf not in self.points:
            path = harness.temp_dir() / f"{crf}.ts"
            self.command = reference_command(self.source, self.size, self.cap, crf, self.frames,
                                             path)
            done = harness.run(self.command, timeout=600)
            if done.returncode != 0:
                raise AssertionError(done.stderr)
            self.points[crf] = (mean_rate(sizes(path)), ssim(path, self.source, self.size))
        return self.points[crf]

    def at(self, rate):
        """SSIM of each frame at that mean rate, and the two CRF values it is taken from."""
        low = CRFS.index(23)
        while low > 0 and self.point(CRFS[low])[0] < rate:
            low -= 1
        while low + 2 < len(CRFS) and self.point(CRFS[low + 1])[0] > rate:
            low += 1
        (upper_rate, upper), (lower_rate, lower) = (self.point(CRFS[low]),
                                                    self.point(CRFS[low + 1]))
        share = ((math.log(rate) - math.log(lower_rate)) /
                 (math.log(upper_rate) - math.log(lower_rate)))
        share = min(1, max(0, share))
        return ([b + share * (a - b) for a, b in zip(upper, lower)], CRFS[low:low + 2])


def compare(ours, reference, source):
    path, size = ours
    frames = sizes(path)
    mine = ssim(path, source, size)
    theirs, crfs = reference.at(mean_rate(frames))
    n = min(len(mine), len(theirs))
    mine, theirs = mine[:n], theirs[:n]
    worst = max(b - a for a, b in zip(per_segment(mine), per_segment(theirs)))
    return (mean_rate(frames), peak_rate(frames), sum(mine) / n, sum(theirs) / n, worst, crfs)


def run(quick):
    section = measure.Section(TITLE)
    seconds = 14 if quick else clips.SECONDS
    rows, lags, references = [], [], {}
    for kind, name in SOURCES:
        source = clips.clip(name)
        for mode in MODES:
            names = {n: f"{kind}, {n}, -latency {mode}" for n in CAPS}
            if not any(is_wanted(what) for what in names.values()):
                continue
            found, late = rungs_of(source, mode, seconds)
            lags.append([kind, mode, f"{late[0]:.2f}", f"{late[1]:.2f}"])
            for rung, ours in found.items():
                if not is_wanted(what := names[rung]):
                    continue
                key = (name, rung)
                if key not in references:
                    references[key] = Reference(source, ours[1], CAPS[rung], seconds * 30)
                rate, peak, mine, theirs, worst, crfs = compare(ours, references[key], source)
                section.figure(f"SSIM behind ffmpeg: {what}", f"{theirs - mine:.4f}",
                               f"≤ {MEAN_AIM}", theirs - mine <= MEAN_AIM)
                section.figure(f"worst segment: {what}", f"{worst:.4f}", f"≤ {SEGMENT_AIM}",
                               worst <= SEGMENT_AIM)
                section.figure(f"ten seconds of the cap: {what}", f"{peak / CAPS[rung]:.3f}",
                               f"≤ {RATE_AIM}", peak <= RATE_AIM * CAPS[rung])
                rows.append([what, f"{mine:.4f}", f"{theirs:.4f}", f"{worst:.4f}",
                             f"{rate / 1000:.0f}", f"{crfs[0]}, {crfs[1]}"])
    section.text(f"{seconds} s of each source. The encoder's own preset, cap and key frames on "
                 "both sides; SSIM of all planes against the scaled source.")
    section.table(["what", "SSIM", "ffmpeg's at this rate", "worst segment behind it", "kb/s",
                   "between CRF"], rows)
    section.text("How long after the source's own part a rung's part was there, seconds:")
    section.table(["source", "-latency", "median", "95 %"], lags)
    section.command(next(iter(references.values())).command)
    return section
