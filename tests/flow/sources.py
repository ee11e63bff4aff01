"""What tests publish where the codec matters, not the picture. Encoding takes long: each picture is
encoded once for all of them, into build/clips (BUILD), and stays there."""
import fcntl
import hashlib
import os

from harness import ROOT, run

CLIP_S = 5
RATE = 30
CLIPS = ROOT / os.environ.get("BUILD", "build") / "clips"
HDR = ("hdr10=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400:"
       "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)")
X265 = "log-level=none:keyint=30:pools=1:frame-threads=1"
VIDEO = {
    "hevc": ["libx265", "-preset", "ultrafast", "-x265-params", X265],
    "av1": ["libaom-av1", "-usage", "realtime", "-cpu-used", "8"],
    "vp9": ["libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    "h264": ["libx264", "-preset", "ultrafast"],
    "hdr": ["libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-x265-params",
            f"{X265}:{HDR}"],
}
AUDIO = {"opus": ["libopus"], "flac": ["flac"], "ac3": ["ac3"], "eac3": ["eac3"],
         "mp3": ["libmp3lame"], "aac": ["aac"]}


def ffmpeg(*args):
    done = run(["ffmpeg", "-nostdin", "-v", "error", "-y", *args], timeout=60)
    if done.returncode != 0:
        raise AssertionError(done.stderr)


def picture(codec, size, seconds):
    """An .mkv with a test picture, a key frame each second."""
    args = ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={RATE},format=yuv420p", "-c:v",
            *VIDEO[codec], "-g", str(RATE), "-threads", "1", "-t", str(seconds)]
    CLIPS.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(" ".join(args).encode()).hexdigest()[:16]
    path = CLIPS / f"{codec}_{size}_{name}.mkv"
    with open(CLIPS / f"{path.name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of those that want it makes it
        if not path.exists():
            part = path.with_suffix(".part.mkv")
            ffmpeg(*args, part)
            part.rename(path)
    return path


def make(path, pictures, tones, seconds=CLIP_S, times=1):
    """An .mkv with these pictures, [(codec, size)], so many times behind each other, and tones by their
    codecs: the first of 440 Hz, the second of 880, and so on."""
    inputs, codecs = [], []
    for codec, size in pictures:
        inputs += ["-stream_loop", times - 1, "-i", picture(codec, size, seconds)]
    for i, codec in enumerate(tones):
        inputs += ["-t", seconds * times, "-f", "lavfi", "-i",
                   f"sine=frequency={440 * (i + 1)}:sample_rate=48000"]
        codecs += [f"-c:a:{i}", *AUDIO[codec]]
    maps = [x for i in range(len(pictures) + len(tones)) for x in ("-map", i)]
    ffmpeg(*inputs, *maps, "-c:v", "copy", *codecs, "-ac", 2, path)
    return path
