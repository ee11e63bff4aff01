"""Viewers pay: live segments by the minute and the megabyte, media files as they are sent, out of
accounts that the orchestrator keeps. Seen from outside, with the real ledger."""
# usual time: 16 s
import base64
import concurrent.futures
import http.client
import json
import signal
import socket
import sys
import time
import urllib.parse

import harness
from harness import Recipe, TestCase, ffmpeg_publish, playlist, temp_dir, wait_for
from openapi import OpenApi
from receipts_world import SPSP, Wallet, sign

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import media_clips  # noqa: E402

UNIT = 10 ** 9  # of the ledger, a whole one
PIECE = 16384


def payments(*flags, **more):
    return Recipe(transcoders=0, orchestrator_flags=["-payments"],
                  broadcaster_flags=["-payChunkBytes", str(PIECE), *flags], **more)


class Paying(TestCase):
    recipe = None

    def account(self, viewer, more=""):
        return json.loads(self.recipe.get(f"/account.json?{viewer}{more}").text)

    def grant(self, viewer, amount):
        name = urllib.parse.quote(f"viewer:user-{viewer}")
        answer = self.recipe.orchestrator.control(f"/grant?account={name}&amount={units(amount)}",
                                                  method="POST", body=b"")
        self.assertEqual(answer.status, 200, answer.text)

    def earned(self):
        """What the house has got, when all leases are charged."""
        return self.balance("income:viewing")

    def balance(self, name):
        """Of an account in the ledger, in its smallest unit, without what is held."""
        answer = self.recipe.orchestrator.control(f"/account?account={name}")
        self.assertEqual(answer.status, 200, answer.text)
        return int(json.loads(answer.text)["balance"])

    def problem(self, answer, status=402):
        self.assertEqual(answer.status, status, answer.text)
        self.assertEqual(answer.headers["content-type"], "application/problem+json")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        told = json.loads(answer.text)
        self.assertEqual(told["status"], status)
        return told


def units(text):
    whole, _, rest = str(text).partition(".")
    return int(whole) * UNIT + int((rest + "0" * 9)[:9])


