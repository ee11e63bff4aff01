"""The watch pages in a real browser, through the real recipe: the list, the player, several at
once, the embedded player and the page for publishers. Screenshots: build/browser."""
# usual time: 33 s
import json
import re
import shlex
import shutil

import harness
from browser import Browser
from harness import (ROOT, RUNG, Process, Recipe, Role, TestCase, free_port, http_get, main,
                     temp_dir, tool_publish, wait_for)

ID = "hello_world"
SIZE = (320, 180)
PHONE = (360, 740)
HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
# Of the first player on the page.
PLAYS = "() => document.querySelector('.player').dataset.state === 'playing'"
VIDEO = "document.querySelector('video')"
PLAYBACK = "document.querySelector('.player').player.playback"
# hls.js gives up; the player begins again with another one.
BREAK = f"""() => {{
    window.broken = {PLAYBACK}.hls;
    window.broken.trigger('hlsError', {{
        type: 'otherError', details: 'internalException', fatal: true, error: new Error('seeded'),
    }});
}}"""


def publish(recipe, name=ID):
    return tool_publish(recipe.rtmp(name), "-test", "-size", f"{SIZE[0]}x{SIZE[1]}", "-bitrate",
                        "600k")


def state_is(*names):
    return f"() => {list(names)}.includes(document.querySelector('.player').dataset.state)"


