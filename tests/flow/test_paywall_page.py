"""A watch page where watching costs something, in a real browser: it plays the free preview, stands
when the account is empty, and goes on when money comes."""
# usual time: 38 s
import json
import sys
import urllib.parse

import harness
from browser import Browser
from harness import Recipe, TestCase, ffmpeg_publish, temp_dir, wait_for

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import media_clips  # noqa: E402

STATE = "() => document.querySelector('#player').player.playback.state"


# What a wallet does when it has paid.
PAYS = """() => {
    const e = new Event('monetization', {bubbles: true});
    e.incomingPayment = 'https://wallet.example/incoming-payments/1';
    e.paymentPointer = 'https://wallet.example/me';
    document.querySelector('link[rel=monetization]').dispatchEvent(e); }"""


def is_state(*states):
    return f"() => {json.dumps(states)}.includes(({STATE})())"


class Watching(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(Browser())

    def test_a_file_comes_as_it_is_paid(self):
        folder = temp_dir()
        media_clips.video(folder / "film.mp4", seconds=6)
        with Recipe(transcoders=0, orchestrator_flags=["-payments"],
                    broadcaster_flags=["-pricePerMinute", "0.6", "-mediaPath", folder,
                                       "-payChunkBytes", "4096", "-payPatience", "2s"]) as recipe:
            wait_for(lambda: "film.mp4" in recipe.get("/media.json").text, 15, "it is listed")
            page = self.browser.open()
            self.addCleanup(page.close)
            page.goto(recipe.url("/watch/film.mp4"))
            wait_for(lambda: recipe.broadcaster.status()["paywall"]["waiting"], 20, "it waits")
            page.wait("() => document.querySelector('video').error", timeout=30)  # it was too long
            page.wait("() => document.querySelector('.payment').textContent.includes('USD a minute')")
            self.grant(recipe, page)
            page.wait("() => document.querySelector('video').readyState >= 3", timeout=30)
            page.evaluate("() => { const v = document.querySelector('video'); v.muted = true;"
                          " return v.play(); }")
            page.wait("() => document.querySelector('video').ended", timeout=60)
            self.assertEqual(page.evaluate("() => document.querySelector('#facts').textContent")
                             .count("cannot"), 0)
            self.assertEqual([f for f in page.faults() if "/media/film.mp4" not in f], [])

    def test_it_stands_and_goes_on(self):
        with Recipe(transcoders=0, orchestrator_flags=["-payments"],
                    broadcaster_flags=["-pricePerMinute", "0.6", "-paywallThreshold", "0.08",
                                       "-paymentPointer", "$wallet.example/me"]) as recipe, \
                ffmpeg_publish(recipe.rtmp("show"), size="160x120", bitrate="200k"):
            recipe.wait_playlist("/stream/show/source.m3u8", 2, timeout=20)
            page = self.browser.open()
            self.addCleanup(page.close)
            page.goto(recipe.url("/stream/show"))
            page.wait(is_state("playing"), timeout=30)
            page.wait(is_state("unpaid"), timeout=60)
            shown = page.evaluate("() => document.querySelector('.payment').textContent")
            self.assertRegex(shown, r"Balance 0\S* USD · 0\.6 USD a minute · \S+ USD missing")
            self.assertIn("Paused", page.evaluate("() => document.querySelector('#player').innerText"))
            page.shot("paywall_empty")
            self.grant(recipe, page)
            page.wait(is_state("playing"), timeout=30)
            page.wait("() => document.querySelector('.payment').textContent.startsWith('Balance 0.9')"
                      " || document.querySelector('.payment').textContent.startsWith('Balance 1')",
                      timeout=30)
            page.shot("paywall_paid")
            told = self.told(page)
            for path in ("/stream/show", "/demo", "/multi"):  # also where nothing plays yet
                if path != "/stream/show":
                    page.goto(recipe.url(path))
                wait_for(lambda: page.evaluate(PAYS) or self.told(page) > told, 20,
                         f"the server is told of a payment on {path}")
                told = self.told(page)
            recipe.broadcaster.wait_log("what viewers' wallets pay is not credited: this orchestrator"
                                        " has no Open Payments wallet")
            known = ("402", "/monetization", "monetization-src",  # Chromium knows no such directive
                     "/media.json")  # there are none
            unexpected = [f for f in page.faults() if not any(k in f for k in known)]
            self.assertEqual(unexpected, [])

    def told(self, page):
        return sum(u.endswith("/monetization") for u in page.requests())

    def test_in_a_frame_of_another_site(self):
        """The browser gives no cookie there: a token goes with each request instead."""
        with Recipe(transcoders=0, orchestrator_flags=["-payments"],
                    broadcaster_flags=["-pricePerMinute", "0.6", "-paymentPointer",
                                       "$wallet.example/me"]) as recipe, \
                ffmpeg_publish(recipe.rtmp("show"), size="160x120", bitrate="200k"):
            recipe.wait_playlist("/stream/show/source.m3u8", 2, timeout=20)
            page = self.browser.open()
            self.addCleanup(page.close)
            page.goto(recipe.url("/stream/show"))
            snippet = page.wait("() => document.querySelector('#embed')?.value")
            self.assertIn("; monetization", snippet)
            page.goto(f"http://localhost:{recipe.http_port}/healthz")
            page.evaluate("(html) => { document.body.innerHTML = html; }", snippet)

            def tokens():
                asked = map(urllib.parse.urlsplit, page.requests())
                return {u.path: urllib.parse.parse_qs(u.query)["token"][0]
                        for u in asked if "token=" in u.query}
            wait_for(lambda: "/account.json" in tokens(), 30, "a token goes with requests")
            wait_for(lambda: recipe.broadcaster.status()["paywall"]["waiting"] == 1, 30,
                     "it waits for money")
            token = tokens()["/account.json"]
            account = json.loads(recipe.get(f"/account.json?token={token}").text)["account"]
            self.assertLess(len(page.requests()), 100, "it does not ask all the time")
            self.give(recipe, account)
            wait_for(lambda: recipe.broadcaster.status()["paywall"]["earned"], 30, "it is paid for")
            wait_for(lambda: any(p.startswith("/stream/show/source/") for p in tokens()), 30,
                     "segments come for the token")
            self.assertEqual(set(tokens().values()), {token})

    def grant(self, recipe, page):
        """The page's cookie is hidden from its scripts; the account's name is not."""
        name = page.evaluate("async () => (await (await fetch('/account.json')).json()).account")
        self.assertRegex(name, "^viewer:[0-9a-f]{32}$")
        self.give(recipe, name)
        self.assertNotIn("sbe-viewer", page.evaluate("() => document.cookie"))

    def give(self, recipe, name):
        answer = recipe.orchestrator.control(f"/grant?account={name}&amount=1000000000",
                                             method="POST", body=b"")
        self.assertEqual(answer.status, 200, answer.text)


if __name__ == "__main__":
    harness.main()
