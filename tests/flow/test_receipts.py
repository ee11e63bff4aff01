# usual time: 15 s
"""STREAM receipts: the known verifier's interface on -receiptAddr, its wallet's proxy, a service."""
import base64
import concurrent.futures
import json
import os
import threading
import time

import harness
from harness import Role, free_port, wait_for
from openapi import OpenApi
from receipts_world import SEED, SPSP, ReceiptsCase, seed_id, secret_of, sign, vectors

NONCE_A = "000102030405060708090a0b0c0d0e0f"
NONCE_B = "f0e1d2c3b4a5968778695a4b3c2d1e0f"


class KnownAnswers(ReceiptsCase):
    def nonces_of_the_vectors(self):
        folder = self.data_dir / "receipts"
        folder.mkdir(mode=0o700)
        now = int(time.time() * 1000)
        lines = ["receipt nonces 1"] + [
            f"nonce {n} {seed_id()} {now} https://wallet.example/alice" for n in (NONCE_A, NONCE_B)]
        path = folder / "nonces"
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o600)

    def test_every_vector_in_order_also_over_restarts(self):
        self.nonces_of_the_vectors()
        role = self.start("$wallet.example/alice", "-receiptSeed", self.seed_file(SEED))
        known = vectors()
        self.assertEqual(len(known), 25)
        for i, (name, text, status, body, _) in enumerate(known):
            if i in (4, 10):
                role = self.restart(role, hard=i == 4)
            self.assertEqual(self.verify(text), (status, body), name)
        role = self.restart(role)
        for name, text, *_ in known:  # nothing counts twice
            self.assertNotEqual(self.verify(text)[0], 200, name)
        OpenApi().judge("GET", "/status", role.control("/status"))
        seen = role.status()["receipts"]["seen"]
        self.assertEqual(seen["good"], 0)
        self.assertGreater(seen["hmac"], 0)
        self.assertNotIn(base64.b64encode(SEED).decode(), role.log())

    def test_limits_and_other_requests(self):
        wallet = self.wallet()
        self.start(wallet.pointer)
        self.assertEqual(self.verify("A" * 81), (413, "request entity too large"))
        self.assertEqual(self.verify("A" * 80), (400, "receipt malformed"))
        self.assertEqual(self.ask("/verify", "POST", b"A" * 100000).status, 413)
        self.assertEqual(self.spend("nobody", 5), (404, "balance does not exist"))
        self.assertEqual(self.spend("nobody", 0), (404, "balance does not exist"))
        self.assertEqual(self.spend("nobody", "1" * 20), (413, "request entity too large"))
        self.assertEqual(self.spend("nobody", 2 ** 63),
                         (409, "spend amount exceeds max 64 bit signed integer"))
        self.assertEqual(self.spend("nobody", "x")[0], 400)
        self.assertEqual(self.spend("nobody", "")[0], 400)
        for method, path in (("GET", "/verify"), ("PUT", "/verify"), ("POST", "/"),
                             ("POST", "/balances/x"), ("POST", "/balances/:spend"),
                             ("POST", "/balances/a/b:spend"), ("POST", "/balances/%00:spend"),
                             ("POST", "/balances/%ff:spend"), ("DELETE", "/balances/x:spend")):
            self.assertEqual(self.ask(path, method, b"1").status, 404, path)
        options = self.ask("/anything", "OPTIONS", Origin="https://page.example")
        self.assertEqual(options.status, 204)
        self.assertEqual(options.headers["access-control-allow-origin"], "*")
        self.assertIn("web-monetization-id", options.headers["access-control-allow-headers"])
        self.assertEqual(self.ask("/verify", "POST", b"x").headers["access-control-allow-origin"],
                         "*")

    def test_flags_that_do_not_go_together(self):
        bad, open_to_all = harness.temp_dir() / "seed", harness.temp_dir() / "seed"
        bad.write_text("short\n")
        open_to_all.write_text(base64.b64encode(SEED).decode())
        open_to_all.chmod(0o666)
        pointer = ("-paymentPointer", "$a.example")
        cases = {
            ("-receiptAddr", "127.0.0.1:0"): "-paymentPointer",
            ("-paymentPointer", "http://127.0.0.1:1/x"): "-allowHttpPayments",
            ("-paymentPointer", "$a.example,nonsense"): "payment pointer such as",
            (*pointer, "-ledger", "off"): "-ledger off",
            (*pointer, "-receiptService", "https://verifier.example/x"): "/ at its end",
            (*pointer, "-receiptSeed", bad): "line 1",
            (*pointer, "-receiptSeed", open_to_all): "chmod 600",
        }
        started = [(words, Role("orchestrator",
                                ["-serviceAddr", f"127.0.0.1:{free_port()}", "-orchSecret",
                                 "secret", *flags], harness.temp_dir(), wait=False))
                   for flags, words in cases.items()]
        self.roles += [role for _, role in started]
        for words, role in started:
            self.assertNotEqual(role.wait(), 0)
            self.assertIn(words, role.log())


