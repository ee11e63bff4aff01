"""Glass to glass for tests and bench: a camera with a clock in its picture
(tests/support/camera.py), and headless Chromium that reads it from what it shows
(tests/node/glass.mjs)."""
import json
import os
import sys

import harness
from harness import ROOT

# Processes that want to run, for each processor. With more a picture comes late from its camera on,
# and whoever plays it half a second later has to wait.
BUSY = 4


class Camera(harness.Publisher):
    """Publishes to url for so many seconds. more: width, height, fps, seconds from key to key."""

    def __init__(self, url, seconds, *more):
        super().__init__([sys.executable, ROOT / "tests/support/camera.py", url, seconds, *more],
                         harness.temp_dir() / "camera.log")


def watch_each(urls, seconds, **options):
    """What glass.mjs says of watch pages or playlists, one behind the other; {"failed": ...}: there was
    no picture."""
    asked = [json.dumps({"url": url, "seconds": seconds, **options}) for url in urls]
    done = harness.run(["node", ROOT / "tests/node/glass.mjs", *asked],
                       timeout=(seconds + 120) * len(asked))
    lines = done.stdout.strip().splitlines()
    failed = {"failed": done.stderr[-2000:]}
    return [json.loads(line) for line in lines] + [failed] * (len(asked) - len(lines))


def watch(url, seconds, **options):
    return watch_each([url], seconds, **options)[0]


def too_busy(stalls):
    """Whether this machine is, so that so many stalls say nothing of what is tested (it is said)."""
    waiting = os.getloadavg()[0] / os.cpu_count()
    if waiting > BUSY:
        print(f"{waiting:.1f} processes for each processor: {stalls} stalls do not count")
    return waiting > BUSY


def check_smooth(test, seen):
    """No error and no stall. On a machine that is too busy for that (it is said) only fatal errors
    count. Returns whether all did."""
    if too_busy(seen["stalls"]):
        test.assertEqual([error for error in seen["errors"] if error[2]], [])
        return False
    test.assertEqual(seen["errors"], [])
    test.assertEqual(seen["stalls"], 0)
    return True
