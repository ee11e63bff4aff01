"""The wallet that other tests use, and our own requests to it, held to the public client of Open
Payments and the OpenAPI documents that it has with it. A payer's agent makes an incoming payment at
our wallet with that client, and the account has what came; long_open_payments.py has a page that
tells of it."""
# usual time: 12 s
import json
import subprocess
import sys

import harness
from harness import TIME_SCALE, temp_dir, wait_for
from test_open_payments import KEY_ID, Paying

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import media_clips  # noqa: E402
from wallet import Wallet, new_key  # noqa: E402

CLIENT = ["node", harness.ROOT / "tests/node/open_payments.mjs"]
PAYER_KEY = "payer-key-1"


class Agent:
    """The payer's: .payment is the URL of the incoming payment that it has made."""

    def __init__(self, wallet, client, key):
        self.log = open(temp_dir() / "agent.log", "w+", encoding="utf-8")
        self.popen = subprocess.Popen(
            [*map(str, CLIENT), "pay", wallet.address, client, str(key), PAYER_KEY], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log)
        self.made = self.answer()
        self.payment = self.made.get("incomingPayment")

    def answer(self):
        line = self.popen.stdout.readline()
        self.log.seek(0)
        assert line, f"the client has ended: {self.log.read()}"
        return json.loads(line)

    def ask(self, what):
        self.popen.stdin.write(what + "\n")
        self.popen.stdin.flush()
        return self.answer()

    def close(self):
        self.popen.stdin.close()
        self.popen.wait(20 * TIME_SCALE)
        self.popen.stdout.close()
        self.log.close()


class Client(Paying):
    """A wallet, and the agents of payers of it."""

    FILM = "song.mp3"

    @classmethod
    def setUpClass(cls):
        media = temp_dir()
        media_clips.audio(media / cls.FILM, 24)  # 24 cents; a browser waits for blocks of 32 kB
        cls.BROADCASTER_FLAGS = ["-mediaPath", media, "-payChunkBytes", "4096"]

    def setUp(self):
        self.key, self.public = new_key(temp_dir())
        payer_key, payer_public = new_key(temp_dir())
        self.wallet = self.enter(Wallet({KEY_ID: self.public, PAYER_KEY: payer_public}))
        self.pointer = self.wallet.address
        self.payer_key = payer_key

    def agent(self):
        agent = Agent(self.wallet, self.wallet.other, self.payer_key)
        self.addCleanup(agent.close)
        self.assertTrue(agent.payment, agent.made)
        return agent


class RealClient(Client):
    def test_a_payment_that_it_makes_is_credited(self):
        self.start(self.wallet, "-walletKey", self.key, "-walletKeyId", KEY_ID)
        agent = self.agent()
        self.assertEqual(agent.made["methods"], 1)
        self.assertEqual(float(self.post(agent.payment).text), 0)
        self.wallet.pay(agent.payment, 7)
        self.wait_balance("0.07")
        for what in ("get", "public"):
            self.assertEqual(agent.ask(what)["receivedAmount"],
                             {"value": "7", "assetCode": "USD", "assetScale": 2})
        listed = agent.ask("list")
        self.assertEqual([p["id"] for p in listed["result"]], [agent.payment], listed)
        self.assertEqual(agent.ask("get")["metadata"], {"source": "Web Monetization"})
        self.wallet.pay(agent.payment, 2)
        self.assertTrue(agent.ask("complete")["completed"])
        self.wait_balance("0.09")
        wait_for(lambda: self.wallet_status()["watched"] == 0, 15, "nothing is watched any more")
        self.assertEqual(self.wallet.faults, [])
        self.judge_ours()

    def judge_ours(self):
        """By what wallets check signatures with, and by the documents."""
        ours = [h for h in self.wallet.heard if KEY_ID in h["headers"]["signature-input"]]
        self.assertGreaterEqual({h["method"] for h in ours}, {"GET", "POST"})
        done = self.judge(ours, self.public)
        for request, verdict in zip(ours, done):
            self.assertEqual(verdict, {"covers": True, "signed": True, "wrong": []}, request)
        forged = dict(ours[0], url=ours[0]["url"] + "x")
        self.assertFalse(self.judge([forged], self.public)[0]["signed"])

    def judge(self, requests, public):
        done = subprocess.run([*map(str, CLIENT), "judge", public], text=True, capture_output=True,
                              input="".join(json.dumps(r) + "\n" for r in requests), check=False,
                              timeout=30 * TIME_SCALE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(verdicts), len(requests))
        return verdicts

    def test_it_says_what_does_not_keep_to_the_documents(self):
        """Else all of the above would prove nothing."""
        agent = self.agent()
        self.assertEqual(agent.ask("get")["completed"], False)
        payment = self.wallet.payments[agent.payment.rsplit("/", 1)[1]]
        for more in ({"createdAt": 7}, {"completed": "no"}, {"receivedAmount": {}}):
            payment["more"] = more
            self.assertIn("error", agent.ask("get"), more)
            self.assertIn("error", agent.ask("list"), more)


if __name__ == "__main__":
    harness.main()
