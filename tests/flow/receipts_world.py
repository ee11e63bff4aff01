"""What the tests of receipts share: an orchestrator that takes them, a wallet as a stand-in, and
receipts as that wallet would sign them."""
import base64
import hashlib
import hmac
import http.server
import json
import re
import struct
import threading
import urllib.parse

import harness
from harness import Role, TestCase, free_port, http_get

SEED = b"\x5e" * 32
SPSP = "application/spsp4+json"
VECTORS = harness.ROOT / "tests/unit/orchestrator/receipts/vectors.h"


def _mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def secret_of(nonce, seed=SEED):
    return _mac(_mac(seed, b"receipt_secret"), nonce)


def seed_id(seed=SEED):
    """As the journal of nonces names it."""
    return _mac(_mac(seed, b"receipt_secret"), b"which seed it is")[:8].hex()


def sign(nonce, secret, total, stream=1):
    """A receipt in base64."""
    body = b"\x01" + nonce + bytes([stream]) + struct.pack(">Q", total)
    return base64.b64encode(body + _mac(secret, body)).decode()


def vectors():
    """name, text, status, body and credited amount of each."""
    text = VECTORS.read_text()
    found = re.findall(
        r'\{"([^"]*)",\s*((?:"[^"]*"\s*)+),\s*(\d+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+),\s*(\d+)U\}', text)

    def joined(literals):
        return "".join(json.loads(x) for x in re.findall(r'"(?:[^"\\]|\\.)*"', literals))

    return [(n, joined(t), int(s), joined(b), int(c)) for n, t, s, b, c in found]


class Wallet:
    """Answers SPSP and keeps what it was asked. .behave: a function of the handler that answers
    otherwise; None: as a wallet does."""

    def __init__(self):
        self.asked = []  # (path, headers)
        self.behave = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append((self.path, dict(self.headers)))
                if outer.behave:
                    outer.behave(self)
                    return
                self.answer(200, json.dumps({
                    "destination_account": "test.wallet.abc",
                    "shared_secret": base64.b64encode(bytes(32)).decode(),
                    "receipts_enabled": True}).encode())

            def answer(self, status, body, **headers):
                self.send_response(status)
                self.send_header("Content-Type", SPSP)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_port
        self.pointer = f"http://127.0.0.1:{self.port}/alice"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class ReceiptsCase(TestCase):
    """An orchestrator with -receiptAddr for a wallet on loopback."""

    def setUp(self):
        self.data_dir = harness.temp_dir()
        self.roles = []
        self.addCleanup(lambda: [r.end() for r in self.roles])

    def wallet(self):
        wallet = Wallet()
        self.addCleanup(wallet.close)
        return wallet

    def seed_file(self, *seeds):
        path = self.data_dir / "seeds"
        path.write_text("".join(base64.b64encode(s).decode() + "\n" for s in seeds))
        path.chmod(0o600)
        return path

    def flags(self, pointer, *more, port=None):
        self.port = port or free_port()
        return ["-serviceAddr", f"127.0.0.1:{free_port()}", "-orchSecret", "secret",
                "-paymentPointer", pointer, "-receiptAddr", f"127.0.0.1:{self.port}",
                "-allowHttpPayments", *more]

    def start(self, pointer, *more, **kinds):
        role = Role("orchestrator", self.flags(pointer, *more), self.data_dir, **kinds)
        self.roles.append(role)
        return role

    def restart(self, role, hard=True, **changes):
        role.kill() if hard else role.stop()
        self.roles.append(role.again(**changes))
        return self.roles[-1]

    def ask(self, path, method="GET", body=None, **headers):
        return http_get(f"http://127.0.0.1:{self.port}{path}", method=method, body=body,
                        headers=headers)

    def spsp(self, pointer):
        return self.ask("/" + urllib.parse.quote(pointer, safe=""), Accept=SPSP)

    def nonce(self, wallet):
        """Asks where to pay, as a payer does; the nonce and secret that the wallet was given."""
        answer = self.spsp(wallet.pointer)
        self.assertEqual(answer.status, 200, answer.text)
        headers = wallet.asked[-1][1]
        return (base64.b64decode(headers["Receipt-Nonce"]),
                base64.b64decode(headers["Receipt-Secret"]))

    def said(self, answer):
        return answer.status, answer.text

    def verify(self, receipt):
        return self.said(self.ask("/verify", "POST", receipt.encode()))

    def credit(self, who, receipt):
        return self.said(self.ask(f"/balances/{who}:creditReceipt", "POST", receipt.encode()))

    def spend(self, who, amount):
        return self.said(self.ask(f"/balances/{who}:spend", "POST", str(amount).encode()))