class Live(Paying):
    @classmethod
    def setUpClass(cls):
        prices = temp_dir() / "prices.yaml"
        prices.write_text("streams:\n  open: free\n  bytes: {perMB: 0.05}\n", encoding="utf-8")
        cls.recipe = payments("-pricePerMinute", "0.6", "-allowUserId", "-prices", prices,
                              "-paymentPointer", "$wallet.example/me")
        cls.enter(cls.recipe)
        cls.publishers = [cls.enter(ffmpeg_publish(cls.recipe.rtmp(name), size="320x240",
                                                   bitrate="500k"))
                          for name in ("paid", "open", "bytes")]
        for name in ("paid", "open", "bytes"):
            cls.recipe.wait_playlist(f"/stream/{name}/source.m3u8", 2, timeout=20)

    @classmethod
    def enter(cls, context):
        context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        return context

    def listed(self, stream="paid"):
        return playlist(self.recipe.get(f"/stream/{stream}/source.m3u8").text).segments

    def test_a_segment_costs_its_time_once(self):
        self.grant("once", "0.5")
        segment = self.listed()[0]
        uri, seconds = segment.uri, segment.duration
        before = units(wait_for(lambda: self.account("userId=once")["balance"], 5, "a balance"))
        first = self.recipe.get(f"{uri}?userId=once")
        self.assertEqual(first.status, 200, first.text)
        self.assertEqual(first.headers["cache-control"], "private, max-age=3600, immutable")
        cost = before - units(self.account("userId=once")["balance"])
        self.assertAlmostEqual(cost, seconds * 0.6 / 60 * UNIT, delta=UNIT * 0.0001)
        with concurrent.futures.ThreadPoolExecutor(8) as tabs:  # of the same viewer
            again = list(tabs.map(lambda _: self.recipe.get(f"{uri}?userId=once").status, range(8)))
        self.assertEqual(set(again), {200})
        cmaf = uri.replace(".ts", ".m4s")
        self.assertEqual(self.recipe.get(f"{cmaf}?userId=once").status, 200)
        self.assertEqual(self.recipe.get(f"{cmaf.replace('source', 'audio')}?userId=once").status,
                         200)
        self.assertEqual(before - units(self.account("userId=once")["balance"]), cost)
        part = self.recipe.get(f"{uri}?userId=once", headers={"Range": "bytes=0-99"})
        self.assertEqual((part.status, len(part.body)), (206, 100))
        self.assertEqual(before - units(self.account("userId=once")["balance"]), cost)

    def test_what_is_free_stays_free(self):
        for path in ("/stream/paid.m3u8", "/stream/paid/source.m3u8", "/stream/paid/live.m3u8",
                     "/stream/paid/source/live.m3u8", self.listed("open")[0].uri):
            answer = self.recipe.get(path)
            self.assertEqual(answer.status, 200, path)
            self.assertNotIn("set-cookie", answer.headers)
        segment = self.listed()[0].uri
        self.assertEqual(self.recipe.get(segment, method="HEAD").status, 200)

    def test_nobody_pays_402(self):
        answer = self.recipe.get(self.listed()[0].uri)
        told = self.problem(answer)
        self.assertEqual((told["price"], told["per"], told["asset"]), ("0.6", "minute", "USD"))
        self.assertAlmostEqual(units(told["missing"]), self.listed()[0].duration * UNIT // 100,
                               delta=UNIT * 0.0001)
        self.assertEqual(told["paymentPointer"], "$wallet.example/me")
        self.assertIn("HttpOnly", answer.headers["set-cookie"])
        self.assertIn(told["token"], answer.headers["set-cookie"])

    def test_an_empty_account_goes_on_when_money_comes(self):
        uri = self.listed()[-1].uri
        told = self.problem(self.recipe.get(f"{uri}?userId=empty"))
        self.assertEqual(told["balance"], "0")
        self.assertGreater(units(told["missing"]), 0)
        version = self.account("userId=empty")["version"]
        with concurrent.futures.ThreadPoolExecutor(1) as page:
            waits = page.submit(self.recipe.get,
                                f"/account.json?userId=empty&wait=30&version={version}", timeout=60)
            wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 10, "it waits")
            self.grant("empty", "1")
            told = json.loads(waits.result().text)
        self.assertEqual(told["balance"], "1")
        self.assertEqual(self.recipe.get(f"{uri}?userId=empty").status, 200)

    def test_bytes_cost_what_was_sent(self):
        self.grant("bytes", "1")
        segment = self.listed("bytes")[0]
        whole = self.recipe.get(f"{segment.uri}?userId=bytes")
        self.assertEqual(whole.status, 200, whole.text)
        part = self.recipe.get(f"{segment.uri}?userId=bytes", headers={"Range": "bytes=-1000"})
        self.assertEqual(part.body, whole.body[-1000:])
        sent = len(whole.body) + 1000
        wait_for(lambda: abs(UNIT - units(self.account("userId=bytes")["balance"]) -
                             sent * 50) <= 50, 10, f"{sent} bytes are billed")

    def test_rtmp_is_no_way_around(self):
        def play(name):
            return harness.run(["ffmpeg", "-v", "error", "-i", self.recipe.rtmp(name), "-t", "1",
                                "-c", "copy", "-f", "null", "-"], 40).returncode

        self.assertEqual(play("open"), 0)
        self.assertNotEqual(play("paid"), 0)
        self.assertIn("it over HTTP", self.recipe.broadcaster.log())

    def test_forged_tokens_are_none(self):
        uri = self.listed()[0].uri
        good = json.loads(self.recipe.get(uri).text)["token"]
        for bad in ("x", good[:-1], good[:-1] + ("0" if good[-1] != "0" else "1"),
                    "0" * 32 + good[32:], good + "0", "%00", "a" * 3000):
            answer = self.recipe.get(f"{uri}?token={bad}")
            self.assertIn(answer.status, (400, 402, 404, 414), bad)
            if answer.status == 402:
                self.assertEqual(answer.text.count(good), 0)
        told = self.problem(self.recipe.get(f"{uri}?token={good[:-1]}z"))
        self.assertIn("token", told["type"])

    def test_status_and_metrics(self):
        OpenApi().judge("GET", "/status", self.recipe.broadcaster.control("/status"))
        self.problem(self.recipe.get(self.listed()[0].uri + "?userId=nothing"))
        self.assertGreater(self.recipe.broadcaster.metrics()["sbe_paywall_refused_total"], 0)
        wrong = harness.run([harness.BIN / "pay", "list", "-url",
                             f"http://127.0.0.1:{self.recipe.broadcaster.cli_port}"])
        self.assertEqual(wrong.returncode, 1)
        self.assertIn("is no orchestrator: name its -cliAddr", wrong.stderr)

    def test_pages_say_that_it_costs(self):
        page = self.recipe.get("/stream/paid", headers={"Accept": "text/html"})
        self.assertIn('<meta name="payment"', page.text)
        self.assertIn('<link rel="monetization" href="https://wallet.example/me">', page.text)
        self.assertIn("monetization-src https://wallet.example",
                      page.headers["content-security-policy"])
        wallets_pay = {path: 'rel="monetization"' in
                       self.recipe.get(path, headers={"Accept": "text/html"}).text
                       for path in ("/", "/publish", "/multi", "/demo", "/embed/paid")}
        self.assertEqual(wallets_pay, {"/": False, "/publish": False, "/multi": True, "/demo": True,
                                       "/embed/paid": True}, "where the server is told of it")
        config = self.recipe.get("/config.js")
        self.assertEqual(config.headers["content-type"], "application/javascript")
        self.assertIn("export const pricePerMinute = 0.6;", config.text)

    def test_posts_that_are_none(self):
        def post(body, path="/verifyReceipt", **headers):
            return self.recipe.get(path, method="POST", body=body, headers=headers)

        for body in (b"", b"{", b"[]", b"null", b'{"amount":-1}', b'{"amount":"-5"}', b"\xff" * 100,
                     b'{"amount":"5","assetScale":2,"receipt":"x"}',
                     b'{"receipt":"AAAA","paymentPointer":"$other.example/x"}', b"{" * 8000):
            answer = post(body)
            self.assertEqual(answer.status, 400, (body[:60], answer.text))
            self.assertIsNone(number(answer.text), answer.text)
        self.assertEqual(post(b"x" * 9000).status, 413)
        self.assertEqual(post(b'{"incomingPayment":"file:///etc/passwd"}', "/monetization").status,
                         400)
        self.assertEqual(post(b"{}", "/account.json").status, 405)
        self.assertEqual(self.recipe.get("/receipts/%24other.example").status, 404)
        allowed = self.recipe.get("/verifyReceipt", method="OPTIONS",
                                  headers={"Origin": "https://page.example"})
        self.assertEqual(allowed.status, 204)
        self.assertIn("POST", allowed.headers["access-control-allow-methods"])


