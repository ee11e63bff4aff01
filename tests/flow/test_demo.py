"""Paid media in a real browser, with real payments over Interledger on loopback: the page /demo,
and a page of another origin with the elements that are known for such media. What is played was
paid for; it stands when payment stops, and goes on when it comes again."""
# usual time: 24 s
import functools
import http.server
import json
import subprocess
import sys
import threading
import urllib.parse
from pathlib import Path

import harness
from browser import Browser
from harness import Process, Recipe, TestCase, free_port, run, temp_dir, wait_for
from test_receipts_paid import total_of

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import media_clips

TOOLS = harness.ROOT / "tests/node"
KNOWN_PAGES = Path(__file__).parent / "known_pages"
SECONDS = 16
SECOND = 1000  # what a second of a file costs, in the ledger's smallest unit
PRICE = "0.00006"  # the same for a minute
FIRST, MORE = 4 * SECOND, 3 * SECOND  # payments; the wallet takes 5000 at once
SONG_SECONDS = 8
SONG = 9 * SECOND
PACE_MS = 700  # between the receipts that a wallet tells of

# What a browser with a wallet of that time has.
WALLET = "document.monetization = Object.assign(new EventTarget(), {state: 'pending'});"
TELL = """async ({details, pace}) => {
    document.monetization.state = 'started';
    for (const detail of details) {
        document.monetization.dispatchEvent(new CustomEvent('monetizationprogress', {detail}));
        await new Promise((done) => setTimeout(done, pace));
    } }"""
POINTER = "() => document.querySelector('head meta[name=monetization]')?.content"


def clips(folder):
    """With noise in the picture: a browser waits for blocks of 32 kB, and a second has many."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-f", "lavfi", "-i",
                    f"testsrc=size=320x180:rate=15:duration={SECONDS},noise=alls=60:allf=t",
                    "-f", "lavfi", "-i", f"sine=duration={SECONDS}", "-c:v", "libx264", "-preset",
                    "ultrafast", "-b:v", "1500k", "-maxrate", "1500k", "-bufsize", "750k", "-g",
                    "15", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart",
                    folder / "film.mp4"], check=True)
    media_clips.audio(folder / "song.mp3", SONG_SECONDS)


OWN = "() => document.querySelector('#player video, #player audio')"
KNOWN = "() => document.querySelector('wmm-video, wmm-audio')?.media"


def play(media):
    """The viewer's click: by itself Chromium begins when it expects to come through to the end."""
    return f"() => void ({media})().play()"


