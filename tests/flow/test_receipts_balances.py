# usual time: 11 s
"""What STREAM receipts bring to accounts: the known verifier's balances, and what of all that a pause,
another seed, another scale and a kill -9 leave."""
import concurrent.futures
import json
import threading
import time

import harness
from receipts_world import SEED, ReceiptsCase, secret_of, sign

HIGHEST = 40  # total of a source that is brought while the orchestrator is killed


class Balances(ReceiptsCase):
    def test_credit_and_spend(self):
        wallet = self.wallet()
        role = self.start(wallet.pointer)
        nonce, secret = self.nonce(wallet)
        first = sign(nonce, secret, 100)
        self.assertEqual(self.credit("Ann%20B", first), (200, "100"))
        self.assertEqual(self.credit("Ann%20B", first), (400, "expired receipt"))
        self.assertEqual(self.credit("Ann%20B", sign(nonce, secret, 99)), (400, "expired receipt"))
        self.assertEqual(self.credit("Ann%20B", sign(nonce, bytes(32), 200)), (400, "invalid hmac"))
        self.assertEqual(self.credit("Ann%20B", "AgAA"), (400, "receipt malformed"))
        self.assertEqual(self.credit("Ann%20B", "A" * 81), (413, "request entity too large"))
        self.assertEqual(self.credit("Ann%20B", sign(nonce, secret, 150)), (200, "150"))
        self.assertEqual(self.credit("Ann%20B", sign(nonce, secret, 30, stream=3)), (200, "180"))
        self.assertEqual(self.spend("Ann%20B", 181), (409, "insufficient balance"))
        self.assertEqual(self.spend("Ann%20B", 180), (200, "0"))
        self.assertEqual(self.spend("Ann%20B", 1), (409, "insufficient balance"))
        account = json.loads(role.control("/account?account=balance:Ann%20B").text)
        self.assertEqual(account["balance"], "0")
        self.assertEqual(json.loads(role.control("/auditAccounts").text)["faults"], 0)

    def test_who_comes_first_has_the_stream(self):
        wallet = self.wallet()
        role = self.start(wallet.pointer)
        nonce, secret = self.nonce(wallet)
        self.assertEqual(self.credit("a", sign(nonce, secret, 10)), (200, "10"))
        self.assertEqual(self.credit("b", sign(nonce, secret, 20)), (400, "expired receipt"))
        self.assertEqual(self.verify(sign(nonce, secret, 20)), (400, "expired receipt"))
        self.assertEqual(self.verify(sign(nonce, secret, 20, stream=5))[0], 200)
        self.assertEqual(self.credit("b", sign(nonce, secret, 30, stream=5)),
                         (400, "expired receipt"))
        self.restart(role)
        self.assertEqual(self.verify(sign(nonce, secret, 40)), (400, "expired receipt"))
        self.assertEqual(self.credit("b", sign(nonce, secret, 40, stream=5)),
                         (400, "expired receipt"))
        self.assertEqual(self.credit("a", sign(nonce, secret, 40)), (200, "40"))

    def test_numbers_at_the_edge(self):
        wallet = self.wallet()
        self.start(wallet.pointer)
        nonce, secret = self.nonce(wallet)
        too_large = (409, "receipt amount exceeds max 64 bit signed integer")
        self.assertEqual(self.credit("a", sign(nonce, secret, 2 ** 64 - 1)), too_large)
        self.assertEqual(self.credit("a", sign(nonce, secret, 2 ** 63)), too_large)
        self.assertEqual(self.credit("a", sign(nonce, secret, 2 ** 63 - 1)), (200, str(2 ** 63 - 1)))
        self.assertEqual(self.credit("a", sign(nonce, secret, 5, stream=3)),
                         (409, "balance cannot exceed max 64 bit signed integer"))
        self.assertEqual(self.spend("a", 2 ** 63 - 1), (200, "0"))

    def test_scales(self):
        wallet = self.wallet()
        role = self.start(wallet.pointer, "-receiptScale", "9", "-ledgerScale", "6")
        nonce, secret = self.nonce(wallet)
        balance = None
        for total in range(300, 10000, 300):  # 0.3 of the ledger's unit at a time
            status, balance = self.credit("a", sign(nonce, secret, total))
            self.assertEqual((status, balance), (200, str(total // 1000)))
        self.assertEqual(self.credit("a", sign(nonce, secret, total)), (400, "expired receipt"))
        self.restart(role)
        self.assertEqual(self.credit("a", sign(nonce, secret, 10000)), (200, "10"))

    def test_a_pause_too_long(self):
        """In use, a payment goes on for longer than the time to live; after a pause it does not."""
        ttl = 1.5
        wallet = self.wallet()
        self.start(wallet.pointer, "-receiptTtl", "1500ms")
        for _ in range(5):  # on a busy machine a step may take too long by itself
            nonce, secret = self.nonce(wallet)
            steps = [time.monotonic()]
            answers = []
            for total in range(1, 12):
                answers.append(self.credit(f"b{nonce.hex()}", sign(nonce, secret, total)))
                steps.append(time.monotonic())
                time.sleep(0.2)
            if max(b - a for a, b in zip(steps, steps[1:])) < 0.8 * ttl:
                break
        else:
            self.skipTest("the machine is too busy to keep a payment in use")
        self.assertGreater(steps[-1] - steps[0], 1.2 * ttl)
        self.assertEqual(answers, [(200, str(n)) for n in range(1, 12)])
        time.sleep(ttl)  # the pause that is tested
        self.assertEqual(self.credit("a", sign(nonce, secret, 12)), (400, "expired receipt"))

    def test_seeds_are_rotated(self):
        wallet = self.wallet()
        seeds = self.seed_file(SEED)
        role = self.start(wallet.pointer, "-receiptSeed", seeds)
        old, old_secret = self.nonce(wallet)
        self.assertEqual(old_secret, secret_of(old))
        self.assertEqual(self.credit("a", sign(old, old_secret, 10)), (200, "10"))
        self.seed_file(b"\x77" * 32, SEED)
        role = self.restart(role)
        new, new_secret = self.nonce(wallet)
        self.assertEqual(new_secret, secret_of(new, b"\x77" * 32))
        self.assertEqual(self.credit("a", sign(old, old_secret, 15)), (200, "15"))
        self.assertEqual(self.credit("a", sign(new, new_secret, 5)), (200, "20"))
        self.seed_file(b"\x77" * 32)
        role = self.restart(role)
        self.assertIn("not in -receiptSeed any more", role.log())
        self.assertEqual(self.credit("a", sign(old, old_secret, 30)), (400, "invalid hmac"))
        self.assertEqual(self.credit("a", sign(new, new_secret, 6)), (200, "21"))

    def kill_among(self, role, sources, step):
        """Brings rising totals of all sources at once by step(i, total), which returns when it was
        answered, and kills the orchestrator among them; the last total answered of each."""
        answered, some = [0] * len(sources), threading.Semaphore(0)

        def bring(i):
            for total in range(1, HIGHEST + 1):
                try:
                    step(i, total)
                except OSError:
                    return
                answered[i] = total
                some.release()

        with concurrent.futures.ThreadPoolExecutor(len(sources)) as pool:
            running = [pool.submit(bring, i) for i in range(len(sources))]
            for _ in range(10 * len(sources)):
                self.assertTrue(some.acquire(timeout=60))
            role.kill()
            for r in running:
                r.result()
        return answered

    def test_killed_in_the_middle(self):
        """No credit that was answered is lost, none counts twice."""
        wallet = self.wallet()
        role = self.start(wallet.pointer)
        sources = [self.nonce(wallet) for _ in range(6)]

        def step(i, total):
            self.assertEqual(self.credit(f"v{i}", sign(*sources[i], total)), (200, str(total)))

        answered = self.kill_among(role, sources, step)
        role = self.restart(role)
        for i, source in enumerate(sources):
            account = json.loads(role.control(f"/account?account=balance:v{i}").text)
            self.assertIn(int(account["balance"]), (answered[i], answered[i] + 1))
            self.assertEqual(self.credit(f"v{i}", sign(*source, HIGHEST + 1)),
                             (200, str(HIGHEST + 1)))
        self.assertEqual(json.loads(role.control("/auditAccounts").text)["faults"], 0)

    def test_killed_while_it_verifies(self):
        """What /verify has said once it does not say again; at most the answer under way is lost."""
        wallet = self.wallet()
        role = self.start(wallet.pointer)
        sources = [self.nonce(wallet) for _ in range(6)]

        def step(i, total):
            status, body = self.verify(sign(*sources[i], total))
            self.assertEqual((status, json.loads(body)["amount"]), (200, "1"))

        answered = self.kill_among(role, sources, step)
        self.restart(role)
        for i, source in enumerate(sources):
            if answered[i] > 0:
                self.assertEqual(self.verify(sign(*source, answered[i])), (400, "expired receipt"))
            status, body = self.verify(sign(*source, HIGHEST + 1))
            self.assertEqual(status, 200)
            self.assertIn(HIGHEST + 1 - int(json.loads(body)["amount"]),
                          (answered[i], answered[i] + 1))


if __name__ == "__main__":
    harness.main()