def number(text):
    try:
        return float(text)
    except ValueError:
        return None


class Files(Paying):
    PRICE = 1  # a megabyte

    @classmethod
    def setUpClass(cls):
        cls.media = temp_dir()
        cls.bytes = bytes(i * 7 % 251 for i in range(1_000_000))
        (cls.media / "film.bin").write_bytes(cls.bytes)
        cls.recipe = payments("-pricePerMB", "1", "-allowUserId", "-mediaPath", cls.media,
                              "-paywallThreshold", "0.1")
        cls.recipe.__enter__()
        cls.addClassCleanup(cls.recipe.__exit__, None, None, None)
        cls.drain("preview")

    @classmethod
    def drain(cls, viewer):
        """This address has had its preview."""
        answer = cls.open(viewer)
        got = answer.take(6 * PIECE)  # 0.1 pays for so many whole ones
        assert len(got) == 6 * PIECE, len(got)
        answer.close()

    class Stream:
        """A body as it comes."""

        def __init__(self, port, path, headers="", window=None):
            self.socket = socket.socket()
            self.socket.settimeout(20 * harness.TIME_SCALE)
            if window:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            self.socket.connect(("127.0.0.1", port))
            self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
            self.head = b""
            while b"\r\n\r\n" not in self.head:
                more = self.socket.recv(1)
                assert more, self.head
                self.head += more
            self.body = b""

        def take(self, n):
            while len(self.body) < n:
                try:
                    more = self.socket.recv(65536)
                except TimeoutError:
                    break
                if not more:
                    break
                self.body += more
            return self.body

        def close(self):
            self.socket.close()

    @classmethod
    def open(cls, viewer, headers="", window=None):
        return cls.Stream(cls.recipe.http_port, f"/media/film.bin?userId={viewer}", headers, window)

    def spent(self, viewer, granted):
        return granted - units(self.account(f"userId={viewer}")["balance"])

    def test_it_trickles_as_the_account_pays(self):
        answer = self.open("slow")
        self.assertIn(b" 200 ", answer.head)
        self.assertIn(b"Content-Length: 1000000", answer.head)
        self.assertIn(b"private", answer.head)
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 10, "it waits")
        self.grant("slow", "0.5")
        begin = time.monotonic()
        first = answer.take(1)
        woken = time.monotonic() - begin
        self.assertTrue(first)
        print(f"from the grant's answer to bytes: {woken * 1000:.0f} ms")
        body = answer.take(500_000 - PIECE)
        self.assertEqual(body, self.bytes[:len(body)])
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 10, "it waits")
        self.assertLessEqual(len(answer.take(0)), 500_000)  # the piece behind it costs more
        self.grant("slow", "0.5")
        self.assertEqual(answer.take(1_000_000), self.bytes)  # the last byte included
        answer.close()
        wait_for(lambda: self.spent("slow", UNIT) == UNIT, 10, "all is billed, not more")

    def test_ranges_cost_what_they_are(self):
        self.grant("ranges", "1")
        for header, part in (("bytes=100000-100099", self.bytes[100000:100100]),
                             ("bytes=-50", self.bytes[-50:]), ("bytes=0-0", self.bytes[:1]),
                             ("bytes=999900-", self.bytes[-100:])):
            answer = self.recipe.get("/media/film.bin?userId=ranges", headers={"Range": header})
            self.assertEqual((answer.status, answer.body), (206, part), header)
        wait_for(lambda: self.spent("ranges", UNIT) == 251 * 1000, 10, "251 bytes are billed")

    def test_who_leaves_is_not_billed_for_the_rest(self):
        self.grant("left", "1")
        answer = self.open("left")
        answer.take(PIECE)
        answer.close()
        wait_for(lambda: self.recipe.broadcaster.status()["media"]["open"] == 0, 20, "it is closed")
        self.assertLess(self.spent("left", UNIT), UNIT)
        held = self.open("leaver")
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 10, "it waits")
        held.close()
        wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"] == 0, 20,
                 "nobody waits for who has gone")
        self.grant("leaver", "1")
        wait_for(lambda: self.account("userId=leaver")["balance"] == "1", 10, "all is still there")

    def test_who_reads_slowly_is_not_billed_far_ahead(self):
        """What the server's own socket could take is no reason to bill it."""
        self.grant("reader", "1")
        answer = self.open("reader", window=8192)
        read = len(answer.take(2 * PIECE))

        def settled():
            before = self.spent("reader", UNIT)
            return before if before > 0 and all(self.spent("reader", UNIT) == before
                                                for _ in range(100)) else None

        billed = wait_for(settled, 20, "no more is billed") // 1000
        self.assertLessEqual(billed, read + 4 * PIECE)
        answer.take(1_000_000)
        self.assertEqual(answer.body, self.bytes)
        answer.close()
        wait_for(lambda: self.spent("reader", UNIT) == UNIT, 10, "all is billed in the end")

    def test_two_tabs_share_one_balance(self):
        self.grant("tabs", "1")
        with concurrent.futures.ThreadPoolExecutor(2) as tabs:
            def tab(first):
                return self.recipe.get("/media/film.bin?userId=tabs", timeout=60,
                                       headers={"Range": f"bytes={first}-{first + 499_999}"})

            halves = list(tabs.map(tab, (0, 500_000)))
        self.assertEqual(b"".join(h.body for h in halves), self.bytes)
        wait_for(lambda: self.spent("tabs", UNIT) == UNIT, 10, "one file is billed")

    def test_two_tabs_share_too_little(self):
        """Both stand when it is used up, and both go on when more comes."""
        halves = (0, 500_000)
        tabs = [self.open("few", f"Range: bytes={n}-{n + 499_999}\r\n") for n in halves]
        granted = 0
        with concurrent.futures.ThreadPoolExecutor(2) as readers:
            bodies = [readers.submit(tab.take, 500_000) for tab in tabs]
            for amount in ("0.4", "0.6"):
                wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"] == 2, 10,
                         "both wait")
                self.grant("few", amount)
                granted += units(amount)
                wait_for(lambda: self.spent("few", granted) > granted - PIECE * 1000, 10,
                         "it is used up")
            for n, body in zip(halves, bodies):
                self.assertEqual(body.result(), self.bytes[n:n + 500_000])
        for tab in tabs:
            tab.close()
        wait_for(lambda: self.spent("few", UNIT) == UNIT, 10, "one file is billed")

    def test_previews_are_not_for_invented_ids(self):
        for n in range(5):
            told = self.account(f"userId=invented{n}")
            self.assertEqual(told["preview"], "0")

    def test_no_account_no_bytes(self):
        for sends, n in (("bytes=0-", PIECE), ("bytes=-100", 100), ("bytes=7-16", 10)):
            told = self.problem(self.recipe.get("/media/film.bin", headers={"Range": sends}))
            self.assertEqual(units(told["missing"]), n * 1000, "so much, and it begins")
        told = self.problem(self.recipe.get("/media/film.bin"))
        self.assertEqual((told["balance"], units(told["missing"])), (None, PIECE * 1000))
        self.grant("begins", told["missing"])
        begins = self.open("begins")
        self.assertEqual(begins.take(PIECE), self.bytes[:PIECE])
        begins.close()
        self.assertEqual(self.recipe.get("/media/film.bin", method="HEAD").status, 200)


