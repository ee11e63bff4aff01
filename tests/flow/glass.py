"""Glass to glass for tests and bench: a camera with a clock in its picture
(tests/support/camera.py), and headless Chromium that reads it from what it shows
(tests/node/glass.mjs)."""
import json
import sys

import harness
from harness import ROOT


class Camera(harness.Publisher):
    """Publishes to url for so many seconds. more: width, height, fps, seconds from key to key."""

    def __init__(self, url, seconds, *more):
        super().__init__([sys.executable, ROOT / "tests/support/camera.py", url, seconds, *more],
                         harness.temp_dir() / "camera.log")


def watch(url, seconds, **options):
    """What glass.mjs says of a watch page or a playlist; {"failed": ...}: there was no picture."""
    text = json.dumps({"url": url, "seconds": seconds, **options})
    done = harness.run(["node", ROOT / "tests/node/glass.mjs", text], timeout=seconds + 120)
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else {"failed": done.stderr[-2000:]}
