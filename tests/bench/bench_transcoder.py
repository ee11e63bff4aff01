"""The transcoder's CPU against one continuous ffmpeg that does the same.

Ours: orchestrator, broadcaster and transcoder as in the recipe, fed in real time by
`ffmpeg -re -c copy`; only the transcoder is counted: decoding, scaling, a fresh encoder for each
segment, the parts. What the link costs (its loop, and ZeroMQ's threads with the encryption) is told
apart, and a second ratio is with it. Theirs: one ffmpeg reads the same file in real time itself,
decodes once, scales, encodes every rung with the same parameters in one encoder that never ends,
and throws the result away. The CRF is the mean of what the broadcaster told our encoders, which
raises a starved rung's. Both are given the same seconds of media and may take as
long as they need, so that others on the machine cost time and not truth. Of ours everything is
counted, of ffmpeg what comes after its first frames: its start is not held against it.
"""
import os
import re
import statistics

import clips
import harness
import measure

TITLE = "CPU of the transcoder against ffmpeg"
AIM = 1.05
SEGMENT_S = 2
PATIENCE_S = 60
LINK_THREADS = ("ZMQ",)
SLACK = 8  # frames that the publisher's cut at its end may cost

ONE_RUNG = ["P144p30fps16x9"]
LADDER = ["P144p30fps16x9", "P240p30fps16x9", "P360p30fps16x9", "P720p30fps16x9"]
SCENES = [
    ("one rung from 640x480, testsrc", "testsrc-480", ONE_RUNG),
    ("one rung from 640x480, natural", "natural-480", ONE_RUNG),
    ("ladder of four from 720p30, testsrc", "testsrc-720", LADDER),
    ("ladder of four from 720p30, natural", "natural-720", LADDER),
]

# What common/media/profile.c caps them at; broadcaster/jobs/jobs_rung.c: what of it is the encoder's, and
# its buffer; broadcaster/jobs/rung_describe.c: CRF, preset, B-frames; transcoder/encode.c: the rest.
BITRATE = {"P144p30fps16x9": 400000, "P240p30fps16x9": 600000, "P360p30fps16x9": 1200000,
           "P720p30fps16x9": 4000000}
X264 = ("b-adapt=0:rc-lookahead=2:sync-lookahead=0:sliced-threads=0:scenecut=0:open-gop=0:"
        "keyint=infinite:b-pyramid=none:mbtree=0:pbratio=1.5:stitchable=1:force-cfr=1")


def copy_command(source, url, seconds=None):
    """A publisher that costs nothing to speak of."""
    end = ["-t", seconds] if seconds else []
    return ["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", source, *end, "-c", "copy",
            "-f", "flv", url]


def reference_command(source, rungs, sizes, crfs, progress, seconds):
    splits = "".join(f"[s{i}]" for i in range(len(rungs)))
    scales = ";".join(f"[s{i}]scale={w}:{h}:flags=bicubic[o{i}]" for i, (w, h) in enumerate(sizes))
    command = ["ffmpeg", "-nostdin", "-v", "error", "-progress", progress, "-stats_period", 0.1,
               "-re", "-threads", 1, "-t", seconds, "-i", source, "-filter_threads", 1,
               "-filter_complex_threads", 1,
               "-filter_complex", f"[0:v]split={len(rungs)}{splits};{scales}"]
    for i, rung in enumerate(rungs):
        command += ["-map", f"[o{i}]", "-r", 30, "-threads", 1, "-c:v", "libx264",
                    "-preset", "veryfast", "-crf", f"{crfs[rung]:.1f}",
                    "-maxrate", BITRATE[rung] * 96 // 100,
                    "-bufsize", BITRATE[rung] * 7 // 10, "-bf", 2, "-flags", "+cgop",
                    "-forced-idr", 1,
                    "-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_S})", "-a53cc", 0,
                    "-x264-params", X264, "-f", "null", "-"]
    return command


