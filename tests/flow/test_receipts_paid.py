# usual time: 1 s
"""From the question where to pay to a file that comes because it was paid: a payer of Interledger
on loopback, the broadcaster's known interface, the orchestrator's receipts and ledger."""
import base64
import json
import socket
import urllib.parse

import harness
from harness import Process, Recipe, TestCase, free_port, run, temp_dir, wait_for

TOOLS = harness.ROOT / "tests/node"
PIECE = 16384
PIECES = 5
PRICE = "0.0003"  # a megabyte: 4915.2 of the ledger's units for each piece
TOTAL = 27000


class Film:
    """A file as it comes, on a socket of its own."""

    def __init__(self, port, path):
        self.socket = socket.create_connection(("127.0.0.1", port), 1)
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        self.text = b""

    def body(self):
        """What has come so far."""
        try:
            self.socket.settimeout(0.05)
            self.text += self.socket.recv(1 << 20)
        except TimeoutError:
            pass
        return self.text.partition(b"\r\n\r\n")[2]


def total_of(receipt):
    return int.from_bytes(base64.b64decode(receipt)[18:26], "big")


class Paid(TestCase):
    def test_a_file_comes_because_it_was_paid(self):
        port = free_port(3)
        pointer = f"http://127.0.0.1:{port}/alice"
        media, film = temp_dir(), bytes(i * 7 % 251 for i in range(PIECE * PIECES))
        (media / "film.bin").write_bytes(film)
        wallet = Process(["node", TOOLS / "ilp_wallet.mjs", port, port + 1, port + 2],
                         temp_dir() / "wallet.log")
        self.addCleanup(wallet.end)
        wallet.wait_log("^ready$", timeout=60)
        with Recipe(transcoders=0,
                    orchestrator_flags=["-paymentPointer", pointer, "-allowHttpPayments"],
                    broadcaster_flags=["-pricePerMB", PRICE, "-allowUserId", "-mediaPath", media,
                                       "-paymentPointer", pointer, "-payChunkBytes",
                                       str(PIECE)]) as r:
            wait_for(lambda: r.broadcaster.status()["bank"]["connected"], 15, "it has its bank")
            opened = Film(r.http_port, "/media/film.bin?userId=ann")
            self.addCleanup(opened.socket.close)
            wait_for(lambda: opened.text or opened.body() or opened.text, 10, "headers come at once")
            self.assertEqual(opened.body(), b"")
            proxied = r.url("/receipts/" + urllib.parse.quote(pointer, safe=""))
            payer = run(["node", TOOLS / "ilp_pay.mjs", proxied, port + 2, TOTAL], timeout=90)
            self.assertEqual(payer.returncode, 0, payer.stdout + payer.stderr)
            receipts = sorted((json.loads(line)["receipt"] for line in payer.stdout.splitlines()),
                              key=total_of)  # packets under way together end in any order
            came = [0]
            for receipt in receipts:
                answer = self.show(r, receipt, proxied)
                self.assertEqual(answer.status, 200, answer.text)
                float(answer.text)  # a balance, as the known components read it
                came.append(len(opened.body()))
            wait_for(lambda: opened.body() == film, 10, "all of it comes")
            self.assertLess(came[1], len(film), "not before it was paid")
            before = r.get("/account.json?userId=ann").text
            again = self.show(r, receipts[0], proxied)
            with self.assertRaises(ValueError):
                float(again.text)
            self.assertEqual(json.loads(r.get("/account.json?userId=ann").text)["balance"],
                             json.loads(before)["balance"])
            audit = json.loads(r.orchestrator.control("/auditAccounts").text)
            self.assertEqual(audit["faults"], 0, audit)
            seen = r.orchestrator.status()["receipts"]["seen"]
            self.assertEqual((seen["good"], seen["expired"]), (len(receipts), 1))

    def show(self, r, receipt, pointer):
        """As the known web components do."""
        return r.get("/verifyReceipt", method="POST",
                     headers={"Content-Type": "application/json"},
                     body=json.dumps({"amount": "1", "assetCode": "XRP", "assetScale": 9,
                                      "paymentPointer": pointer, "receipt": receipt,
                                      "requestId": "r", "userId": "ann"}).encode())


if __name__ == "__main__":
    harness.main()
