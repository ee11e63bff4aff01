"""Payments that are watched outlive the orchestrator: what comes while it is away, or after that, is credited
though no page names them again."""
# usual time: 55 s
import concurrent.futures
import json
import random
import time

import harness
from harness import wait_for
from test_open_payments import CENT, Paying
from wallet import Wallet


class Restarted(Paying):
    def begin(self, wallet, *flags):
        self.wallet, self.pointer = wallet, wallet.address
        self.start(wallet, *flags)
        self.list = self.recipe.data_dir / "wallets" / "watched"

    def told(self, viewer="eve"):
        """An incoming payment that a page has named."""
        payment = self.wallet.create()
        answer = self.post(payment, viewer)
        self.assertEqual(answer.status, 200, answer.text)
        return payment

    def again(self, **changes):
        self.recipe.orchestrator = self.recipe.orchestrator.again(**changes)

    def cents(self, account="world:wallets"):
        answer = self.recipe.orchestrator.control(f"/account?account={account}")
        return abs(int(json.loads(answer.text)["balance"])) // CENT if answer.status == 200 else 0

    def wait_cents(self, cents, what):
        wait_for(lambda: self.cents() >= cents, 30, what)
        self.assertEqual(self.cents(), cents)
        audit = json.loads(self.recipe.orchestrator.control("/auditAccounts").text)
        self.assertEqual(audit["faults"], 0, audit)

    def lines(self):
        return self.list.read_text(encoding="utf-8").splitlines()


class Few(Restarted):
    def setUp(self):
        wallet, flags = self.signed()
        self.begin(wallet, *flags)

    def test_what_comes_while_it_is_away(self):
        payment = self.told()
        self.wallet.pay(payment, 4)
        self.wait_cents(4, "it is credited")
        self.recipe.orchestrator.kill()
        self.wallet.pay(payment, 3)
        self.again()
        self.wait_cents(7, "what came meanwhile is credited")
        self.wallet.pay(payment, 2)  # and it is watched on
        self.wait_cents(9, "what comes then is, too")
        self.recipe.orchestrator.stop()
        self.wallet.pay(payment, 1, complete=True)
        self.again()
        self.wait_cents(10, "and after a regular end")
        self.assertEqual(self.cents("viewer:user-eve"), 10)
        self.assertEqual(self.wallet.faults, [])
        # what is completed leaves the list
        wait_for(lambda: self.wallet_status()["watched"] == 0, 15, "nothing is watched any more")
        asked = self.wallet.questions
        self.recipe.orchestrator.stop()
        self.again()
        self.assertEqual(self.wallet_status()["watched"], 0)
        self.assertEqual(self.lines(), ["watched payments 1"])
        self.assertEqual(self.wallet.questions, asked)

    def test_a_wallet_that_is_away_for_long(self):
        """What it has once said to be ours is not given up; what it never knew is."""
        self.recipe.orchestrator.stop()
        self.again(flags=[*self.recipe.orchestrator.flags, "-walletPoll", "50ms"])
        wait_for(lambda: self.recipe.broadcaster.status()["bank"]["connected"], 30, "its bank")
        wait_for(lambda: self.wallet_status()["asset"], 15, "the wallet has said what it is")
        payment = self.told()
        self.wallet.trouble = "500"
        self.assertEqual(self.post(self.wallet.create(), "other").status, 503)
        self.wallet.pay(payment, 3)
        failed = self.wallet_status()["failed"]
        wait_for(lambda: self.wallet_status()["watched"] == 1, 30, "the other one is given up")
        wait_for(lambda: self.wallet_status()["failed"] >= failed + 18, 30, "it is asked on")
        self.wallet.trouble = None
        self.wait_cents(3, "what came meanwhile is credited")

    def test_a_damaged_list_is_told_of(self):
        payment, lost = self.told(), self.told()
        self.recipe.orchestrator.kill()
        lines = self.lines()
        at = next(i for i, line in enumerate(lines) if lost in line)
        lines[at] = lines[at].replace("watch ", "wotch ")
        self.list.write_text("\n".join(lines) + "\nwatch 7 http", encoding="utf-8")
        for p in payment, lost:
            self.wallet.pay(p, 2)
        self.again()
        self.wait_cents(2, "the other one is credited")
        log = self.recipe.orchestrator.log()
        self.assertIn(f"line {at + 1} is damaged (1 in all are)", log)
        self.assertIn("wotch", self.list.with_name("watched.damaged").read_text(encoding="utf-8"))
        wait_for(lambda: self.recipe.broadcaster.status()["bank"]["connected"], 30, "its bank")
        self.assertEqual(self.post(lost).status, 200)
        self.wait_cents(4, "the other one, when it is named again")
        # and one that cannot be read at all
        self.recipe.orchestrator.kill()
        self.list.chmod(0o666)
        self.again()
        self.assertIn("it cannot be read", self.recipe.orchestrator.log())

    def test_a_list_that_cannot_be_written(self):
        """Nothing is taken then that would be forgotten; what is watched is credited on."""
        payment = self.told()
        away = self.list.rename(self.list.with_name("away"))
        answer = self.post(other := self.wallet.create())
        self.assertEqual(answer.status, 503, answer.text)
        self.assertFalse(self.wallet_status()["writable"])
        self.assertIn("no payments are taken that pages name", self.recipe.orchestrator.log())
        self.wallet.pay(payment, 2)
        self.wait_cents(2, "what is on the list is credited")
        self.wallet.pay(other, 3)
        away.rename(self.list)
        wait_for(lambda: self.post(other).status == 200, 15, "it is taken")
        self.wait_cents(5, "it is credited")
        self.assertTrue(self.wallet_status()["writable"])

    def test_a_list_of_another_wallet(self):
        """Its payments are asked about at no wallet, least of all at the new one."""
        payment = self.told()
        self.recipe.orchestrator.kill()
        self.wallet.pay(payment, 2)
        other = self.enter(Wallet(self.wallet.keys))
        asked = self.wallet.questions
        flags = [other.address if f == self.wallet.address else f
                 for f in self.recipe.orchestrator.flags]
        self.again(flags=flags)
        wait_for(lambda: self.wallet_status()["watched"] == 0, 30, "it is let go")
        self.assertIn("are not at " + other.url, self.recipe.orchestrator.log())
        self.assertEqual((self.wallet.questions, other.questions), (asked, 0))
        self.assertEqual(self.cents(), 0)