class Proxy(ReceiptsCase):
    def test_a_wallet_is_asked_with_our_nonce(self):
        wallet = self.wallet()
        role = self.start(f"$wallet.example/bob,{wallet.pointer}")
        answer = self.spsp(wallet.pointer)
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], SPSP)
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(json.loads(answer.text)["destination_account"], "test.wallet.abc")
        path, headers = wallet.asked[-1]
        self.assertEqual((path, headers["Accept"]), ("/alice", SPSP))
        self.assertEqual((len(headers["Receipt-Nonce"]), len(headers["Receipt-Secret"])), (24, 44))
        seed = (self.data_dir / "receipts" / "seed")
        self.assertEqual(seed.stat().st_mode & 0o777, 0o600)
        nonce = base64.b64decode(headers["Receipt-Nonce"])
        secret = secret_of(nonce, base64.b64decode(seed.read_text()))
        self.assertEqual(base64.b64decode(headers["Receipt-Secret"]), secret)
        self.assertNotEqual(self.nonce(wallet)[0], nonce)
        self.assertEqual(self.verify(sign(nonce, secret, 10)),
                         (200, '{"amount":"10","spspEndpoint":"%s"}' % wallet.pointer))
        self.assertNotIn(headers["Receipt-Secret"], role.log())

    def test_nothing_else_is_asked(self):
        wallet, other = self.wallet(), self.wallet()
        role = self.start(wallet.pointer)
        for pointer in (other.pointer, f"http://127.0.0.1:{wallet.port}/bob", "$wallet.example/bob",
                        wallet.pointer + "/../bob", wallet.pointer + "?x=1", "file:///etc/passwd",
                        f"http://user@127.0.0.1:{wallet.port}/alice", "", "x" * 3000):
            self.assertEqual(self.spsp(pointer).status, 404, pointer)
        self.assertEqual(self.ask("/" + wallet.pointer.replace("/", "%2F")).status, 404)  # no Accept
        self.assertEqual((wallet.asked, other.asked), ([], []))
        self.assertEqual(role.status()["receipts"]["queries"], 0)

    def test_a_private_address_is_not_asked(self):
        wallet = self.wallet()
        flags = [f for f in self.flags(f"$127.0.0.1:{wallet.port}/alice")
                 if f != "-allowHttpPayments"]
        self.roles.append(Role("orchestrator", flags, self.data_dir))
        answer = self.spsp(f"$127.0.0.1:{wallet.port}/alice")
        self.assertEqual(answer.status, 502)
        self.assertIn("public Internet", answer.text)
        self.assertEqual(wallet.asked, [])

    def test_wallets_that_misbehave(self):
        wallet, other = self.wallet(), self.wallet()
        role = self.start(wallet.pointer, "-walletTimeout", "60s")

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                for _ in range(160):
                    handler.wfile.write(b"x" * 65536)
            except OSError:
                pass

        cases = {
            "10 MB": (endless, 502),
            "redirects": (lambda h: h.answer(302, b"", Location=other.pointer), 502),
            "rubbish": (lambda h: h.answer(200, b"\x00<html>{"), 502),
            "empty": (lambda h: h.answer(200, b""), 502),
            "no account": (lambda h: h.answer(200, b'{"receipts_enabled":true}'), 502),
            "no receipts": (lambda h: h.answer(
                200, b'{"destination_account":"a","shared_secret":"b"}'), 409),
            "unknown": (lambda h: h.answer(404, b"{}"), 404),
            "breaks": (lambda h: h.connection.close(), 502),
            "fails": (lambda h: h.answer(500, b"oh"), 502),
        }
        for name, (behave, status) in cases.items():
            wallet.behave = behave
            answer = self.spsp(wallet.pointer)
            self.assertEqual(answer.status, status, f"{name}: {answer.text}")
        self.assertEqual(other.asked, [])
        self.assertLess(role.log().count("cannot be paid to"), len(cases))  # not each time
        self.assertEqual(role.status()["receipts"]["nonces"], 0)
        wallet.behave = None
        self.assertEqual(self.spsp(wallet.pointer).status, 200)

    def test_one_that_hangs_is_given_up(self):
        wallet, service = self.wallet(), self.wallet()
        hung = threading.Event()
        self.addCleanup(hung.set)
        self.start(wallet.pointer, "-walletTimeout", "300ms")
        wallet.behave = lambda h: hung.wait(60)
        self.assertEqual(self.spsp(wallet.pointer).status, 504)
        service.server.RequestHandlerClass.do_POST = wallet.behave
        self.data_dir = harness.temp_dir()
        self.start(wallet.pointer, "-walletTimeout", "300ms", "-receiptService",
                   f"http://127.0.0.1:{service.port}/")
        self.assertEqual(self.credit("a", sign(bytes(16), bytes(32), 1))[0], 504)

    def test_one_that_hangs_holds_up_nobody_else(self):
        slow, wallet = self.wallet(), self.wallet()
        go = threading.Event()
        self.addCleanup(go.set)
        slow.behave = lambda h: (go.wait(60), h.answer(500, b""))
        self.start(f"{slow.pointer},{wallet.pointer}", "-walletTimeout", "60s")
        with concurrent.futures.ThreadPoolExecutor(30) as pool:
            waiting = [pool.submit(self.spsp, slow.pointer) for _ in range(30)]
            wait_for(lambda: len(slow.asked) == 30, 20, "all are under way")
            nonce, secret = self.nonce(wallet)
            self.assertEqual(self.credit("x", sign(nonce, secret, 7)), (200, "7"))
            go.set()
            self.assertEqual({w.result().status for w in waiting}, {502})


