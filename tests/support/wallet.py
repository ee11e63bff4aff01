"""A wallet that speaks Open Payments, for tests: wallet addresses, public and authenticated incoming
payments, GNAP grants whose requests must be signed (RFC 9421, Ed25519; Content-Digest of RFC 9530).
Signatures are checked by openssl. What it should do wrong, a test tells it."""
import base64
import hashlib
import http.server
import json
import re
import secrets
import subprocess
import tempfile
import threading
import time
from pathlib import Path

SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")


def new_key(folder, name="wallet-key"):
    """(path of a PEM private key, its public half as base64url without padding)"""
    path = Path(folder) / f"{name}.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True,
                   capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", "DER"],
                         check=True, capture_output=True).stdout
    return path, base64.urlsafe_b64encode(der[-32:]).decode().rstrip("=")


def verify(public_x, signature, text):
    """Whether signature (bytes) is that key's for text (bytes)."""
    raw = base64.urlsafe_b64decode(public_x + "=" * (-len(public_x) % 4))
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "key.der").write_bytes(SPKI_PREFIX + raw)
        (folder / "signature").write_bytes(signature)
        (folder / "text").write_bytes(text)
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey",
             folder / "key.der", "-rawin", "-in", folder / "text", "-sigfile",
             folder / "signature"], capture_output=True).returncode == 0