class Pages(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG).start()
        cls.addClassCleanup(cls.recipe.__exit__, None, None, None)
        # Another server, whose streams end soon after their publisher has gone.
        cls.brief = Recipe(order="B", broadcaster_flags=["-reconnectGrace", "1s", "-lingerMs",
                                                         60000]).start()
        cls.addClassCleanup(cls.brief.__exit__, None, None, None)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def plays_on(self, page, more=1.0, timeout=20):
        """The picture moves on by so many seconds from here."""
        at = page.evaluate(f"() => {VIDEO}.currentTime")
        page.wait(f"(at) => {VIDEO}.currentTime > at", timeout, at + more)

    def fits(self, page, what):
        wide, window = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(wide, window, f"{what} scrolls sideways")
        self.assertEqual(page.barriers(), [], what)

    def copies(self, page, text):
        """As on plain HTTP, where a browser has another way to copy; who uses keys stays there."""
        page.evaluate("""() => {
            Object.defineProperty(navigator, 'clipboard', { value: undefined });
            addEventListener('copy', () => { window.copied = document.activeElement.value; });
        }""")
        page.click("#share .copy")
        page.wait("() => document.querySelector('#share .copy').textContent === 'Copied'")
        self.assertEqual(page.evaluate("() => window.copied"), text)
        page.wait("() => document.activeElement.matches('#share .copy')", 1)

    def finds_barriers(self, page):
        page.evaluate("""() => document.body.insertAdjacentHTML('beforeend',
            '<div id=bad><p class=faint>faint</p><button></button><img src="/assets/icon.svg">' +
            '<p aria-labelledby=nobody></p></div>')""")
        page.evaluate("() => { document.querySelector('.faint').style.color = '#999a'; }")
        kinds = {found[0] for found in page.barriers()}
        self.assertLessEqual({"contrast", "no name", "no alternative text", "leads nowhere"}, kinds)
        page.evaluate("() => document.querySelector('#bad').remove()")

    def clean(self, page):
        """Nothing came from elsewhere, and the page's policy forbade none of its own."""
        for url in page.requests():
            self.assertTrue(url.startswith((self.recipe.url("/"), "blob:")), url)
        for fault in page.faults():
            # What is not there yet is asked for all the same.
            self.assertIn("status of 404", fault)

    def test_from_the_list_to_a_stream_that_comes_back(self):
        page = self.browser.open()
        self.assertEqual(page.goto(self.recipe.url("/")), 200)
        page.wait("() => document.body.innerText.includes('Nothing is live yet')")
        self.assertIn(f"rtmp://127.0.0.1:{self.recipe.rtmp_port}/", page.text())
        page.shot("nothing-live")
        publisher = publish(self.recipe)
        page.wait("() => document.querySelector('.tile a')")
        page.wait("() => document.querySelector('.thumb .pill').textContent === 'Live'")
        page.shot("list")
        self.assertEqual(page.barriers(), [])
        self.finds_barriers(page)
        page.click(".tile a")
        page.wait(f"() => location.pathname === '/stream/{ID}'")

        self.plays(page)
        self.rungs(page)
        self.keys(page)
        self.stays_paused(page)
        self.phone(page)
        # What takes its time goes on beside what else there is to see.
        ending, ends = self.browser.open(), publish(self.brief)
        ending.goto(self.brief.url(f"/stream/{ID}"))
        self.comes_back(page, publisher)
        ending.wait(PLAYS, 20)
        ends.stop()
        self.others()
        ending.wait(state_is("ended"), 20)
        ending.shot("ended")
        self.sees_the_return(ending)
        ending.wait(PLAYS, 60)
        self.plays_on(ending, 0.5)
        self.plays_on(page, 0.5)
        self.clean(page)

    def plays(self, page):
        page.wait(PLAYS, 20)
        self.plays_on(page)
        self.assertTrue(page.evaluate(f"() => {VIDEO}.muted"))
        page.wait("() => /^[0-9.]+ s$/.test(document.querySelector('#latency').textContent)")
        page.wait("() => /^[0-9.]+ s$/.test(document.querySelector('#buffer').textContent)")
        self.assertTrue(page.evaluate(f"() => !!{PLAYBACK}.hls"))

    def rungs(self, page):
        page.wait(f"() => document.querySelector('select option[value={RUNG}]')", 20)
        page.choose("select[aria-label=Quality]", RUNG)
        page.wait(f"() => {VIDEO}.videoWidth === 256", 20)
        page.hover(".bar")
        page.shot("watch-lower-rung", whole=True)
        page.choose("select[aria-label=Quality]", "source")
        page.wait(f"() => {VIDEO}.videoWidth === {SIZE[0]}", 20)
        page.choose("select[aria-label=Quality]", "")
        self.plays_on(page, 0.5)

    def keys(self, page):
        page.click("h1")
        page.press("m")
        page.wait(f"() => !{VIDEO}.muted")
        page.press("ArrowDown")
        page.wait(f"() => Math.abs({VIDEO}.volume - 0.9) < 0.01")
        page.press("m")
        page.wait(f"() => {VIDEO}.muted && document.querySelector('.unmute').offsetWidth > 0")
        page.click(".unmute")
        page.wait(f"() => !{VIDEO}.muted && document.querySelector('.unmute').offsetWidth === 0")
        page.click("h1")
        page.press(" ")
        page.wait(state_is("paused"))
        self.assertTrue(page.evaluate(f"() => {VIDEO}.paused"))
        page.press(" ")
        page.wait(f"() => !{VIDEO}.paused")
        behind = f"{PLAYBACK}.latency()"
        at = page.evaluate(f"() => {behind}")
        page.press("ArrowLeft")
        page.wait(f"(at) => {behind} > at + 0.9", 5, at)
        page.press("l")
        page.wait(f"() => {behind} < {PLAYBACK}.hls.targetLatency + 1", 5)
        page.press("f")
        page.wait("() => document.fullscreenElement === document.querySelector('.player')")
        page.press("f")
        page.wait("() => !document.fullscreenElement")
        self.plays_on(page, 0.5)

    def stays_paused(self, page):
        """Who has paused it is shown that, also when the player had to begin again."""
        page.press(" ")
        page.wait(state_is("paused"))
        page.evaluate(BREAK)
        page.wait(f"() => {PLAYBACK}.hls?.levels.length && {PLAYBACK}.hls !== window.broken", 20)
        page.wait(state_is("paused"), 5)
        self.assertTrue(page.evaluate(f"() => {VIDEO}.paused"))
        page.press(" ")
        page.wait(PLAYS, 20)

    def phone(self, page):
        page.resize(*PHONE)
        page.wait("() => innerWidth === 360")
        self.fits(page, "the player")
        self.plays_on(page, 0.5)
        page.shot("watch-phone", whole=True)
        page.resize(1280, 800)

    def comes_back(self, page, publisher):
        """The publisher is killed while it plays; the same page goes on in the same playlist."""
        page.evaluate("() => { window.same = true; }")
        publisher.kill()
        page.wait(state_is("away"), 20)
        page.shot("away")
        self.assertEqual(page.barriers(), [])
        publish(self.recipe)
        page.wait(PLAYS, 20)
        self.plays_on(page)
        self.assertTrue(page.evaluate("() => window.same"))

    def sees_the_return(self, page):
        """Who has just read that a stream has ended is not told so again when it is back."""
        look = f"async () => (await (await import('/assets/api.js')).look('{ID}')).state"
        self.assertEqual(page.evaluate(look), "ended")
        publish(self.brief)
        wait_for(lambda: "#EXT-X-ENDLIST" not in
                 self.brief.get(f"/stream/{ID}/source/live.m3u8").text, 10, "the stream is back")
        self.assertEqual(page.evaluate(look), "live")

    def gstreamer(self, command):
        """The line that the page has can be run as it stands, and makes what players know."""
        gst = Process(shlex.split(command), temp_dir() / "gst.log")
        wait_for(lambda: not gst.alive() or "codecs" in self.source_of("gst"), 30,
                 "the source of gst")
        codecs = self.source_of("gst").get("codecs", gst.log())
        gst.kill()
        self.assertRegex(codecs, r"^avc1\.(42|4d|64)")

    def source_of(self, name):
        streams = json.loads(self.recipe.get("/streams.json").text)["streams"]
        return next((r for s in streams if s["id"] == name for r in s["renditions"]
                     if r["name"] == "source" and r["codecs"]), {})

    def others(self):
        """The other pages, in the dark and on a phone."""
        page = self.browser.open(scheme="dark", width=PHONE[0], height=PHONE[1], touch=True)
        page.goto(self.recipe.url(f"/multi?ids={ID},current"))
        both = "[...document.querySelectorAll('video')]"
        page.wait(f"() => {both}.length === 2 && "
                  f"{both}.every((v) => v.currentTime > 0.5 && v.muted)", 25)
        # Low latency would hold more connections than a browser has to one host.
        self.assertEqual(page.evaluate(f"() => {both}.map((v) => "
                                       "v.closest('.player').player.playback.path)"),
                         [f"/stream/{ID}.m3u8", "/stream/current.m3u8"])
        page.click(".cell:nth-child(2) video")
        page.wait(f"() => {both}[0].muted && !{both}[1].muted")
        page.click(".cell:nth-child(1) video")
        page.wait(f"() => !{both}[0].muted && {both}[1].muted")
        self.fits(page, "several at once")
        page.shot("multi-dark", whole=True)
        # By keys too: one is heard.
        page.evaluate("() => document.querySelectorAll('.stage')[1].focus()")
        page.press("ArrowUp")
        page.wait(f"() => {both}[0].muted && !{both}[1].muted", 5)
        page.wait("() => document.querySelector('#hint').textContent === 'You hear current.'")
        page.fill("#name", "  ")
        page.press("Enter")
        self.assertEqual(page.evaluate("() => document.querySelectorAll('.cell').length"), 2)
        page.evaluate("() => { window.gone = document.querySelectorAll('.stage')[1]; }")
        page.click(".cell:nth-child(2) .remove")
        page.wait(f"() => location.search === '?ids={ID}'")
        self.assertNotIn("You hear", page.text())
        page.evaluate("""() => {
            window.gone.dataset.state = 'gone';
            document.dispatchEvent(new Event('fullscreenchange'));
        }""")
        self.assertEqual(page.evaluate("() => window.gone.dataset.state"), "gone")
        page.goto(self.recipe.url("/multi?ids=" + 8 * "a-long-name-"))
        page.wait("() => document.querySelector('.remove')")
        self.fits(page, "a stream with a long name")

        page.goto(self.recipe.url(f"/publish?id={ID}"))
        address = f"rtmp://127.0.0.1:{self.recipe.rtmp_port}/"
        page.wait("(url) => document.querySelector('#url').textContent === url", 10, address + ID)
        page.wait("() => document.body.innerText.includes('Pictures are coming in.')")
        page.wait(f"() => document.querySelector('#rungs').innerText.includes('{RUNG}')")
        self.fits(page, "the publishers' page")
        page.shot("publish-dark", whole=True)
        page.fill("#name", "x;reboot$(y)`z`")
        page.wait("() => document.querySelector('#ffmpegFile').textContent.endsWith("
                  "'/x%3Breboot%24(y)%60z%60')")
        page.fill("#name", "gst")
        page.wait("() => document.querySelector('#gstreamer').textContent.includes('/gst\"')")
        self.gstreamer(page.evaluate("() => document.querySelector('#gstreamer').textContent"))
        page.fill("#name", "nobody")
        page.wait("() => document.body.innerText.includes('Waiting for “nobody”')")
        self.assertIn(address + "nobody", page.text())

        page.goto(self.recipe.url(f"/stream/{ID}"))
        snippet = page.evaluate("() => document.querySelector('#embed').value")
        source = re.fullmatch(r'<iframe src="([^"]+)" .*></iframe>', snippet).group(1)
        page.goto(source + "?muted=0")
        page.wait(PLAYS, 20)
        self.plays_on(page, 0.5)
        self.fits(page, "the embedded player")
        # Opened by itself it has the snippet; inside of another site's page it is the player alone.
        self.assertEqual(page.evaluate("() => document.querySelector('#embed').textContent"),
                         snippet.replace(source, source + "?muted=0"))
        page.wait("() => document.querySelector('#share').offsetHeight > 0")
        self.copies(page, snippet.replace(source, source + "?muted=0"))
        page.shot("embed-dark")
        page.goto(self.recipe.url("/healthz"))  # any page that is not one of these
        page.evaluate("(html) => { document.body.innerHTML = html; }", snippet)
        inside = "document.querySelector('iframe').contentDocument"
        page.wait(f"() => {inside}.querySelector('.player')?.dataset.state === 'playing'", 20)
        self.assertTrue(page.evaluate(f"() => {inside}.querySelector('#share').hidden"))
        page.goto(self.recipe.url("/"))
        page.wait("() => document.querySelector('.tile a')")
        self.fits(page, "the list")
        page.shot("list-dark", whole=True)
        self.clean(page)
        page.close()