class Service(ReceiptsCase):
    """A verifier of somebody else's: another orchestrator's."""

    def test_receipts_are_verified_there(self):
        wallet = self.wallet()
        self.start(wallet.pointer)
        there, theirs = self.port, self.data_dir
        nonce, secret = self.nonce(wallet)
        self.data_dir = harness.temp_dir()
        service = f"http://127.0.0.1:{there}/"
        role = self.start(wallet.pointer, "-receiptService", service,
                          "-receiptScale", "9", "-ledgerScale", "7")
        self.assertEqual(self.credit("a", sign(nonce, secret, 150)), (200, "1"))
        self.assertEqual(self.credit("a", sign(nonce, secret, 250)), (200, "2"))
        self.assertEqual(self.credit("a", sign(nonce, secret, 250)), (400, "expired receipt"))
        self.assertEqual(self.credit("a", sign(nonce, bytes(32), 300)), (400, "invalid hmac"))
        self.assertEqual(self.credit("a", "AgAA"), (400, "receipt malformed"))
        self.assertEqual(self.verify(sign(nonce, secret, 300))[0], 404)
        self.assertEqual(self.spsp(wallet.pointer).status, 404)
        self.assertEqual(json.loads(role.control("/auditAccounts").text)["faults"], 0)
        self.assertFalse((self.data_dir / "receipts" / "nonces").exists())
        self.assertTrue((theirs / "receipts").exists())

    def test_a_crash_between_its_answer_and_the_ledger_loses_nothing(self):
        wallet, service = self.wallet(), self.wallet()
        counted, silent, asked = {}, [], []

        def post(handler):
            raw = base64.b64decode(handler.rfile.read(int(handler.headers["Content-Length"])))
            stream, total = raw[17], int.from_bytes(raw[18:26], "big")
            new = total - counted.get(stream, 0)
            counted[stream] = max(counted.get(stream, 0), total)
            asked.append(total)
            if total in silent:
                silent.remove(total)
                gone.wait(60)  # it has counted, and its answer gets lost
                return
            handler.answer(*((400, b"expired receipt") if new <= 0 else (200, json.dumps(
                {"amount": str(new), "spspEndpoint": wallet.pointer}).encode())))

        service.server.RequestHandlerClass.do_POST = post
        nonce, gone = os.urandom(16), threading.Event()
        role = self.start(wallet.pointer, "-receiptService", f"http://127.0.0.1:{service.port}/",
                          "-walletTimeout", "60s")

        def lose(total, stream):
            silent.append(total)
            with concurrent.futures.ThreadPoolExecutor(1) as page:
                told = page.submit(self.credit, "a", sign(nonce, bytes(32), total, stream))
                wait_for(lambda: total in asked, 10, "the service is asked")
                again = self.restart(role)
                gone.set()
                gone.clear()
                self.assertIsNotNone(told.exception())
            return again

        def balance():
            answer = role.control("/account?account=balance:a")
            return int(json.loads(answer.text)["balance"]) if answer.status == 200 else 0

        self.assertEqual(self.credit("a", sign(nonce, bytes(32), 100)), (200, "100"))
        role = lose(250, 1)
        wait_for(lambda: balance() == 250, 20, "the lost receipt is credited")
        self.assertEqual(self.credit("a", sign(nonce, bytes(32), 250)), (400, "expired receipt"))
        self.assertEqual(self.credit("a", sign(nonce, bytes(32), 300)), (200, "300"))
        role = lose(40, 3)  # a stream's first one: the service does not say again whose it is
        wait_for(lambda: asked.count(40) == 2, 20, "it is asked again")
        self.assertEqual(self.credit("a", sign(nonce, bytes(32), 55, 3)), (200, "315"))
        wait_for(lambda: balance() == 355, 20, "with the next one it is known")
        role = self.restart(role)
        self.assertEqual(self.credit("a", sign(nonce, bytes(32), 60, 3)), (200, "360"))
        self.assertEqual(json.loads(role.control("/auditAccounts").text)["faults"], 0)

    def test_a_service_that_is_wrong(self):
        wallet, service = self.wallet(), self.wallet()
        self.start(wallet.pointer, "-receiptService", f"http://127.0.0.1:{service.port}/",
                   "-walletTimeout", "60s")
        says = []

        def post(handler):
            handler.rfile.read(int(handler.headers["Content-Length"]))
            handler.answer(*says[0])

        service.server.RequestHandlerClass.do_POST = post
        receipt = sign(os.urandom(16), bytes(32), 100)
        good = {"amount": "10", "spspEndpoint": wallet.pointer}
        for answer, status in (
                ((500, b""), 502), ((200, b"10"), 502), ((302, b""), 400),
                ((400, b"expired receipt"), 400),
                ((200, json.dumps({**good, "spspEndpoint": "$evil.example"}).encode()), 400),
                ((200, json.dumps({**good, "amount": "101"}).encode()), 502),
                ((200, json.dumps({**good, "amount": "-1"}).encode()), 502),
                ((200, b"[" * 100000), 502)):
            says[:] = [answer]
            self.assertEqual(self.credit("a", receipt)[0], status, answer)
        says[:] = [(200, json.dumps(good).encode())]
        self.assertEqual(self.credit("a", receipt), (200, "10"))