class Wallet:
    """.url of the server; .address of our customer, "alice", and .other, "mallory", at the same
    provider. keys: {key id: public x} of who may ask with signatures."""

    def __init__(self, keys=None, asset="USD", scale=2):
        self.keys = dict(keys or {})
        self.asset, self.scale = asset, scale
        self.payments = {}  # id: {"wallet", "value", "completed"}
        self.tokens = {}  # value: until
        self.token_seconds = 600
        self.questions = 0  # about payments
        self.grants = 0
        self.faults = []  # what was wrong with a signature
        self.trouble = None  # None, "hang", "redirect", "huge", "500", "rubbish", "asset", "scale"
        self.hung = threading.Event()
        self.lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.get(self)

            def do_POST(self):
                outer.post(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.address, self.other = f"{self.url}/alice", f"{self.url}/mallory"

    def close(self):
        self.hung.set()
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # what a payer does

    def create(self, wallet=None):
        """The URL of a new incoming payment."""
        name = secrets.token_hex(8)
        with self.lock:
            self.payments[name] = {"wallet": wallet or self.address, "value": 0,
                                   "completed": False}
        return f"{self.url}/incoming-payments/{name}"

    def pay(self, payment, value, complete=False):
        with self.lock:
            p = self.payments[payment.rsplit("/", 1)[1]]
            p["value"] += value
            p["completed"] = complete

    def revoke(self):
        with self.lock:
            self.tokens.clear()

    # answers

    def send(self, h, status, document, kind="application/json", headers=()):
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        h.send_response(status)
        h.send_header("Content-Type", kind)
        h.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            h.send_header(name, value)
        h.end_headers()
        try:
            h.wfile.write(body)
        except OSError:
            pass  # who asked has had enough

    def error(self, h, status, text):
        self.send(h, status, {"error": {"code": str(status), "description": text}})

    def get(self, h):
        if h.path in ("/alice", "/mallory"):
            self.send(h, 200, {"id": self.url + h.path, "publicName": h.path[1:].title(),
                               "assetCode": self.asset, "assetScale": self.scale,
                               "authServer": self.url + "/auth",
                               "resourceServer": self.url})
        elif h.path in ("/alice/jwks.json", "/mallory/jwks.json"):
            self.send(h, 200, {"keys": [{"kid": kid, "alg": "EdDSA", "kty": "OKP",
                                         "crv": "Ed25519", "x": x}
                                        for kid, x in self.keys.items()]})
        elif h.path.startswith("/incoming-payments/"):
            self.payment(h, h.path.rsplit("/", 1)[1])
        else:
            self.error(h, 404, "there is nothing here")

    def payment(self, h, name):
        self.questions += 1
        if self.stumble(h):
            return
        with self.lock:
            p = dict(self.payments.get(name, {}))
        if not p:
            self.error(h, 404, "unknown incoming payment")
            return
        received = {"value": str(p["value"]),
                    "assetCode": "EUR" if self.trouble == "asset" else self.asset,
                    "assetScale": 3 if self.trouble == "scale" else self.scale}
        authorization = h.headers.get("Authorization", "")
        if not authorization:
            self.send(h, 200, {"receivedAmount": received, "authServer": self.url + "/auth"})
            return
        if self.tokens.get(authorization.removeprefix("GNAP "), 0) < time.time():
            self.error(h, 401, "the token is not active")
            return
        if not self.signed(h, b""):
            self.error(h, 401, "the signature is not right")
            return
        self.send(h, 200, {
            "id": f"{self.url}/incoming-payments/{name}", "walletAddress": p["wallet"],
            "receivedAmount": received, "completed": p["completed"],
            "createdAt": "2026-01-01T00:00:00Z", "methods": []})

    def stumble(self, h):
        if self.trouble == "hang":
            self.hung.wait(60)
            return True
        if self.trouble == "redirect":
            self.send(h, 302, b"", headers=[("Location", self.url + "/alice")])
        elif self.trouble == "huge":
            self.send(h, 200, b'{"x":"' + b"y" * 10_000_000 + b'"}')
        elif self.trouble == "500":
            self.error(h, 500, "not today")
        elif self.trouble == "rubbish":
            self.send(h, 200, b"<html>", "text/html")
        else:
            return False
        return True

    def post(self, h, body):
        if h.path != "/auth":
            self.error(h, 404, "there is nothing here")
            return
        self.grants += 1
        if not self.signed(h, body):
            self.error(h, 401, "the signature is not right")
            return
        try:
            access = json.loads(body)["access_token"]["access"][0]
            fine = access["type"] == "incoming-payment" and access["actions"] and \
                access.get("identifier", self.address) == self.address and \
                json.loads(body)["client"].startswith(self.url)
        except (ValueError, KeyError, IndexError, TypeError):
            fine = False
        if not fine:
            self.error(h, 400, "the grant request is not right")
            return
        token = secrets.token_hex(16)
        with self.lock:
            self.tokens[token] = time.time() + self.token_seconds
        self.send(h, 200, {
            "access_token": {"value": token, "manage": f"{self.url}/auth/token/1",
                             "expires_in": self.token_seconds, "access": [access]},
            "continue": {"access_token": {"value": secrets.token_hex(16)},
                         "uri": f"{self.url}/auth/continue/1"}})

    def signed(self, h, body):
        """Whether the request has a right signature over what Open Payments asks for."""
        why = self.signature_fault(h, body)
        if why:
            self.faults.append(why)
        return not why

    def signature_fault(self, h, body):
        given = re.fullmatch(r'(\w+)=(\(([^)]*)\).*;keyid="([^"]+)".*)',
                             h.headers.get("Signature-Input", ""))
        if not given:
            return "there is no Signature-Input"
        label, params, names, key_id = given.groups()
        names = re.findall(r'"([^"]+)"', names)
        needed = {"@method", "@target-uri"}
        needed |= {"authorization"} if h.headers.get("Authorization") else set()
        needed |= {"content-digest", "content-length", "content-type"} if body else set()
        if not needed <= set(names):
            return f"it covers {names}, and not all of {sorted(needed)}"
        if body:
            digest = base64.b64encode(hashlib.sha512(body).digest()).decode()
            if h.headers.get("Content-Digest") != f"sha-512=:{digest}:":
                return "the Content-Digest is not the body's"
        lines = []
        for name in names:
            value = {"@method": h.command, "@target-uri": self.url + h.path}.get(
                name, h.headers.get(name, ""))
            lines.append(f'"{name}": {value}')
        lines.append(f'"@signature-params": {params}')
        signature = re.fullmatch(rf"{label}=:([^:]+):", h.headers.get("Signature", ""))
        if not signature:
            return "there is no Signature"
        if key_id not in self.keys:
            return f"the key {key_id} is not known"
        if not verify(self.keys[key_id], base64.b64decode(signature.group(1)),
                      "\n".join(lines).encode()):
            return "the signature is not the key's"
        return None
