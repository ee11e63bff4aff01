"""A viewer's account is frozen while the page plays, and thawed: the page says so, does not ask all the
time, and goes on; a player that was removed from a page does not ask."""
# usual time: 40 s
import json

import harness
import test_paywall_page as page_tests
from browser import Browser
from harness import Recipe, TestCase, ffmpeg_publish


class Frozen(TestCase):
    def test_it_is_said_and_goes_on(self):
        with Recipe(transcoders=0, orchestrator_flags=["-payments"],
                    broadcaster_flags=["-pricePerMinute", "0.6"]) as recipe, Browser() as browser, \
                ffmpeg_publish(recipe.rtmp("show"), size="160x120", bitrate="200k"):
            recipe.wait_playlist("/stream/show/source.m3u8", 2, timeout=20)
            page = browser.open()
            page.goto(recipe.url("/stream/show"))
            page.wait("() => document.querySelector('.payment')?.textContent.includes('missing')",
                      timeout=30)
            account = page.evaluate(
                "async () => (await (await fetch('/account.json')).json()).account")

            def change(path, state, shown, **more):
                query = "&".join(f"{k}={v}" for k, v in {"account": account, **more}.items())
                answer = recipe.orchestrator.control(f"{path}?{query}", method="POST", body=b"")
                self.assertEqual(answer.status, 200, answer.text)
                page.wait(page_tests.is_state(state), timeout=60)
                page.wait("(shown) => document.querySelector('.payment').textContent.includes(shown)",
                          30, shown)

            change("/grant", "playing", "a minute", amount=10**9)
            change("/freezeAccount", "unpaid", "may not spend")
            asked = len(page.requests())
            told = json.loads(page.evaluate("async () => (await fetch('/account.json?wait=5&version="
                                            "' + (await (await fetch('/account.json')).json())"
                                            ".version)).text()"))  # five seconds, unless it changes
            self.assertTrue(told["frozen"])
            self.assertLess(len(page.requests()) - asked, 15, "it does not ask all the time")
            change("/thawAccount", "playing", "a minute")
            self.asks_no_more_when_removed(page, recipe)

    def asks_no_more_when_removed(self, page, recipe):
        def asked(path):
            return sum(url.startswith(recipe.url(path)) for url in page.requests())

        page.goto(recipe.url("/multi?ids=show"))
        page.wait("() => document.querySelector('.payment')?.textContent.includes('a minute')",
                  timeout=30)
        page.click(".cell .remove")
        account, looks = asked("/account.json"), asked("/streams.json")
        harness.wait_for(lambda: asked("/streams.json") > looks + 1, 40, "time goes by")
        self.assertEqual(asked("/account.json"), account)


if __name__ == "__main__":
    harness.main()
