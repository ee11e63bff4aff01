"""Media files for tests and demonstrations, made by ffmpeg: nothing of this kind is kept in the
repository.

    media_clips.video(folder / "film.mp4")     a minute of H.264 and AAC, ready to be streamed
    media_clips.audio(folder / "song.mp3")     a minute of sound

or, for people: tests/support/media_clips.py FOLDER
"""
import subprocess
import sys
from pathlib import Path

SECONDS = 60
SIZE = "320x180"
RATE = 15
KEY_EVERY_S = 2

SOUND_CODERS = {".mp3": ["-c:a", "libmp3lame", "-b:a", "64k"],
                ".m4a": ["-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart"],
                ".ogg": ["-c:a", "libopus", "-b:a", "32k"],
                ".flac": ["-c:a", "flac"]}


def _ffmpeg(*args):
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *[str(a) for a in args]], check=True)


def _sound(seconds):
    # A tone that rises, so that it is heard (and seen) where one is in it.
    return ["-f", "lavfi", "-i", f"aevalsrc=0.2*sin(2*PI*t*(220+5*t)):s=44100:d={seconds}"]


def video(path, seconds=SECONDS, size=SIZE, rate=RATE, head_first=True, title=None):
    """testsrc counts the seconds in its picture. head_first: what a player needs stands at the
    front of an MP4 file (faststart); else at its end."""
    _ffmpeg("-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}",
            *_sound(seconds), "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p",
            "-g", rate * KEY_EVERY_S, "-c:a", "aac", "-b:a", "48k",
            *(["-metadata", f"title={title}"] if title else []),
            *(["-movflags", "+faststart"] if head_first else []), path)
    return Path(path)


def audio(path, seconds=SECONDS, title=None):
    """In the form that the name's ending says."""
    _ffmpeg(*_sound(seconds), *SOUND_CODERS[Path(path).suffix],
            *(["-metadata", f"title={title}"] if title else []), path)
    return Path(path)


def demo(folder):
    """What a demonstration shows: one film and one song."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return (video(folder / "film.mp4", title="A minute of test pictures"),
            audio(folder / "song.mp3", title="A minute of sound"))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: media_clips.py FOLDER")
    for made in demo(sys.argv[1]):
        print(made)
