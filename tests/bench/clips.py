"""The sources: encoded once into build/bench/clips, so that every side is fed the same bytes.

testsrc    what the recipe publishes: flat areas, few moving things, cheap to code
natural    what a camera would give, as far as filters can: a fractal that zooms, under slowly
           turning gradients and drifting soft blobs (life, blurred), seen by a camera that sways
           and trembles, with grain on everything. Every generator has a fixed seed.
grain      a test picture under so much grain that ten megabits are really used
"""
import harness

FOLDER = harness.ROOT / "build/bench/clips"
SECONDS = 30

RECIPE_CODER = ["-threads", 1, "-c:v", "libx264", "-b:v", "10000k", "-preset", "ultrafast",
                "-x264-params", "keyint=30"]
# As OBS and the like send: B-frames, a key frame each 2 s, a constant rate.
CAMERA_CODER = ["-c:v", "libx264", "-preset", "veryfast", "-bf", 2, "-g", 60,
                "-x264-params", "scenecut=0"]
SOUND = ["-f", "lavfi", "-i", "sine=sample_rate=48000", "-c:a", "aac", "-b:a", "128k"]


def _testsrc(size):
    return ["-f", "lavfi", "-i", f"testsrc=size={size}:rate=30,format=yuv420p"]


def _natural(width, height, grain):
    w, h = width * 5 // 4, height * 5 // 4
    graph = (
        f"mandelbrot=size={w}x{h}:rate=30:maxiter=400:end_pts=2400:end_scale=0.02,format=yuv420p[m];"
        f"gradients=size={w}x{h}:rate=30:nb_colors=5:seed=7:speed=0.008,format=yuv420p[g];"
        f"life=size=160x90:rate=30:seed=11:ratio=0.15:mold=12:life_color=0xd8b890:"
        f"death_color=0x304050:mold_color=0x708060,scale={w}x{h}:flags=bilinear,boxblur=8,"
        f"format=yuv420p[l];"
        f"[m][g]blend=all_mode=overlay:all_opacity=0.7[mg];"
        f"[mg][l]blend=all_mode=softlight:all_opacity=0.6,"
        f"crop={width}:{height}:x='(iw-ow)/2*(1+0.8*sin(t/3))+3*sin(t*7)'"
        f":y='(ih-oh)/2*(1+0.8*sin(t/4))+3*sin(t*9)',"
        f"noise=alls={grain}:allf=t:all_seed=3,format=yuv420p"
    )
    return ["-f", "lavfi", "-i", graph]


def _grain(size):
    return ["-f", "lavfi", "-i",
            f"testsrc2=size={size}:rate=30,noise=alls=24:allf=t:all_seed=3,format=yuv420p"]


def _constant(kbps):
    return ["-b:v", f"{kbps}k", "-maxrate", f"{kbps}k", "-bufsize", f"{kbps}k"]


COMMANDS = {
    "testsrc-480": [*_testsrc("640x480"), *SOUND, *RECIPE_CODER],
    "testsrc-720": [*_testsrc("1280x720"), *SOUND, *RECIPE_CODER],
    "natural-480": [*_natural(640, 480, 6), *SOUND, *CAMERA_CODER, *_constant(3000)],
    "natural-720": [*_natural(1280, 720, 6), *SOUND, *CAMERA_CODER, *_constant(6000)],
    "grain-10M": [*_grain("1280x720"), *SOUND, *CAMERA_CODER, *_constant(9850)],
    "grain-4M": [*_grain("640x360"), *SOUND, *CAMERA_CODER, *_constant(3900)],
    "grain-2.7M": [*_grain("854x480"), *SOUND, *CAMERA_CODER, *_constant(2550)],
}


def command(name):
    return ["ffmpeg", "-nostdin", "-y", "-v", "error", *COMMANDS[name], "-t", SECONDS, "-f", "flv",
            FOLDER / f"{name}.flv"]


def clip(name):
    """The path of the encoded clip; made when it is not there, or was made by another command."""
    path = FOLDER / f"{name}.flv"
    made_by = FOLDER / f"{name}.command"
    text = " ".join(str(a) for a in command(name))
    if not path.exists() or not made_by.exists() or made_by.read_text() != text:
        FOLDER.mkdir(parents=True, exist_ok=True)
        made_by.unlink(missing_ok=True)
        done = harness.run(command(name), timeout=900)
        if done.returncode != 0:
            raise AssertionError(f"the clip {name} cannot be made: {done.stderr}")
        made_by.write_text(text)
    return path


def rate_kbps(name):
    return clip(name).stat().st_size * 8 / 1000 / SECONDS