class Scene:
    """One source and one ladder; media_s of it are transcoded, however long that takes."""

    def __init__(self, source, rungs, media_s):
        self.source = clips.clip(source)
        self.rungs = rungs
        self.media_s = media_s
        self.sizes = None
        self.crfs = None
        self.links = []
        self.command = None

    def ours(self):
        """CPU seconds per second of media, from the publisher's start to the last rung listed."""
        with harness.Recipe(rungs=",".join(self.rungs), broadcaster_flags=("-v", 6)) as recipe:
            transcoder = recipe.transcoders[0]
            before, link = measure.cpu_s(transcoder.pid), _link_cpu_s(transcoder.pid)
            with harness.Publisher(copy_command(self.source, recipe.rtmp("bench"), self.media_s),
                                   harness.temp_dir() / "ffmpeg.log") as publisher:
                publisher.wait(self.media_s + PATIENCE_S)
                frames = self.media_s * 30 * len(self.rungs)
                try:
                    harness.wait_for(lambda: _frames_sent(transcoder) >= frames - SLACK,
                                     PATIENCE_S, f"{frames} frames are transcoded")
                except AssertionError as e:
                    raise AssertionError(f"{e}; {_troubles(recipe)}") from None
                link = _link_cpu_s(transcoder.pid) - link
                cpu = measure.cpu_s(transcoder.pid) - before - link
                self._check(recipe)
                self.sizes = self._sizes(recipe)
                self.crfs = self._crfs(recipe)
            seconds = _frames_sent(transcoder) / len(self.rungs) / 30
            self.links.append(link / seconds)
            return cpu / seconds

    def _check(self, recipe):
        for rung in self.rungs:
            if any(s.gap for s in recipe.wait_playlist(f"/stream/bench/{rung}.m3u8").segments):
                raise AssertionError(f"the machine is too busy: a segment of {rung} came too late")

    def _sizes(self, recipe):
        """Of our rungs, in order, so that the reference makes the same."""
        found = {}
        for attributes, uri in harness.variants(recipe.get("/stream/bench.m3u8").text):
            width, height = attributes["RESOLUTION"].split("x")
            found[uri.rpartition("/")[2].removesuffix(".m3u8")] = (int(width), int(height))
        return [found[r] for r in self.rungs]

    def _crfs(self, recipe):
        """The mean of each rung, as its encoders were told."""
        log = recipe.broadcaster.log()
        return {rung: statistics.fmean(int(v) for v in
                                       re.findall(rf"rung={rung} crf=(\d+)", log))
                for rung in self.rungs}

    def theirs(self):
        """The same of ffmpeg, from its first frame to its end."""
        progress = harness.temp_dir() / "progress"
        self.command = reference_command(self.source, self.rungs, self.sizes, self.crfs,
                                         progress, self.media_s)
        with harness.Process(self.command, harness.temp_dir() / "ffmpeg.log") as process:
            harness.wait_for(lambda: _frames_coded(progress), PATIENCE_S, "ffmpeg codes", 0.01)
            cpu, frames = measure.cpu_s(process.pid), _frames_coded(progress)
            status, usage = os.wait4(process.pid, 0)[1:]
            process.popen.returncode = os.waitstatus_to_exitcode(status)
        if process.popen.returncode != 0:
            raise AssertionError(process.tail())
        cpu = usage.ru_utime + usage.ru_stime - cpu
        frames = _frames_coded(progress) - frames
        if frames < (self.media_s - 3) * 30:
            raise AssertionError(f"ffmpeg coded only {frames} frames")
        return cpu / (frames / 30)


def _link_cpu_s(pid):
    return measure.loop_cpu_s(pid) + measure.threads_cpu_s(pid, LINK_THREADS)


def _troubles(recipe):
    """What the roles warned of, on one line."""
    return " | ".join(line for role in recipe.roles() for line in role.log().splitlines()
                      if re.search(r" (warn|error) ", line))


def _frames_coded(progress):
    found = re.findall(r"^frame=(\d+)", progress.read_text(), re.M)
    return int(found[-1]) if found else 0


def _frames_sent(transcoder):
    return int(transcoder.metrics()["sbe_transcoder_frames_total"])


def run(quick):
    section = measure.Section(TITLE)
    rounds, media_s = (1, 12) if quick else (5, 12)
    rows, last = [], None
    for name, source, rungs in SCENES[1::2] if quick else SCENES:
        scene = last = Scene(source, rungs, media_s)
        ours, theirs = measure.pairs(rounds, scene.ours, scene.theirs, name)
        ratios = [a / b for a, b in zip(ours, theirs)]
        ratio = measure.median(ratios)
        links = scene.links[-len(ours):]
        whole = measure.median([(a + c) / b for a, b, c in zip(ours, theirs, links)])
        section.figure(f"transcoder / ffmpeg: {name}", f"{ratio:.2f}", f"≤ {AIM:.2f}",
                       ratio <= AIM)
        rows.append([name, f"**{ratio:.2f}**", measure.spread(ratios), f"{whole:.2f}",
                     f"{measure.median(links):.4f}",
                     f"{measure.median(ours):.3f} ({measure.spread(ours, 3)})",
                     f"{measure.median(theirs):.3f} ({measure.spread(theirs, 3)})"])
    section.text(f"Pairs by turns ({rounds} each) over {media_s} s of media; CPU seconds per "
                 "second of media (30 frames of each rung). The ratio is the median of the pairs' "
                 "ratios.")
    section.table(["what", "ratio", "lowest to highest", "with the link", "link",
                   "transcoder", "ffmpeg"], rows)
    section.text("Fed by, and compared with:")
    section.command(copy_command(last.source, "rtmp://127.0.0.1:1935/bench", media_s))
    section.command(last.command)
    return section