class Many(Restarted):
    """Without signatures, which cost the tests' wallet a process each."""

    def setUp(self):
        self.begin(self.enter(Wallet()), "-walletPoll", "1s", "-walletTimeout", "5s")

    def test_killed_at_any_moment(self):
        """Every payment that a page was told is taken is credited, once and exactly."""
        seed = random.randrange(2 ** 32)
        rng, owed, named = random.Random(seed), 0, []
        for n in range(5):
            first = len(named)
            with concurrent.futures.ThreadPoolExecutor(6) as pages:
                def page(name):
                    payment = self.wallet.create()
                    return payment, self.post(payment, name).status == 200
                asked = [pages.submit(page, f"v{n}-{i // 4}") for i in range(40)]
                wanted = rng.randrange(1, 40)
                wait_for(lambda: sum(a.done() for a in asked) >= wanted, 60, "pages are answered")
                self.recipe.orchestrator.kill()
                for a in asked:
                    a.cancel()
                named += [a.result() for a in asked if not a.cancelled()]
            for payment, _ in named[first:]:
                self.wallet.pay(payment, 1)
            owed += sum(taken for _, taken in named[first:])
            self.again()
            wait_for(lambda: self.cents() >= owed, 60, f"what was taken is credited (seed {seed})")
            wait_for(lambda: self.recipe.broadcaster.status()["bank"]["connected"], 30, "its bank")
        self.assertGreater(owed, 5)
        self.assertLessEqual(self.cents(), len(named))
        audit = json.loads(self.recipe.orchestrator.control("/auditAccounts").text)
        self.assertEqual(audit["faults"], 0, audit)

    def test_the_wallet_does_not_get_all_at_once(self):
        for n in range(5):
            for _ in range(8):
                self.told(f"v{n}")
        self.recipe.orchestrator.kill()
        asked, times = self.wallet.payment, {}

        def note(h, name):
            times.setdefault(name, time.monotonic())
            asked(h, name)
        self.wallet.payment = note
        self.again()
        wait_for(lambda: len(times) == 40, 30, "all are asked about")
        self.assertGreater(max(times.values()) - min(times.values()), 1)  # 50 ms each


if __name__ == "__main__":
    harness.main()