class Answers(TestCase):
    """What programs get at the same addresses."""

    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(order="B").start()
        cls.addClassCleanup(cls.recipe.__exit__, None, None, None)

    def test_a_page_is_for_browsers(self):
        page = self.recipe.get("/", headers=HTML)
        text = self.recipe.get("/", headers={"Accept": "*/*"})
        self.assertEqual(page.headers["content-type"], "text/html; charset=utf-8")
        self.assertEqual(text.headers["content-type"], "text/plain; charset=utf-8")
        self.assertIn("Accept", page.headers["vary"].split(", "))
        self.assertIn("Accept", text.headers["vary"].split(", "))
        self.assertEqual(self.recipe.get("/stream/nobody").status, 404)
        self.assertEqual(self.recipe.get("/stream/nobody", headers=HTML).status, 200)
        self.assertEqual(self.recipe.get("/stream/nobody.m3u8", headers=HTML).status, 404)
        self.assertEqual(self.recipe.get("/publish", method="POST", headers=HTML).status, 405)

    def test_a_file_that_did_not_change_is_not_sent_again(self):
        first = self.recipe.get("/assets/style.css", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(first.headers["content-encoding"], "gzip")
        again = self.recipe.get("/assets/style.css", headers={
            "Accept-Encoding": "gzip", "If-None-Match": first.headers["etag"]})
        self.assertEqual((again.status, again.body), (304, b""))
        self.assertEqual(again.headers["etag"], first.headers["etag"])
        head = self.recipe.get("/assets/style.css", method="HEAD")
        self.assertEqual((head.status, head.body), (200, b""))
        self.assertEqual(head.headers["x-content-type-options"], "nosniff")

    def test_without_pages(self):
        port = free_port()
        with Role("broadcaster", ["-noPages", "-httpAddr", f"127.0.0.1:{port}", "-rtmpAddr",
                                  f"127.0.0.1:{free_port()}"]):
            for path, status in (("/", 200), ("/publish", 404), ("/multi", 404), ("/embed/a", 404),
                                 ("/assets/style.css", 404), ("/stream/a", 404)):
                answer = http_get(f"http://127.0.0.1:{port}{path}", headers=HTML)
                self.assertEqual(answer.status, status, path)
                self.assertEqual(answer.headers["content-type"], "text/plain; charset=utf-8", path)
                self.assertNotIn("Accept", answer.headers.get("vary", "").split(", "))


class Build(TestCase):
    """What makes the pages, where there is no npm."""

    def setUp(self):
        self.web = temp_dir() / "web"
        shutil.copytree(ROOT / "broadcaster/web", self.web,
                        ignore=shutil.ignore_patterns("node_modules"))
        # Everything but npm.
        self.path = temp_dir()
        for name in ("sh", "dirname", "sed", "cp", "rm", "mkdir", "mv", "gzip", "sha256sum", "cut",
                     "wc", "tr"):
            (self.path / name).symlink_to(shutil.which(name))

    def run_script(self, name, *arguments):
        return harness.run([self.web / name, *arguments], env={"PATH": str(self.path)})

    def test_it_says_what_is_missing_and_goes_on(self):
        fetched = self.run_script("fetch")
        self.assertEqual(fetched.returncode, 1)
        self.assertIn("No npm here to fetch hls.js with", fetched.stderr)
        out = temp_dir() / "gen"
        packed = self.run_script("pack", out, *sorted(self.web.glob("*.html")),
                                 *sorted(self.web.glob("*.js")))
        self.assertEqual(packed.returncode, 0, packed.stderr)
        self.assertIn('hlsVersion = "";', (out / "files/build.js").read_text())
        text = (out / "assets.c").read_text()
        self.assertIn('{"watch.html", "text/html; charset=utf-8"', text)
        self.assertNotIn("hls.js", text)
        compiled = harness.run(["gcc", "-std=c11", "-Wall", "-Werror", f"-I{ROOT}", "-c",
                                out / "assets.c", "-o", out / "assets.o"])
        self.assertEqual(compiled.returncode, 0, compiled.stderr)


if __name__ == "__main__":
    main()