class PaidMedia(TestCase):
    @classmethod
    def setUpClass(cls):
        port = free_port(3)
        cls.payers_port = port + 2
        media = temp_dir()
        clips(media)
        (media / "a free one.mp4").write_bytes((media / "film.mp4").read_bytes())
        prices = temp_dir() / "prices.yaml"
        prices.write_text('files:\n  "a free*": free\n', encoding="utf-8")
        wallet = Process(["node", TOOLS / "ilp_wallet.mjs", port, port + 1, port + 2],
                         temp_dir() / "wallet.log")
        cls.addClassCleanup(wallet.end)
        pointer = f"http://127.0.0.1:{port}/alice"
        cls.recipe = cls.enter(Recipe(
            transcoders=0, orchestrator_flags=["-paymentPointer", pointer, "-allowHttpPayments"],
            broadcaster_flags=["-pricePerMinute", PRICE, "-prices", prices, "-allowUserId",
                               "-mediaPath", media, "-paymentPointer", pointer,
                               "-payChunkBytes", "8192"]))
        cls.browser = cls.enter(Browser())
        wallet.wait_log("^ready$", timeout=60)

    @classmethod
    def enter(cls, context):
        entered = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return entered

    def open(self, address, **options):
        page = self.browser.open(before=WALLET, **options)
        self.addCleanup(page.close)
        self.assertEqual(page.goto(address), 200)
        return page

    def pay(self, page, total):
        """As the wallet of this page: asks where to pay, pays on a connection of its own, and tells
        the page of each receipt."""
        pointer = page.wait(POINTER)
        payer = run(["node", TOOLS / "ilp_pay.mjs", pointer, self.payers_port, total], timeout=90)
        self.assertEqual(payer.returncode, 0, payer.stdout + payer.stderr)
        receipts = sorted((json.loads(line)["receipt"] for line in payer.stdout.splitlines()),
                          key=total_of)
        self.assertEqual(total_of(receipts[-1]), total)
        self.tell(page, pointer, receipts)

    def tell(self, page, pointer, receipts):
        page.evaluate(TELL, {"pace": PACE_MS, "details": [
            {"amount": "1", "assetCode": "XRP", "assetScale": 9, "paymentPointer": pointer,
             "receipt": receipt, "requestId": "1"} for receipt in receipts]})

    def plays_as_it_is_paid(self, page, media, standing):
        """media: a function of the page that returns the element; standing: one that says whether
        the page shows that it waits for money."""
        page.wait(f"() => ({media})()?.networkState === 2")  # it has asked
        self.assertEqual(page.evaluate(f"() => ({media})().readyState"), 0, "nothing came yet")
        self.pay(page, FIRST)
        page.evaluate(play(media))
        page.wait(f"() => ({media})().currentTime > 0.5", timeout=30)
        page.wait(f"""async () => {{
            const media = ({media})(), before = media.currentTime;
            await new Promise((done) => setTimeout(done, 500));
            return media.currentTime === before && media.readyState <= 2; }}""", timeout=60)
        page.wait(standing, timeout=30)
        stood = page.evaluate(f"() => ({media})().currentTime")
        self.assertLess(stood, FIRST / SECOND + 0.5, "no more is played than was paid for")
        self.assertFalse(page.evaluate(f"() => ({media})().paused"), "it waits by itself")
        self.pay(page, MORE)
        page.wait(f"(stood) => ({media})().currentTime > stood + 0.2", 5, stood)

    def balance(self, viewer):
        return json.loads(self.recipe.get(f"/account.json?{viewer}").text)["balance"]

    def test_a_film_and_a_song(self):
        page = self.open(self.recipe.url("/"), width=360, height=740, touch=True)
        page.wait("() => document.querySelector('#media a[href=\"/demo\"]')")
        page.shot("front_paid", whole=True)
        self.assertFalse(page.evaluate("() => document.documentElement.scrollWidth > innerWidth"))
        page.click("#media a[href='/demo']")
        page.wait("() => document.querySelectorAll('#choices a').length === 2")
        self.assertEqual(page.evaluate("() => [...document.querySelectorAll('#choices a')]"
                                       ".map((a) => decodeURI(a.pathname))"),
                         ["/watch/film.mp4", "/watch/song.mp3"])
        page.click("#choices [data-kind=video]")
        self.plays_as_it_is_paid(page, OWN, "() => /missing\\s+0\\.0/i.test("
                                                   "document.querySelector('dl').innerText)")
        log = page.evaluate("() => document.querySelector('#log').innerText")  # the newest first
        self.assertRegex(log, r"(?s)Playing.*Waiting.*Playing")
        self.assertRegex(log, r"(?s)Balance: 0\.00000\d.*Waiting.*Balance: 0\.00000\d")
        self.assertRegex(page.evaluate("() => document.querySelector('dl').innerText"),
                         rf"(?s)Balance\s+0\S* USD\s+Price\s+{PRICE} USD a minute\s+Missing")
        page.shot("demo_paid", whole=True)
        self.assertFalse(page.evaluate("() => document.documentElement.scrollWidth > innerWidth"),
                         "nothing is wider than a phone")
        self.assertTrue(page.evaluate("() => [...document.querySelectorAll('dd')].every("
                                      "(e) => e.scrollWidth <= e.clientWidth)"), "all can be read")
        self.tell(page, page.wait(POINTER), ["AAAA"])
        page.wait("() => /^.*Failed: \\S/.test(document.querySelector('#log').innerText)")
        page.click("#choices [data-kind=audio]")
        self.pay(page, SONG)
        page.wait(f"() => ({OWN})().localName === 'audio' && "
                  f"({OWN})().currentTime > 0.3", timeout=40)
        self.assertEqual([u for u in page.requests() if not u.startswith(self.recipe.url("/"))], [])
        known = ("/verifyReceipt", "monetization-src")  # Chromium knows no such directive
        self.assertEqual([f for f in page.faults() if not any(k in f for k in known)], [])

    def test_the_page_is_there_where_something_costs_something(self):
        answer = self.recipe.get("/demo")
        self.assertEqual(answer.status, 200)
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        with Recipe(transcoders=0, order="B") as free:
            self.assertEqual(free.get("/demo").status, 404)
            self.assertFalse(json.loads(free.get("/assets/settings.json").text)["demo"])
        with Recipe(transcoders=0, order="OB", orchestrator_flags=["-payments"],
                    broadcaster_flags=["-pricePerMB", "1", "-noPages"]) as bare:
            self.assertEqual(bare.get("/demo").status, 404)

    def serve(self):
        """The page comes from elsewhere."""
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(Quiet, directory=KNOWN_PAGES))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_port}"

    def test_they_work_unchanged(self):
        origin = self.recipe.url("")
        page = self.open(f"{self.serve()}/index.html?server={urllib.parse.quote(origin)}")
        page.wait("() => document.body.dataset.ready")
        page.click("#video")
        self.assertEqual(page.evaluate("() => document.querySelector('wmm-video').className"),
                         "data-pending")
        self.plays_as_it_is_paid(page, KNOWN,
                                 "() => document.querySelector('wmm-video.data-stalled')")
        looks = page.evaluate("() => window.looks.filter((x, i, all) => x !== all[i - 1])")
        self.assertEqual(looks[0], "data-pending")
        self.assertRegex(" ".join(looks), "data-ok data-stalled data-ok")
        self.assertRegex(page.evaluate("() => document.querySelector('#log').innerText"),
                         r"^Balance: [0-9.e-]+\nBalance: [0-9.e-]+$")
        heard = page.evaluate("() => window.heard")
        self.assertLessEqual({"playing", "waiting", "stalled"}, set(heard))
        user = page.evaluate("() => localStorage.userId")
        self.assertIn(f"{origin}/media/film.mp4?userId={user}", page.requests())
        self.assertIn(f"{origin}/verifyReceipt", page.requests())
        self.tell(page, page.wait(POINTER), ["AAAA"])
        page.wait("() => document.querySelector('#log').innerText.startsWith('Failed: ')")
        page.click("#audio")  # the account is the same
        self.pay(page, SONG)
        page.evaluate(play(KNOWN))
        page.wait("() => document.querySelector('wmm-audio').media.currentTime > 0.3", timeout=40)
        self.assertFalse([f for f in page.faults() if "CORS" in f], page.faults())
        spent = wait_for(lambda: self.balance(f"userId={user}"), 10, "a balance")
        self.assertLess(float(spent), (FIRST + MORE + SONG) / 1e9)

    def place(self, page, kind, **attributes):
        page.evaluate("""({kind, attributes}) => {
            window.element = document.createElement(`wmm-${kind}`);
            for (const [name, value] of Object.entries(attributes)) {
                window.element.setAttribute(name, value);
            }
            document.querySelector('#container').replaceChildren(window.element); }""",
                      {"kind": kind, "attributes": attributes})

    def posts(self, page):
        return sum(url.endswith("/verifyReceipt") for url in page.requests())

    def test_each_attribute_and_event_that_they_are_known_for(self):
        origin = self.recipe.url("")
        site = f"{self.serve()}/index.html?server={urllib.parse.quote(origin)}"
        page = self.open(site)
        page.wait("() => document.body.dataset.ready")
        known = page.evaluate("async (server) => ({...await import(server + '/config.js')})", origin)
        self.assertEqual(known["fullPaymentUrl"], known["receiptService"] + urllib.parse.quote(
            known["paymentPointer"], safe=""))
        self.assertEqual((f"http://{known['WMM_AUDIO_VIDEO_HOST']}:{known['WMM_AUDIO_VIDEO_PORT']}",
                          known["pricePerMinute"], known["pricePerMB"], known["allowCORS"]),
                         (origin, float(PRICE), None, True))
        song, pays = f"{origin}/media/song.mp3", known["fullPaymentUrl"]
        # skipVerification: no receipt is shown to the server; else one in a while, however many come
        self.place(page, "audio", src=song, paymentUrl=pays, skipVerification="true")
        self.assertEqual(page.evaluate(POINTER), pays)
        self.assertTrue(page.evaluate("() => element.shadowRoot.querySelector('audio.media').controls"
                                      " && element.media.autoplay"))
        self.tell(page, pays, ["AAAA"])
        self.place(page, "audio", src=song, paymentUrl=pays, skipVerification="false")
        page.evaluate("""() => {
            const fetches = window.fetch;
            window.fetch = (url, request) => {
                window.asked = { url, ...request };
                return fetches(url, request); }; }""")
        page.evaluate("""(pointer) => { for (let i = 0; i < 9; i++) {
            document.monetization.dispatchEvent(new CustomEvent('monetizationprogress', {detail: {
                amount: '1', assetCode: 'XRP', assetScale: 9, paymentPointer: pointer,
                receipt: 'AAAA', requestId: '1'}})); } }""", pays)
        wait_for(lambda: self.posts(page), 15, "the server is asked")
        self.assertEqual(self.posts(page), 1)
        asked = page.evaluate("() => window.asked")
        self.assertEqual((asked["method"], asked["url"]), ("POST", f"{origin}/verifyReceipt"))
        self.assertEqual(json.loads(asked["body"]), {
            "amount": "1", "assetCode": "XRP", "assetScale": 9, "paymentPointer": pays,
            "receipt": "AAAA", "requestId": "1", "userId": page.evaluate(
                "() => localStorage.userId")})
        self.assertTrue(page.evaluate("""() => new Promise((done) => {
            element.addEventListener('monetizationStopped', () => done(true));
            document.monetization.dispatchEvent(new Event('monetizationstop')); })"""))
        # the notice says why nothing plays
        for state, text in (("pending", "beginning"), ("started", "being paid"), ("stopped", "wallet")):
            self.assertIn(text, page.evaluate("""(state) => {
                document.monetization.state = state;
                element.media.dispatchEvent(new Event('stalled'));
                const notice = element.shadowRoot.querySelector('wmm-notification');
                return notice.hidden ? '' : notice.textContent; }""", state))
        # who is taken away asks for nothing more, and leaves no pointer
        wait_for(lambda: self.recipe.broadcaster.status()["media"]["open"] == 1, 15, "one is left")
        page.evaluate("() => element.remove()")
        self.assertIsNone(page.evaluate(POINTER))
        wait_for(lambda: self.recipe.broadcaster.status()["media"]["open"] == 0, 15, "it has gone")
        # a place further on costs what is behind it alone, and the account outlives the page
        page.click("#video")
        self.pay(page, FIRST)
        page.wait(f"() => ({KNOWN})().readyState >= 1", timeout=30)
        user = page.evaluate("() => localStorage.userId")
        page.goto(site)
        page.wait("() => document.body.dataset.ready")
        self.assertEqual(page.evaluate("() => localStorage.userId"), user)
        page.click("#video")
        page.wait(f"() => ({KNOWN})()")
        self.pay(page, MORE)
        page.wait(f"() => ({KNOWN})().readyState >= 1", timeout=30)
        page.evaluate(f"(at) => {{ ({KNOWN})().currentTime = at; }}", SECONDS - 3)
        self.pay(page, MORE)
        page.evaluate(play(KNOWN))
        page.wait(f"(at) => ({KNOWN})().currentTime > at", 30, SECONDS - 2.9)
        left = wait_for(lambda: self.balance(f"userId={user}"), 10, "a balance")
        self.assertGreaterEqual(float(left), 0)


if __name__ == "__main__":
    harness.main()
