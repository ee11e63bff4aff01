"""The player for a minute on a transcoded rung, and up and down between the rungs: hls.js reports
no error, the picture never stands still; on a machine that is too busy for that there is at least no
fatal error."""
from browser import Browser
from glass import too_busy
from harness import ROOT, RUNG, Process, Recipe, TestCase, main, temp_dir, tool_publish, wait_for
from sources import make
from test_pages import BREAK

ID = "hello_world"
PLAY_S = 60
TURNS = ("source", RUNG, "source", RUNG)
PLAYBACK = "document.querySelector('.player').player.playback"
VIDEO = "document.querySelector('video')"
WIDTHS = {"source": 640, RUNG: 256}


class LongPlay(TestCase):
    excused = [], 0  # what hls.js complained about, and the stalls

    def test_a_minute_without_a_stall(self):
        with Recipe(rungs=RUNG) as recipe, Browser() as browser:
            publisher = tool_publish(recipe.rtmp(ID), "-test", "-size", "640x360", "-bitrate",
                                     "600k")
            recipe.wait_playlist(f"/stream/{ID}/{RUNG}.m3u8", 3, timeout=20)
            page = browser.open()
            page.goto(recipe.url(f"/stream/{ID}"))
            page.wait(f"() => {PLAYBACK}.state === 'playing'", 20)
            page.choose("select[aria-label=Quality]", RUNG)
            page.wait(f"() => {VIDEO}.videoWidth === 256", 20)
            self.play(page, PLAY_S)
            for rung in TURNS:
                page.choose("select[aria-label=Quality]", rung)
                page.wait(f"(width) => {VIDEO}.videoWidth === width", 20, WIDTHS[rung])
                self.play(page, 3)
            page.shot("long-play")
            publisher.kill()

    def test_a_browser_without_media_source_extensions(self):
        """It plays HLS itself, and goes on when the publisher comes back after the stream's end."""
        with Recipe(order="B", broadcaster_flags=["-reconnectGrace", "1s"]) as recipe, \
                Browser() as browser:
            page = browser.open(
                before="delete window.MediaSource; delete window.ManagedMediaSource;")
            page.goto(recipe.url(f"/embed/{ID}"))
            page.wait(f"() => {PLAYBACK}.state === 'waiting'")
            for _ in range(2):
                with tool_publish(recipe.rtmp(ID), "-test", "-size", "640x360") as publisher:
                    page.wait(f"() => {PLAYBACK}.state === 'playing'", 30)
                    self.assertFalse(page.evaluate(f"() => !!{PLAYBACK}.hls"))
                    at = page.evaluate(f"() => {VIDEO}.currentTime")
                    page.wait(f"(at) => {VIDEO}.currentTime > at && {VIDEO}.videoWidth === 640", 20,
                              at + 3)
                    publisher.stop()
                    page.wait(f"() => {PLAYBACK}.state === 'ended'", 40)

    def test_what_a_viewer_chose_stays(self):
        """His sound, when the player begins again; his place, while he has paused."""
        clip = make(temp_dir() / "clip.mkv", [("h264", "160x120")], ["aac", "aac"], times=8)
        with Recipe(order="B") as recipe, Browser() as browser, \
                Process(["node", ROOT / "tests/node/publish.mjs", clip, recipe.rtmp(ID)],
                        temp_dir() / "node.log"):
            page = browser.open()
            page.goto(recipe.url(f"/stream/{ID}"))
            page.wait(f"() => {PLAYBACK}.hls?.audioTracks.length === 2", 20)
            page.choose("select[aria-label='Sound track']", "1")
            page.wait(f"() => {PLAYBACK}.hls.audioTrack === 1")
            page.evaluate(BREAK)
            page.wait(f"() => {PLAYBACK}.hls?.audioTracks.length === 2 && "
                      f"{PLAYBACK}.hls !== window.broken", 20)
            page.wait(f"() => {PLAYBACK}.hls.audioTrack === 1", 5)
            page.wait(f"() => {PLAYBACK}.state === 'playing'", 20)

            page.press(" ")
            page.evaluate(f"""() => {{
                window.before = {PLAYBACK}.hls;
                {PLAYBACK}.set.clear(); // as if all that it reads of were new
            }}""")
            master = recipe.url(f"/stream/{ID}/live.m3u8")
            seen = page.requests().count(master)
            wait_for(lambda: page.requests().count(master) > seen, 20, "it has looked again")
            self.assertTrue(page.evaluate(f"() => {PLAYBACK}.hls === window.before"))

    def test_an_offer_keeps_the_focus(self):
        with Recipe(order="B") as recipe, Browser() as browser, \
                tool_publish(recipe.rtmp(ID), "-test"):
            page = browser.open()
            page.goto(recipe.url("/multi"))
            page.wait("() => document.querySelector('#offers button')", 20)
            page.evaluate("() => document.querySelector('#offers button').focus()")
            seen = page.requests().count(recipe.url("/streams.json"))
            wait_for(lambda: page.requests().count(recipe.url("/streams.json")) > seen + 1, 30,
                     "it has looked again")
            self.assertTrue(page.evaluate("() => document.activeElement.matches('#offers button')"))

    def test_what_has_not_changed_is_not_announced_again(self):
        """A screen reader reads out each change of a status."""
        with Recipe(order="B") as recipe, Browser() as browser, \
                tool_publish(recipe.rtmp(ID), "-test"):
            recipe.wait_playlist(f"/stream/{ID}/source.m3u8", 1, timeout=20)
            for path, status, word in (("/", "#summary", "1 stream"),
                                       (f"/publish?id={ID}", "#state", "Live")):
                page = browser.open()
                page.goto(recipe.url(path))
                page.wait(f"() => document.querySelector('{status}').textContent === '{word}'", 20)
                page.evaluate(f"""() => {{
                    window.changes = 0;
                    new MutationObserver(() => {{ window.changes++; }}).observe(
                        document.querySelector('{status}'),
                        {{ childList: true, characterData: true, subtree: true }});
                }}""")
                seen = page.requests().count(recipe.url("/streams.json"))
                wait_for(lambda: page.requests().count(recipe.url("/streams.json")) > seen + 1,
                         30, "it has looked again")
                self.assertEqual(page.evaluate("() => window.changes"), 0, path)
                page.close()

    def play(self, page, seconds):
        at = page.evaluate(f"() => {VIDEO}.currentTime")
        page.wait(f"(at) => {VIDEO}.currentTime > at", seconds * 1.5 + 5, at + seconds)
        errors, stalls, faults = page.evaluate(
            f"() => [{PLAYBACK}.errors, {PLAYBACK}.stalls, {PLAYBACK}.faults]")
        self.assertEqual(faults, 0, errors)
        if (errors, stalls) != self.excused and too_busy(stalls):
            self.excused = errors, stalls
        self.assertEqual((errors, stalls), self.excused)


if __name__ == "__main__":
    main()