class RealPayment(ReceiptsCase):
    """With the public implementation of STREAM: a wallet, a connector and a payer on loopback."""

    def test_a_payment_credits_an_account(self):
        tools = harness.ROOT / "tests/node"
        port = free_port(3)
        with harness.Process(["node", tools / "ilp_wallet.mjs", port, port + 1, port + 2],
                             harness.temp_dir() / "wallet.log") as wallet:
            pointer = f"http://127.0.0.1:{port}/alice"
            wallet.wait_log("^ready$", timeout=60)
            role = self.start(pointer)
            proxied = f"http://127.0.0.1:{self.port}/" + pointer.replace("/", "%2F")
            payer = harness.run(["node", tools / "ilp_pay.mjs", proxied, port + 2, 27000],
                                timeout=90)
            self.assertEqual(payer.returncode, 0, payer.stdout + payer.stderr)
            paid = [json.loads(line) for line in payer.stdout.splitlines()]
            self.assertEqual(int(paid[-1]["sent"]), 27000)
            received = [line.split()[1] for line in wallet.log().splitlines() if " " in line]
            total = lambda p: int.from_bytes(base64.b64decode(p["receipt"])[18:26], "big")
            paid.sort(key=total)  # packets that are under way together may end in any order
            self.assertGreaterEqual(len(paid), 5)
            for p in paid:
                status, balance = self.credit("viewer", p["receipt"])
                self.assertEqual(status, 200, balance)
                self.assertIn(balance, received)
            self.assertEqual(balance, received[-1])
            self.assertEqual(self.credit("viewer", paid[-2]["receipt"]), (400, "expired receipt"))
            self.assertEqual(role.status()["receipts"]["seen"]["good"], len(paid))


if __name__ == "__main__":
    harness.main()
