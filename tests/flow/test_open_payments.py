"""Open Payments: a page names the incoming payment that its viewer's wallet pays into; the orchestrator
asks this site's own wallet what has come, with signatures or without, and credits the account."""
# usual time: 38 s
import concurrent.futures
import json
import sys
import time

import harness
from harness import Recipe, TestCase, temp_dir, wait_for
from openapi import OpenApi

sys.path.insert(0, str(harness.ROOT / "tests/support"))
from wallet import Wallet, new_key  # noqa: E402

KEY_ID = "site-key-1"
CENT = 10 ** 7  # of the ledger's units, scale 9


class Paying(TestCase):
    BROADCASTER_FLAGS = []

    def start(self, wallet, *flags):
        recipe = Recipe(transcoders=0,
                        orchestrator_flags=["-walletAddress", wallet.address, "-walletPoll", "100ms",
                                            "-walletTimeout", "1s", "-allowHttpPayments", *flags],
                        broadcaster_flags=["-pricePerMinute", "0.6", "-paymentPointer",
                                           wallet.address, "-allowUserId",
                                           *self.BROADCASTER_FLAGS])
        self.enterContext(recipe) if hasattr(self, "enterContext") else self.enter(recipe)
        self.recipe = recipe
        wait_for(lambda: recipe.broadcaster.status()["bank"]["connected"], 15, "it has its bank")
        wait_for(lambda: self.wallet_status()["asset"], 15, "the wallet has said what it is")

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def signed(self, **more):
        """A wallet that knows our key, and the flags to use it."""
        key, public = new_key(temp_dir())
        wallet = self.enter(Wallet({KEY_ID: public}, **more))
        return wallet, ["-walletKey", key, "-walletKeyId", KEY_ID]

    def wallet_status(self):
        return self.recipe.orchestrator.status()["wallet"]

    def post(self, url, viewer="eve", pointer=None, **more):
        body = {"incomingPayment": url, "paymentPointer": pointer or self.pointer,
                "userId": viewer, **more}
        return self.recipe.get("/monetization", method="POST", body=json.dumps(body).encode(),
                               headers={"Content-Type": "application/json"}, timeout=30)

    def balance(self, viewer="eve"):
        """In cents of what the ledger has of that viewer."""
        answer = self.recipe.orchestrator.control(f"/account?account=viewer:user-{viewer}")
        return json.loads(answer.text)["balance"] if answer.status == 200 else "0"

    def wait_balance(self, text, viewer="eve"):
        def there():
            found = self.recipe.get(f"/account.json?userId={viewer}").text
            return float(json.loads(found)["balance"]) == float(text)
        wait_for(there, 15, f"{viewer} has {text}")


class Signed(Paying):
    def setUp(self):
        self.wallet, flags = self.signed()
        self.pointer = self.wallet.address
        self.start(self.wallet, *flags)

    def test_what_comes_is_credited_once_and_as_it_grows(self):
        payment = self.wallet.create()
        self.wallet.pay(payment, 7)
        answer = self.post(payment)
        self.assertEqual((answer.status, float(answer.text)), (200, 0.07), answer.text)
        self.assertEqual(float(self.post(payment).text or 0), 0.07)  # said again: nothing more
        self.wallet.pay(payment, 5)
        self.wait_balance("0.12")
        self.assertEqual(self.wallet.faults, [])
        self.assertEqual(self.wallet_status()["form"], "authenticated")
        # money that comes long after its announcement is found, and a completed one is let go
        self.wallet.pay(payment, 1, complete=True)
        self.wait_balance("0.13")
        wait_for(lambda: self.wallet_status()["watched"] == 0, 15, "nothing is watched any more")
        asked = self.wallet.questions
        time.sleep(0.5)
        self.assertEqual(self.wallet.questions, asked)
        OpenApi().judge("GET", "/status", self.recipe.orchestrator.control("/status"))

    def test_another_wallets_payment_counts_for_nothing(self):
        payment = self.wallet.create(self.wallet.other)
        self.wallet.pay(payment, 500)
        answer = self.post(payment)
        self.assertEqual(answer.status, 403)
        self.assertIn("another wallet", answer.text)
        self.assertEqual(self.balance(), "0")

    def test_a_payment_belongs_to_whom_it_was_first_credited(self):
        payment = self.wallet.create()
        self.wallet.pay(payment, 3)
        self.assertEqual(self.post(payment, "first").status, 200)
        answer = self.post(payment, "second")
        self.assertEqual(answer.status, 409, answer.text)
        self.wait_balance("0.03", "first")
        self.wait_balance("0", "second")

    def test_a_token_that_was_taken_back_is_asked_for_anew(self):
        payment = self.wallet.create()
        self.wallet.pay(payment, 1)
        self.assertEqual(self.post(payment).status, 200)
        self.wallet.revoke()
        self.wallet.pay(payment, 1)
        self.wait_balance("0.02")
        self.assertGreaterEqual(self.wallet.grants, 2)

    def test_what_is_no_payment_of_ours_is_never_asked_for(self):
        asked = self.wallet.questions
        for url in ("http://127.0.0.1:1/incoming-payments/x", f"{self.wallet.url}/alice",
                    f"{self.wallet.url}/incoming-payments/../alice",
                    "http://169.254.169.254/incoming-payments/1", "file:///etc/passwd", "", "x" * 600):
            answer = self.post(url)
            self.assertIn(answer.status, (400, 403), f"{url}: {answer.text}")
            self.assertTrue(answer.text.strip())
        self.assertEqual(self.wallet.questions, asked)
        payment = self.wallet.create()
        self.assertEqual(self.post(payment, pointer="https://evil.example/bob").status, 400)
        self.assertEqual(self.post(payment[:-4] + "0000").status, 404)
        for body in (b"", b"[]", b"{", b'{"incomingPayment":7}', b"\xff" * 100, b"{" * 5000):
            answer = self.recipe.get("/monetization", method="POST", body=body)
            self.assertIn(answer.status, (400, 413), body[:20])

    def test_a_wallet_that_misbehaves_costs_nothing_and_is_asked_again(self):
        for trouble in ("500", "rubbish", "redirect", "huge", "hang"):
            self.wallet.trouble = trouble
            payment = self.wallet.create()
            self.wallet.pay(payment, 2)
            answer = self.post(payment, trouble)
            self.assertEqual(answer.status, 503, trouble)
            self.assertIn("wallet", answer.text)
        self.wallet.trouble = None
        self.wallet.hung.set()
        self.wait_balance("0.02", "hang")  # when the wallet is well again
        self.wait_balance("0.02", "500")
        for trouble in ("asset", "scale"):
            self.wallet.trouble = trouble
            other = self.wallet.create()
            self.wallet.pay(other, 2)
            answer = self.post(other, trouble)
            self.assertEqual(answer.status, 403, answer.text)
            self.assertIn("another asset", answer.text)
        self.assertTrue(self.recipe.orchestrator.alive())


