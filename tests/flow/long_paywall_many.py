"""A thousand viewers at once: each shows a receipt and fetches what it pays for, all of them in
flight together, while the orchestrator is killed and comes back. The audit is exact."""
import asyncio
import base64
import json
import resource
import signal
import urllib.parse

import harness
from harness import Recipe, main, temp_dir, wait_for
from receipts_world import SPSP, Wallet, sign
from test_ledger import journal, pay_file
from test_paywall import Paying

VIEWERS = 1000
STREAMS = 250   # of a nonce
TOTALS = 10_000, 25_000, 30_000, 50_000  # what a viewer's receipts say in all
BYTES = 20_000  # of the film, a unit each
KILL_AFTER = 2500  # receipts: each viewer then shows the third, and is sent what he pays for
LIMIT = 120


class Many(Paying):
    def setUp(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 4 * VIEWERS:
            self.skipTest("too few files may be open here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (4 * VIEWERS, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        wallet, media = Wallet(), temp_dir()
        self.addCleanup(wallet.close)
        self.pointer = wallet.pointer
        (media / "film.bin").write_bytes(bytes(100_000))
        self.recipe = Recipe(
            transcoders=0,
            orchestrator_flags=["-payments", "-paymentPointer", self.pointer, "-allowHttpPayments",
                                "-peerTimeoutMs", "60000"],  # it is stopped while all ask
            broadcaster_flags=["-pricePerMB", "0.001", "-allowUserId", "-mediaPath", media,
                               "-payRate", "0", "-paymentPointer", self.pointer])
        self.recipe.__enter__()
        self.addCleanup(self.recipe.__exit__, None, None, None)
        self.nonces = [self.nonce(wallet) for _ in range(VIEWERS // STREAMS)]

    def nonce(self, wallet):
        def asked():
            return self.recipe.get("/receipts/" + urllib.parse.quote(self.pointer, safe=""),
                                   headers={"Accept": SPSP}).status == 200
        wait_for(asked, 15, "the wallet is asked")
        headers = wallet.asked[-1][1]
        return tuple(base64.b64decode(headers[n]) for n in ("Receipt-Nonce", "Receipt-Secret"))

    # --- one viewer ---

    async def request(self, text):
        """The status and body of an answer; 0: none came."""
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.recipe.http_port)
            writer.write(text)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            return int(head.split()[1]), await reader.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            return 0, b""
        finally:
            if writer is not None:
                writer.close()

    async def tell(self, n, total):
        """Shows a receipt until it counts, as pages do; how often in vain."""
        nonce, secret = self.nonces[n // STREAMS]
        body = json.dumps({"receipt": sign(nonce, secret, total, n % STREAMS + 1),
                           "paymentPointer": self.pointer, "userId": f"v{n}"})
        text = (f"POST /verifyReceipt HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
                f"{body}").encode()
        for again in range(LIMIT * 5):
            status, said = await self.request(text)
            if status == 200:
                self.answered += 1
                if self.answered == KILL_AFTER:
                    self.recipe.orchestrator.popen.kill()
                return again
            if self.answered >= KILL_AFTER:  # before, on a busy machine, some wait too long
                self.refused.set()
            self.assertIn(status, (0, 409, 503), said)
            await asyncio.sleep(0.2)
        self.fail(f"viewer {n} is not credited")

    async def fetch(self, n):
        status, said = await self.request(
            f"GET /media/film.bin?userId=v{n} HTTP/1.1\r\nHost: x\r\n"
            f"Range: bytes=0-{BYTES - 1}\r\n\r\n".encode())
        self.assertEqual((status, len(said)), (206, BYTES), said[:200])

    async def watch(self, n):
        again = sum([await self.tell(n, total) for total in TOTALS[:2]])
        both = await asyncio.gather(self.tell(n, TOTALS[2]), self.fetch(n))
        return again + both[0] + await self.tell(n, TOTALS[3])

    # --- all of them ---

    async def kill_in_between(self):
        """All have asked before the first is answered; the orchestrator dies on the way."""
        old = self.recipe.orchestrator
        self.answered, self.refused = 0, asyncio.Event()
        old.popen.send_signal(signal.SIGSTOP)
        tasks = [asyncio.ensure_future(self.watch(n)) for n in range(VIEWERS)]
        await asyncio.to_thread(
            wait_for, lambda: self.recipe.broadcaster.status()["bank"]["open"] >= VIEWERS, LIMIT,
            "all have asked")
        old.popen.send_signal(signal.SIGCONT)
        await asyncio.wait_for(self.refused.wait(), LIMIT * harness.TIME_SCALE)
        old.kill()
        self.check_what_is_left(old.data_dir)
        self.recipe.orchestrator = old.again()
        return await asyncio.wait_for(asyncio.gather(*tasks), LIMIT * harness.TIME_SCALE)

    def check_what_is_left(self, data_dir):
        """In the middle of it: money has come, some is held and some spent, and all of it adds up."""
        done = pay_file(data_dir, "audit", "-json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        kinds = {e["kind"] for e in journal(data_dir)}
        self.assertLessEqual({"credit", "hold"}, kinds)
        found = json.loads(done.stdout)
        print(f"killed with {found}, {kinds}")

    def audit(self):
        answer = self.recipe.orchestrator.control("/auditAccounts")
        found = json.loads(answer.text)
        self.assertEqual((found["faults"], found["owed"]), (0, "0"), answer.text)

    def test_a_thousand_at_once(self):
        again = asyncio.run(self.kill_in_between())
        print(f"{sum(again)} receipts were shown in vain")
        self.audit()
        self.recipe.broadcaster.stop()
        self.audit()
        self.assertEqual(self.balance("world:receipts"), -VIEWERS * TOTALS[-1])
        self.assertEqual(self.earned(), VIEWERS * BYTES)
        for n in range(0, VIEWERS, 50):
            self.assertEqual(self.balance(f"viewer:user-v{n}"), TOTALS[-1] - BYTES)


if __name__ == "__main__":
    main()
