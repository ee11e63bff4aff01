"""Captions inside of the source's pictures (CEA-608) get to the viewer: the master playlist does not
deny them, and the watch page shows them while they are said, part by part."""
# usual time: 7 s
import subprocess
import sys

from browser import Browser
from harness import ROOT, Process, Recipe, TestCase, main, temp_dir

ID = "show"
# The captions that were on the screen so far, and whether two came one after the other.
LOOK = """() => {
    const shown = window.shown = new Set();
    setInterval(() => {
        for (const track of document.querySelector('video').textTracks) {
            for (const { text } of track.activeCues ?? []) {
                shown.add(Number(/^Caption (\\d+)$/.exec(text)[1]));
            }
        }
    }, 50);
}"""
IN_TURN = "() => [...window.shown].some((n) => window.shown.has(n + 1))"
# Ahead of the page's own script: it plays the source.
SOURCE = """Object.defineProperty(Element.prototype, 'player', { set(player) {
    Object.defineProperty(this, 'player', { value: player });
    queueMicrotask(() => player.playback.choose('source'));
} });"""


class Captions(TestCase):
    def test_captions(self):
        recipe = Recipe(order="B").start()
        self.addCleanup(recipe.__exit__, None, None, None)
        folder = temp_dir()
        make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=30", "-f",
                "lavfi", "-i", "sine", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast",
                "-tune", "zerolatency", "-g", "30", "-c:a", "aac", "-f", "flv", "-"]
        with open(folder / "captions.flv", "wb") as out:
            picture = subprocess.Popen(make, stdout=subprocess.PIPE)
            subprocess.run([sys.executable, ROOT / "tests/support/caption.py"],
                           stdin=picture.stdout, stdout=out, check=True)
            self.assertEqual(picture.wait(), 0)
        publisher = Process(["ffmpeg", "-v", "error", "-re", "-stream_loop", "9", "-i",
                             folder / "captions.flv", "-c", "copy", "-f", "flv", recipe.rtmp(ID)],
                            folder / "publisher.log")
        self.addCleanup(publisher.kill)
        recipe.wait_playlist(f"/stream/{ID}/source.m3u8", timeout=20)
        master = recipe.get(f"/stream/{ID}/live.m3u8").text
        self.assertNotIn("CLOSED-CAPTIONS", master)
        browser = Browser()
        self.addCleanup(browser.close)
        page = browser.open(before=SOURCE)
        page.goto(recipe.url(f"/stream/{ID}"))
        page.wait("() => !document.querySelector('[aria-label^=Captions]').hidden", 60)
        page.press("c")
        page.wait("() => document.querySelector('[aria-label^=Captions]').ariaPressed === 'true'")
        page.evaluate(LOOK)
        page.wait(IN_TURN, 60)
        page.shot("captions")


if __name__ == "__main__":
    main()