class Unsigned(Paying):
    def test_without_a_key_the_provider_is_all_that_is_known(self):
        wallet = self.enter(Wallet(scale=3))
        self.pointer = wallet.address
        self.start(wallet)
        self.assertEqual(self.wallet_status()["form"], "public (weak)")
        self.assertIn("public_form", self.recipe.orchestrator.log())
        payment = wallet.create()
        wallet.pay(payment, 1234)
        self.assertEqual(float(self.post(payment).text), 1.234)
        foreign = wallet.create(wallet.other)
        wallet.pay(foreign, 1)
        self.assertEqual(self.post(foreign).status, 200)  # the weakness that the log names

    def test_money_survives_a_restart(self):
        wallet, flags = self.signed()
        self.pointer = wallet.address
        self.start(wallet, *flags)
        payment = wallet.create()
        wallet.pay(payment, 4)
        self.assertEqual(self.post(payment).status, 200)
        self.recipe.orchestrator.kill()
        wallet.pay(payment, 4)
        self.recipe.orchestrator = self.recipe.orchestrator.again()
        answer = wait_for(lambda: (a := self.post(payment)).status == 200 and a, 30,
                          "the payment is taken again")
        self.assertEqual(float(answer.text), 0.08)

    def test_said_again_while_the_wallet_is_asked(self):
        """What the account has is said then, and believed."""
        wallet, flags = self.signed()
        self.pointer = wallet.address
        self.start(wallet, *flags, "-walletTimeout", "5s")
        payment, slow = wallet.create(), wallet.create()
        wallet.pay(payment, 7, complete=True)
        self.assertEqual(float(self.post(payment).text), 0.07)
        wallet.trouble, asked = "hang", wallet.questions
        with concurrent.futures.ThreadPoolExecutor(1) as page:
            first = page.submit(self.post, slow)
            wait_for(lambda: wallet.questions > asked, 10, "the wallet is asked")
            again = self.post(slow)
            wallet.trouble = None
            wallet.hung.set()
            self.assertEqual((again.status, float(again.text)), (200, 0.07))
            self.assertEqual(first.result().status, 503)
        self.wait_balance("0.07")

    def test_each_payment_has_its_turn(self):
        """With more than a slow wallet can be asked about in time, all of which grow."""
        wallet = self.enter(Wallet())
        self.pointer = wallet.address
        self.start(wallet, "-walletTimeout", "10s")
        answer = wallet.payment

        def grows(h, name):
            time.sleep(0.2)
            wallet.pay("/" + name, 1)
            answer(h, name)
        wallet.payment = grows
        with concurrent.futures.ThreadPoolExecutor(96) as pages:
            told = list(pages.map(lambda n: self.post(wallet.create(), f"v{n // 8}").status,
                                  range(96)))
        self.assertEqual(told, [200] * 96)

    def test_a_wallet_in_another_currency_is_told_of(self):
        wallet = self.enter(Wallet(asset="EUR"))
        self.pointer = wallet.address
        with self.assertRaises(AssertionError):
            self.start(wallet)
        self.assertIn("-ledgerAsset", self.wallet_status()["trouble"])

    def test_a_key_that_is_none_is_refused_at_the_start(self):
        bad = temp_dir() / "bad.pem"
        bad.write_text("no key\n", encoding="utf-8")
        done = harness.run([harness.BIN / "orchestrator", "-datadir",
                            temp_dir(), "-orchSecret", "secret", "-serviceAddr",
                            f"127.0.0.1:{harness.free_port()}", "-cliAddr",
                            f"127.0.0.1:{harness.free_port()}", "-walletAddress",
                            "https://wallet.example/alice", "-walletKey", bad, "-walletKeyId", "k"])
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("no Ed25519 key", done.stdout + done.stderr)
        self.assertNotIn("no key\n", done.stdout.replace("no Ed25519 key", ""))


if __name__ == "__main__":
    harness.main()
