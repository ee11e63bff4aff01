"""Glass to glass: how old the picture is that a browser shows.

tests/support/camera.py draws the wall clock into each frame and publishes it; headless Chromium plays
live.m3u8 with hls.js (tests/node/glass.mjs) and reads the clock from a canvas.
"""
import json
import sys

import harness
import measure

sys.path.insert(0, str(harness.ROOT / "tests/support"))

TITLE = "Glass to glass"
RUNG = "P360p30fps16x9"
AIM_P50_MS, AIM_P95_MS = 1100, 1400
STRETCH_P95_MS = 1000
SECONDS = 60


class Camera(harness.Publisher):
    def __init__(self, url, seconds):
        super().__init__([sys.executable, harness.ROOT / "tests/support/camera.py", url, seconds],
                         harness.temp_dir() / "camera.log")


def watch(url, seconds, **more):
    """What glass.mjs says; {"failed": ...} when there was no picture."""
    options = json.dumps({"url": url, "seconds": seconds, **more})
    done = harness.run(["node", harness.ROOT / "tests/node/glass.mjs", options],
                       timeout=seconds + 120)
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else {"failed": done.stderr[-2000:]}


def play(seconds, views):
    """[(what, what was seen)]: each view for so long, one after the other, of one stream."""
    seen = []
    with harness.Recipe(rungs=RUNG) as recipe:
        length = len(views) * (seconds + 60)
        with Camera(recipe.rtmp("glass"), length):
            recipe.wait_playlist(f"/stream/glass/{RUNG}.m3u8", timeout=30)
            for what, more in views:
                measure.say(f"{what}: {seconds} s")
                seen.append((what, watch(recipe.url("/stream/glass/live.m3u8"), seconds, **more)))
    return seen


VIEWS = [
    ("transcoded rung", {"level": RUNG}),
    ("source", {"level": "source"}),
    ("switching up and down", {"switch": True}),
    ("transcoded rung, not low latency", {"level": RUNG, "lowLatency": False}),
]


def row(what, seen):
    if "failed" in seen:
        return [what, "-", "-", "-", "-", "-", seen["failed"][:60]]
    errors = ", ".join(sorted({e[1] for e in seen["errors"]})) or "none"
    return [what, seen["p50"], seen["p95"], seen["p99"], seen["frames"], seen["stalls"], errors]


def run(quick):
    section = measure.Section(TITLE)
    seen = play(20 if quick else SECONDS, VIEWS[:1] if quick else VIEWS)
    section.table(["played", "p50 ms", "p95 ms", "p99 ms", "frames", "stalls", "error events"],
                  [row(*one) for one in seen])
    rung = seen[0][1]
    if "failed" not in rung:
        section.figure("glass to glass, transcoded rung: p50", f"{rung['p50']} ms",
                       f"at most {AIM_P50_MS} ms", rung["p50"] <= AIM_P50_MS)
        section.figure("glass to glass, transcoded rung: p95", f"{rung['p95']} ms",
                       f"at most {AIM_P95_MS} ms, better {STRETCH_P95_MS}",
                       rung["p95"] <= AIM_P95_MS)
        section.figure("its stalls and error events",
                       f"{rung['stalls']} and {len(rung['errors'])}", "none",
                       rung["stalls"] == 0 and not rung["errors"])
    return section
