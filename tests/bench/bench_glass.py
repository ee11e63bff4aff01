"""Glass to glass: how old the picture is that a browser shows.

tests/support/camera.py draws the wall clock into each frame and publishes it; headless Chromium
shows the watch page, or plays live.m3u8 with bare hls.js (tests/node/glass.mjs), and reads the clock
from a canvas.
"""
import math

import harness
import measure
from glass import Camera, watch

TITLE = "Glass to glass"
RUNG = "P360p30fps16x9"
AIM_P50_MS, AIM_P95_MS = 1100, 1400
STRETCH_P95_MS = 1000
SECONDS = 60


def play(seconds, views):
    """[(what, what was seen)]: each view for so long, one after the other, of one stream."""
    seen = []
    with harness.Recipe(rungs=RUNG) as recipe:
        length = len(views) * (seconds + 60)
        with Camera(recipe.rtmp("glass"), length):
            recipe.wait_playlist(f"/stream/glass/{RUNG}.m3u8", timeout=30)
            for what, path, more in views:
                measure.say(f"{what}: {seconds} s")
                seen.append((what, watch(recipe.url(path), seconds, **more)))
    return seen


PAGE, PLAYLIST = "/stream/glass", "/stream/glass/live.m3u8"
VIEWS = [
    ("transcoded rung", PAGE, {"level": RUNG}),
    ("source", PAGE, {"level": "source"}),
    ("switching up and down", PAGE, {"switch": True}),
    ("transcoded rung, hls.js by itself", PLAYLIST, {"level": RUNG}),
    ("the same, not low latency", PLAYLIST, {"level": RUNG, "lowLatency": False}),
]
SMOOTH = ("transcoded rung", "switching up and down")


def row(what, seen):
    if "failed" in seen:
        return [what, "-", "-", "-", "-", "-", "-", seen["failed"][:60]]
    errors = ", ".join(sorted({e[1] for e in seen["errors"]})) or "none"
    return [what, seen["p50"], seen["p95"], seen["p99"], seen["frames"], seen["stalls"],
            seen["longest_gap"], errors]


def ages(section, rung):
    for p, aim, more in (("p50", AIM_P50_MS, ""), ("p95", AIM_P95_MS, f", better {STRETCH_P95_MS}")):
        ms = rung.get(p, math.inf)
        section.figure(f"glass to glass, transcoded rung: {p}",
                       "no picture" if "failed" in rung else f"{ms} ms",
                       f"at most {aim} ms{more}", ms <= aim)


def smooth(section, what, seen):
    failed = "failed" in seen
    section.figure(f"glass to glass, {what}: stalls and error events",
                   "no picture" if failed else f"{seen['stalls']} and {len(seen['errors'])}", "none",
                   not failed and seen["stalls"] == 0 and not seen["errors"])


def run(quick):
    section = measure.Section(TITLE)
    seen = play(SECONDS, VIEWS[:1] if quick else VIEWS)
    section.table(["played", "p50 ms", "p95 ms", "p99 ms", "frames", "stalls",
                   "longest gap ms", "error events"],
                  [row(*one) for one in seen])
    ages(section, seen[0][1])
    for what, one in seen:
        if what in SMOOTH:
            smooth(section, what, one)
    return section
