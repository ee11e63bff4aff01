"""The paywall behind the edge: whose request it is, what is one viewer's own, and what nobody can
forge. Viewers are addresses of loopback's network; the edge is 127.0.0.1, which the broadcaster
trusts."""
# usual time: 11 s
import concurrent.futures
import http.client
import json
import re
import urllib.parse

import harness
from edge import Edge
from harness import Answer, Recipe, ffmpeg_publish, playlist, temp_dir, wait_for

PROXY, ANN, BOB, EVE, DAN = (f"127.0.0.{i}" for i in range(1, 6))
PREVIEW = "0.05"
AT_ONCE = 3  # requests of one address
RATE = 12    # payments told of in a minute: five seconds for one more
POINTER = "$wallet.example/me"


class Behind(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        prices = temp_dir() / "prices.yaml"
        prices.write_text("streams:\n  open: free\n", encoding="utf-8")
        cls.recipe = cls.enterClassContext(Recipe(
            transcoders=0, orchestrator_flags=["-payments"],
            broadcaster_flags=["-pricePerMinute", "0.6", "-paywallThreshold", PREVIEW, "-prices",
                               prices, "-trustedProxies", PROXY, "-maxConnectionsPerAddress",
                               str(AT_ONCE), "-payRate", str(RATE), "-paymentPointer", POINTER,
                               "-httpIngest", "-publishDeny", "203.0.113.0/24"]))
        cls.edge = cls.enterClassContext(Edge(f"127.0.0.1:{cls.recipe.http_port}", EDGE_PAID="yes",
                                              EDGE_WAIT="own"))

    def ask(self, source, path, direct=False, method="GET", body=None, **headers):
        """One request from an address, through the edge or not. headers: X_Forwarded_For="..."."""
        timeout = 20 * harness.TIME_SCALE
        c = http.client.HTTPConnection(PROXY, self.recipe.http_port, timeout=timeout,
                                       source_address=(source, 0)) if direct else \
            http.client.HTTPSConnection(PROXY, self.edge.port, context=self.edge.tls(),
                                        timeout=timeout, source_address=(source, 0))
        try:
            c.request(method, path, body=body,
                      headers={k.replace("_", "-"): v for k, v in headers.items()})
            r = c.getresponse()
            return Answer(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read(), 0, path)
        finally:
            c.close()

    def account(self, token, source=ANN, **more):
        answer = self.ask(source, "/account.json", Cookie=f"__Host-sbe-viewer={token}", **more)
        self.assertEqual(answer.status, 200, answer.text)
        return json.loads(answer.text)

    def newcomer(self, source, **more):
        """Token and balance of a viewer who was never here."""
        told = json.loads(self.ask(source, "/account.json", **more).text)
        path = f"/account.json?token={told['token']}"
        # Null while the ledger does not answer.
        balance = wait_for(lambda: json.loads(self.ask(source, path, **more).text)["balance"], 10,
                           "the balance is known")
        return told["token"], balance

    def grant(self, token, amount):
        name = urllib.parse.quote("viewer:" + token.split("-")[0])
        answer = self.recipe.orchestrator.control(f"/grant?account={name}&amount={amount}",
                                                  method="POST", body=b"")
        self.assertEqual(answer.status, 200, answer.text)

    def segment(self, stream):
        def listed():
            answer = self.ask(ANN, f"/stream/{stream}/source.m3u8")
            return answer.status == 200 and playlist(answer.text).segments
        return wait_for(listed, 20, f"{stream} is listed")[-1].uri


class Addresses(Behind):
    def test_each_viewer_has_a_preview_and_nobody_forges_another_one(self):
        self.assertEqual(self.newcomer(ANN)[1], PREVIEW)
        self.assertEqual(self.newcomer(BOB)[1], PREVIEW)
        self.assertEqual(self.newcomer(ANN)[1], "0")
        forged = "198.51.100.9"
        for headers in ({"X_Forwarded_For": forged}, {"Forwarded": f"for={forged}"},
                        {"X_Forwarded_For": f"{forged}, {forged}"}, {"X_Real_IP": forged},
                        {"X_Forwarded_For": "nonsense", "Forwarded": "nonsense"}):
            self.assertEqual(self.newcomer(ANN, **headers)[1], "0", headers)
        # Who comes by himself is who he is, whatever he says.
        self.assertEqual(self.newcomer(EVE, direct=True, X_Forwarded_For=forged)[1], PREVIEW)
        self.assertEqual(self.newcomer(EVE, direct=True, X_Forwarded_For="198.51.100.8")[1], "0")
        self.assertEqual(self.newcomer(EVE)[1], "0")  # and the same through the edge
        # A proxy is believed, and what cannot be read counts as its own.
        self.assertEqual(self.newcomer(PROXY, direct=True, X_Forwarded_For=forged)[1], PREVIEW)
        self.assertEqual(
            self.newcomer(PROXY, direct=True, Forwarded="for=\"[2001:db8::1]\"")[1], PREVIEW)
        self.assertEqual(self.newcomer(PROXY, direct=True, X_Forwarded_For="nonsense")[1], PREVIEW)
        self.assertEqual(self.newcomer(PROXY, direct=True, X_Forwarded_For="more")[1], "0")
        self.recipe.broadcaster.wait_log(r"forwarded peer=127\.0\.0\.1 .*cannot be read")

    def test_requests_at_once_are_counted_for_each_viewer(self):
        token = self.newcomer(ANN)[0]
        version = self.account(token)["version"]
        path = f"/account.json?token={token}&wait=60&version={version}"
        waiting = lambda: self.recipe.broadcaster.status()["paywall"]["waiting"]  # noqa: E731
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as tabs:
            held = [tabs.submit(self.ask, ANN, path) for _ in range(AT_ONCE)]
            wait_for(lambda: waiting() == AT_ONCE, 10, "they wait")
            refused = self.ask(ANN, "/account.json")
            other = self.ask(BOB, "/account.json")
            self.grant(token, 10 ** 9)
            self.assertEqual({h.result().status for h in held}, {200})
        self.assertEqual((refused.status, other.status), (429, 200))
        self.assertIn("Too many requests of your address", refused.text)
        self.assertEqual(refused.headers["retry-after"], "1")
        wait_for(lambda: self.ask(ANN, "/account.json").status == 200, 10, "there is room again")
        self.assertGreater(self.recipe.broadcaster.status()["viewers"]["connections_refused"], 0)


    def test_who_pushes_is_judged_by_his_own_address(self):
        def push(source, address):
            return self.ask(source, "/live/pushed/0.ts", direct=True, method="PUT", body=b"x",
                            X_Forwarded_For=address).status
        self.assertEqual(push(PROXY, "203.0.113.9"), 403)
        self.assertNotEqual(push(PROXY, "198.51.100.9"), 403)
        self.assertNotEqual(push(EVE, "203.0.113.9"), 403)

    def test_who_has_money_does_not_suffer_from_his_neighbours(self):
        def tell(token):
            body = json.dumps({"receipt": "AAAA", "paymentPointer": POINTER})
            answer = self.ask(DAN, "/verifyReceipt", method="POST", body=body.encode(),
                              Cookie=f"__Host-sbe-viewer={token}")
            self.assertEqual(answer.headers.get("retry-after"),
                             {429: "60", 503: "1"}.get(answer.status))
            return answer.status
        rich, poor = self.newcomer(DAN)[0], self.newcomer(DAN)[0]
        self.grant(rich, 10 ** 9)
        wait_for(lambda: float(self.account(rich, DAN)["balance"]) >= 1, 10, "the money is there")
        self.assertNotIn(429, [tell(rich) for _ in range(RATE // 2)])
        told = wait_for(lambda: tell(poor) == 429, 60, "the address has told too much", interval=0)
        self.assertTrue(told)
        self.assertNotEqual(tell(rich), 429)
        self.assertEqual(self.ask(BOB, "/verifyReceipt", method="POST", body=b"{}").status, 400)


class Paying(Behind):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for name in ("paid", "open"):
            cls.enterClassContext(ffmpeg_publish(cls.recipe.rtmp(name), size="320x240",
                                                 bitrate="300k"))

    def test_the_cookie_is_for_https_alone(self):
        cookie = self.ask(ANN, "/account.json").headers["set-cookie"]
        self.assertRegex(cookie, r"^__Host-sbe-viewer=[0-9a-f-]+; Path=/; ")
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax"):
            self.assertIn(f"; {attribute}", cookie)
        self.assertNotIn("Domain", cookie)
        plain = self.ask(EVE, "/account.json", direct=True, X_Forwarded_Proto="https")
        self.assertRegex(plain.headers["set-cookie"], r"^sbe-viewer=")
        self.assertNotIn("Secure", plain.headers["set-cookie"])
        # Who has that one keeps his account when he comes by HTTPS.
        token = json.loads(plain.text)["token"]
        moved = self.ask(EVE, "/account.json", Cookie=f"sbe-viewer={token}")
        self.assertIn(f"__Host-sbe-viewer={token};", moved.headers["set-cookie"])

    def test_each_pays_for_himself_and_what_is_free_is_shared(self):
        path = self.segment("paid")
        refused = self.ask(ANN, path)
        self.assertEqual(refused.status, 402, refused.text)
        token = re.match(r"__Host-sbe-viewer=([^;]+)", refused.headers["set-cookie"])[1]
        self.grant(token, 10 ** 9)
        wait_for(lambda: float(self.account(token)["balance"]) >= 1, 10, "the money is there")
        before = float(self.account(token)["balance"])
        path = self.segment("paid")
        cookie = f"__Host-sbe-viewer={token}"
        self.assertEqual(self.ask(ANN, path, method="HEAD", Cookie=cookie).status, 200)
        self.assertEqual(float(self.account(token)["balance"]), before)
        paid = self.ask(ANN, path, Cookie=cookie)
        self.assertEqual(paid.status, 200, paid.text)
        self.assertIn("private", paid.headers["cache-control"])
        after = float(self.account(token)["balance"])
        self.assertLess(after, before)
        again = self.ask(ANN, path, Cookie=cookie)
        part = self.ask(ANN, path, Cookie=cookie, Range="bytes=10-19")
        self.assertEqual((again.body, part.status, part.body), (paid.body, 206, paid.body[10:20]))
        self.assertEqual(float(self.account(token)["balance"]), after)  # once for all of it
        self.assertEqual({a.headers["x-cache-status"] for a in (paid, again)}, {"MISS"})
        self.assertEqual(self.ask(BOB, path).status, 402)  # who has not paid gets nothing kept
        path = self.segment("open")
        free = [self.ask(who, path) for who in (ANN, BOB, EVE)]
        self.assertEqual([a.headers["x-cache-status"] for a in free], ["MISS", "HIT", "HIT"])
        self.assertEqual({a.body for a in free}, {free[0].body})

    def test_payments_are_told_of_and_nothing_else_is_posted(self):
        told = self.ask(ANN, "/verifyReceipt", method="POST", body=b"nonsense",
                        Content_Type="application/json")
        self.assertEqual((told.status, told.text.strip()), (400, "the body is no JSON object"))
        long = self.ask(ANN, "/monetization", method="POST", body=b"x" * 9000)
        self.assertEqual(long.status, 413)
        self.assertEqual(self.ask(ANN, "/receipts/x").status, 404)
        self.assertIn("paymentPointer", self.ask(ANN, "/config.js").text)
        for path in ("/", "/stream/paid.m3u8", "/account.json", "/live/a/1.ts"):
            refused = self.ask(ANN, path, method="POST", body=b"x")
            self.assertEqual((refused.status, refused.headers["allow"]),
                             (405, "GET, HEAD, POST, OPTIONS"), path)


if __name__ == "__main__":
    harness.main()