class Minutes(Paying):
    def test_a_file_by_the_minute(self):
        media = temp_dir()
        film = media_clips.video(media / "film.mp4", seconds=4).read_bytes()
        made = harness.run(["ffmpeg", "-v", "error", "-i", media / "film.mp4", "-c", "copy",
                            "-f", "matroska", "-live", "1", media / "endless.mkv"])
        self.assertEqual(made.returncode, 0, made.stderr)
        (media / "film.vtt").write_text("WEBVTT\n", encoding="utf-8")
        (media / "piece.m4s").write_bytes(bytes(1000))
        (media / "broken.mp4").write_bytes(bytes(1000))
        with payments("-pricePerMinute", "0.6", "-allowUserId", "-mediaPath",
                      media) as self.recipe:
            self.grant("min", "1")
            wait_for(lambda: self.recipe.get("/media/film.mp4?userId=min").body == film, 20,
                     "it is sent")
            wait_for(lambda: abs(UNIT - units(self.account("userId=min")["balance"]) -
                                 UNIT * 4 // 100) < UNIT // 100, 10, "four seconds are billed")
            for viewer in ("", "?userId=min"):  # what costs nothing needs no account
                self.assertEqual(self.recipe.get("/media/film.vtt" + viewer).text, "WEBVTT\n")
            told = self.problem(self.recipe.get("/media/film.mp4"))
            first = min(PIECE, len(film)) / len(film) * 4 * UNIT / 100
            self.assertAlmostEqual(units(told["missing"]), first, delta=first / 50)
            self.assertEqual(self.recipe.get("/media/piece.m4s?userId=min").status, 503)
            self.assertEqual(self.recipe.get("/media/piece.m4s").status, 503, "nobody may buy it")
            wait_for(lambda: self.recipe.get("/media/broken.mp4?userId=min").status == 500, 20,
                     "what cannot be read is not given away")
            (media / "film.xyz").write_bytes(b"what is this")  # may be a film: not free by the minute
            wait_for(lambda: self.recipe.get("/media/film.xyz?userId=min").status == 500, 20,
                     "a file of an unknown kind is not given away")
            wait_for(lambda: self.recipe.get("/media/endless.mkv?userId=min").status == 500, 20,
                     "nor is what does not say how long it is")


class Receipts(Paying):
    FLAGS = []  # of both roles

    """The known pages' way: the wallet is asked through /receipts/, receipts come to /verifyReceipt."""

    def setUp(self):
        self.wallet = Wallet()
        self.addCleanup(self.wallet.close)
        pointer = self.wallet.pointer
        media = temp_dir()
        (media / "film.bin").write_bytes(bytes(10_000))
        self.recipe = Recipe(
            transcoders=0,
            orchestrator_flags=["-payments", "-paymentPointer", pointer, "-allowHttpPayments",
                                *self.FLAGS],
            broadcaster_flags=["-pricePerMB", "0.001", "-allowUserId", "-mediaPath", media,
                               "-paymentPointer", pointer, *self.FLAGS])
        self.recipe.__enter__()
        self.addCleanup(self.recipe.__exit__, None, None, None)
        wait_for(lambda: self.query(pointer).status == 200, 15, "the wallet is asked")
        headers = self.wallet.asked[-1][1]
        self.nonce, self.secret = (base64.b64decode(headers[n])
                                   for n in ("Receipt-Nonce", "Receipt-Secret"))

    def query(self, pointer):
        return self.recipe.get("/receipts/" + urllib.parse.quote(pointer, safe=""),
                               headers={"Accept": SPSP})

    def tell(self, total, **changes):
        told = {"amount": str(total), "assetScale": 9, "assetCode": "XRP", "requestId": "x",
                "paymentPointer": self.recipe.url("/receipts/") +
                urllib.parse.quote(self.wallet.pointer, safe=""),
                "receipt": sign(self.nonce, self.secret, total), "userId": "me", **changes}
        return self.recipe.get("/verifyReceipt", method="POST", body=json.dumps(told).encode(),
                               headers={"Content-Type": "application/json",
                                        "Origin": "https://page.example"})

    def test_a_receipt_pays_for_a_file(self):
        self.assertEqual(self.query("$other.example/x").status, 404)
        first = self.tell(6000)
        self.assertEqual((first.status, first.text.strip()), (200, "0.000006"))
        self.assertTrue(first.headers["content-type"].startswith("text/plain"))
        self.assertEqual(first.headers["access-control-allow-origin"], "*")
        for _ in range(2):  # the second time because the answer was lost
            self.assertEqual(self.tell(15000).text.strip(), "0.000015")
        for bad in (self.tell(15000, userId="thief"), self.tell(9000), self.tell(2 ** 64 - 1, amount="1", receipt="AAAA"),
                    self.tell(20000, receipt=sign(self.nonce, bytes(32), 20000)),
                    self.tell(20000, paymentPointer="$other.example/x"),
                    self.tell(20000, amount="-1"), self.tell(20000, assetScale=2)):
            self.assertIsNone(number(bad.text), bad.text)
        self.assertEqual(self.tell(16000, amount="99").text.strip(), "0.000016")
        self.assertEqual(len(self.recipe.get("/media/film.bin?userId=me").body), 10_000)
        wait_for(lambda: self.account("userId=me")["balance"] == "0.000006", 10, "10 kB are billed")

    def test_without_user_ids_the_cookie_counts(self):
        cookie = self.recipe.get("/account.json").headers["set-cookie"].split(";")[0]
        told = json.dumps({"receipt": sign(self.nonce, self.secret, 500),
                           "paymentPointer": self.wallet.pointer}).encode()
        answer = self.recipe.get("/verifyReceipt", method="POST", body=told)
        self.assertEqual(answer.status, 403)
        answer = self.recipe.get("/verifyReceipt", method="POST", body=told,
                                 headers={"Cookie": f"a=b; {cookie}"})
        self.assertEqual((answer.status, answer.text.strip()), (200, "0.0000005"))


class CoarseReceipts(Receipts):
    """The wallet counts in cents, the ledger in smaller units; pages say what their wallet says."""
    FLAGS = ["-receiptScale", "2"]

    def test_a_receipt_pays_for_a_file(self):
        self.assertIsNone(number(self.tell(5).text))  # a lie about the scale brings nothing
        self.assertEqual(self.tell(5, assetScale=2).text.strip(), "0.05")

    test_without_user_ids_the_cookie_counts = None


class Ledger(Paying):
    def test_leases_go_back_at_the_end(self):
        media = temp_dir()
        (media / "a.bin").write_bytes(bytes(100_000))
        with payments("-pricePerMB", "1", "-allowUserId", "-mediaPath", media) as self.recipe:
            self.grant("ends", "1")
            self.assertEqual(len(self.recipe.get("/media/a.bin?userId=ends").body), 100_000)
            self.recipe.broadcaster.stop()
            self.assertEqual(self.balance("viewer:user-ends"), UNIT // 10 * 9)
            self.assertEqual(self.earned(), UNIT // 10)

    def test_an_orchestrator_that_dies_and_comes_back(self):
        media = temp_dir()
        film = bytes(range(250)) * 4000
        (media / "film.bin").write_bytes(film)
        with payments("-pricePerMB", "1", "-allowUserId", "-mediaPath", media) as self.recipe:
            self.grant("stays", "2")
            get = self.recipe.get
            part = get("/media/film.bin?userId=stays", headers={"Range": "bytes=0-9999"})
            self.assertEqual(part.body, film[:10_000])
            self.recipe.orchestrator.kill()
            part = get("/media/film.bin?userId=stays", headers={"Range": "bytes=10000-19999"})
            self.assertEqual(part.body, film[10_000:20_000])  # within the lease
            with concurrent.futures.ThreadPoolExecutor(1) as viewer:
                whole = viewer.submit(get, "/media/film.bin?userId=stays", timeout=120)
                wait_for(lambda: self.recipe.broadcaster.status()["paywall"]["waiting"], 20,
                         "it waits for the ledger")
                self.recipe.orchestrator = self.recipe.orchestrator.again()
                self.assertEqual(whole.result().body, film)
            self.recipe.broadcaster.stop()
            self.assertEqual(self.earned(), UNIT + UNIT // 50)
            self.assertEqual(self.balance("viewer:user-stays"), UNIT - UNIT // 50)

    def test_without_an_orchestrator_that_answers(self):
        """It keeps no accounts: previews go on, and stay what they are over restarts."""
        media = temp_dir()
        (media / "a.bin").write_bytes(bytes(100_000))

        def preview(who):
            return units(self.account(f"userId={who}")["preview"])

        def watch(first):
            answer = self.recipe.get("/media/a.bin?userId=x",
                                     headers={"Range": f"bytes={first}-{first + 9999}"})
            self.assertEqual(answer.status, 206)

        with Recipe(transcoders=0, broadcaster_flags=[
                "-pricePerMB", "1", "-allowUserId", "-mediaPath", media, "-paywallThreshold",
                "0.05"]) as self.recipe:
            watch(0)
            self.assertEqual(self.account("userId=x")["balance"], "0.04")
            kept = self.recipe.broadcaster.data_dir / "previews"
            wait_for(kept.exists, 10, "it is kept who has had one")
            self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
            self.recipe.broadcaster.kill()
            self.recipe.broadcaster = self.recipe.broadcaster.again()
            self.assertEqual(preview("y"), 0)  # of the same address
            left = preview("x")
            self.assertIn(left, (UNIT // 20, UNIT // 25))  # what was written last
            watch(10_000)
            self.recipe.broadcaster.stop()
            self.recipe.broadcaster = self.recipe.broadcaster.again()
            self.assertEqual((preview("x"), preview("y")), (left - UNIT // 100, 0))

    def test_a_broadcaster_that_is_killed_loses_little(self):
        media = temp_dir()
        (media / "film.bin").write_bytes(bytes(40 * PIECE))
        with payments("-pricePerMB", "1", "-allowUserId", "-mediaPath", media) as self.recipe:
            cost = PIECE * 1000  # of a piece, the largest thing that is paid for at once
            self.grant("lost", "1")
            for n in range(20):
                part = self.recipe.get("/media/film.bin?userId=lost", headers={
                    "Range": f"bytes={n * PIECE}-{(n + 1) * PIECE - 1}"})
                self.assertEqual(len(part.body), PIECE)
            wait_for(lambda: self.earned() >= 19 * cost, 5, "all but a piece is charged")
            self.recipe.broadcaster.kill()
            self.assertIn(self.earned(), (19 * cost, 20 * cost))
            audit = json.loads(self.recipe.orchestrator.control("/auditAccounts").text)
            self.assertEqual((audit["faults"], audit["owed"]), (0, "0"))

    def test_what_could_not_be_billed_at_the_end_is_said(self):
        media = temp_dir()
        (media / "a.bin").write_bytes(bytes(100_000))
        with payments("-pricePerMB", "1", "-allowUserId", "-mediaPath", media) as self.recipe:
            self.grant("end", "1")
            for first, last in ((0, 9999), (10_000, 19_999)):
                part = self.recipe.get("/media/a.bin?userId=end",
                                       headers={"Range": f"bytes={first}-{last}"})
                self.assertEqual(part.status, 206)
                if first == 0:
                    wait_for(lambda: self.earned() == 10_000_000, 10, "the first is billed")
                    self.recipe.orchestrator.kill()
            self.recipe.broadcaster.stop()
            self.assertIn("paywall unpaid amount=10000000 what viewers have used is not paid",
                          self.recipe.broadcaster.log())

    def test_prices_are_read_again(self):
        media, prices = temp_dir(), temp_dir() / "prices.yaml"
        (media / "a.bin").write_bytes(bytes(1000))
        prices.write_text("files:\n  a.bin: {perMB: 1}\n", encoding="utf-8")
        with payments("-pricePerMB", "2", "-allowUserId", "-mediaPath", media,
                      "-prices", prices) as self.recipe:
            b = self.recipe.broadcaster

            def price():
                return json.loads(self.recipe.get("/account.json?userId=x&file=a.bin").text)["price"]
            self.assertEqual(price(), "1")
            prices.write_text("files:\n  a.bin: {perMB: 3}\n", encoding="utf-8")
            b.popen.send_signal(signal.SIGHUP)
            wait_for(lambda: price() == "3", 10, "the new price")
            prices.write_text("files:\n  a.bin: {perHour: 4}\n", encoding="utf-8")
            b.popen.send_signal(signal.SIGHUP)
            b.wait_log("there is no such price")
            b.wait_log("the prices from before stay in force")
            self.assertEqual(price(), "3")


class Flags(TestCase):
    def refused(self, *flags):
        done = harness.run([harness.BIN / "broadcaster", "-rtmpAddr", "127.0.0.1:0", "-httpAddr",
                            "127.0.0.1:0", "-cliAddr", "127.0.0.1:0", "-datadir", temp_dir(),
                            *flags])
        self.assertEqual(done.returncode, 1, done.stderr)
        return done.stdout + done.stderr

    def test_another_ledgers_money_is_not_taken_for_ours(self):
        """With other digits behind the point all prices would be a thousand times what is meant."""
        media = temp_dir()
        (media / "a.bin").write_bytes(bytes(1000))
        for flags, found in ((["-ledgerScale", "6"], "USD with 6 digits"),
                             (["-ledgerAsset", "EUR"], "EUR with 9 digits")):
            with Recipe(transcoders=0, orchestrator_flags=["-payments", *flags], broadcaster_flags=[
                    "-pricePerMB", "1", "-allowUserId", "-payPatience", "1s", "-mediaPath",
                    media]) as recipe:
                bank = wait_for(lambda: (b := recipe.broadcaster.status()["bank"])["trouble"] and b,
                                10, "the broadcaster says why")
                self.assertIn(found, bank["trouble"])
                recipe.broadcaster.wait_log("-ledgerScale")
                done = recipe.orchestrator.control("/grant?account=viewer:user-x&amount=1000000000",
                                                   method="POST", body=b"")
                self.assertEqual(done.status, 200)
                with self.assertRaises((OSError, http.client.HTTPException)):
                    recipe.get("/media/a.bin?userId=x")  # its head comes, its bytes do not
                OpenApi().judge("GET", "/status", recipe.broadcaster.control("/status"))
                told = json.loads(recipe.orchestrator.control("/account?account=viewer:user-x").text)
                self.assertEqual((told["balance"], told["held"]), ("1000000000", "0"))

    def test_what_cannot_be_meant_is_said(self):
        o = ("-orchAddr", "127.0.0.1:1")
        self.assertIn("choose one", self.refused(*o, "-pricePerMinute", "1", "-pricePerMB", "1"))
        self.assertIn("without a price", self.refused(*o, "-paymentPointer", "$a.example"))
        self.assertIn("needs an orchestrator", self.refused("-pricePerMB", "1"))
        self.assertIn("no amount", self.refused(*o, "-pricePerMB", "-1"))
        self.assertIn("-paywallThreshold", self.refused(*o, "-pricePerMB", "1", "-paywallThreshold",
                                                        "free"))
        self.assertIn("-paymentPointer", self.refused(*o, "-pricePerMB", "1", "-paymentPointer",
                                                      "me\"><script>"))


if __name__ == "__main__":
    harness.main()
