"""A wallet that speaks Open Payments, for tests: wallet addresses, public and authenticated incoming
payments (made, listed, asked for and completed), GNAP grants whose requests must be signed (RFC 9421,
Ed25519; Content-Digest of RFC 9530). Signatures are checked by openssl. What it should do wrong, a test
tells it. That it keeps to the published API, its real client says: test_open_payments_client."""
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
import urllib.parse
from pathlib import Path

CREATED = "2026-01-01T00:00:00Z"
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
        self.payments = {}  # id: {"wallet", "client", "value", "completed", "more"}
        self.tokens = {}  # value: {"until", "client", "actions"}
        self.token_seconds = 600
        self.questions = 0  # about payments
        self.grants = 0
        self.faults = []  # what was wrong with a signature
        self.heard = []  # requests with a signature: {"method", "url", "headers", "body"}
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

    def create(self, wallet=None, client=None, more=None):
        """The URL of a new incoming payment. client: whose it is, none's unless told."""
        name = secrets.token_hex(8)
        with self.lock:
            self.payments[name] = {"wallet": wallet or self.address, "client": client, "value": 0,
                                   "completed": False, "more": more or {}}
        return self.url_of(name)

    def url_of(self, name):
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
        path, _, query = h.path.partition("?")
        if path in ("/alice", "/mallory"):
            self.send(h, 200, {"id": self.url + path, "publicName": path[1:].title(),
                               "assetCode": self.asset, "assetScale": self.scale,
                               "authServer": self.url + "/auth",
                               "resourceServer": self.url})
        elif path in ("/alice/jwks.json", "/mallory/jwks.json"):
            self.send(h, 200, {"keys": [{"kid": kid, "alg": "EdDSA", "kty": "OKP",
                                         "crv": "Ed25519", "x": x}
                                        for kid, x in self.keys.items()]})
        elif path == "/incoming-payments":
            self.listing(h, urllib.parse.parse_qs(query))
        elif path.startswith("/incoming-payments/"):
            self.payment(h, path.rsplit("/", 1)[1])
        else:
            self.error(h, 404, "there is nothing here")

    def allowed(self, h, actions, body=b""):
        """(what the request's token grants, the action of these that it has), or None: answered."""
        with self.lock:
            token = self.tokens.get(h.headers.get("Authorization", "").removeprefix("GNAP "))
        if not token or token["until"] < time.time():
            self.error(h, 401, "the token is not active")
        elif not self.signed(h, body):
            self.error(h, 401, "the signature is not right")
        else:
            has = [a for a in actions if a in token["actions"]]
            if has:
                return token, has[0]
            self.error(h, 403, "that was not granted")
        return None

    def amount(self, value):
        return {"value": str(value), "assetCode": "EUR" if self.trouble == "asset" else self.asset,
                "assetScale": 3 if self.trouble == "scale" else self.scale}

    def described(self, name, p, methods=False):
        """An incoming payment as its owner is told of it; methods: with how it can be paid."""
        told = {"id": self.url_of(name), "walletAddress": p["wallet"],
                "receivedAmount": self.amount(p["value"]), "completed": p["completed"],
                "createdAt": CREATED, **p["more"]}
        if methods:
            told["methods"] = [] if p["completed"] else [
                {"type": "ilp", "ilpAddress": f"test.wallet.{name}",
                 "sharedSecret": base64.urlsafe_b64encode(
                     hashlib.sha256(name.encode()).digest()).decode().rstrip("=")}]
        return told

    def payment(self, h, name):
        self.questions += 1
        if self.stumble(h):
            return
        with self.lock:
            p = dict(self.payments.get(name, {}))
        if not p:
            self.error(h, 404, "unknown incoming payment")
            return
        if not h.headers.get("Authorization", ""):
            self.send(h, 200, {"receivedAmount": self.amount(p["value"]),
                               "authServer": self.url + "/auth"})
            return
        grant = self.allowed(h, ["read-all", "read"])
        if grant and grant[1] == "read" and grant[0]["client"] != p["client"]:
            self.error(h, 404, "unknown incoming payment")
        elif grant:
            self.send(h, 200, self.described(name, p, methods=True))

    def listing(self, h, query):
        grant = self.allowed(h, ["list-all", "list"])
        if not grant:
            return
        with self.lock:
            found = [self.described(name, p) for name, p in self.payments.items()
                     if [p["wallet"]] == query.get("wallet-address") and
                     (grant[1] == "list-all" or p["client"] == grant[0]["client"])]
        self.send(h, 200, {"result": found,
                           "pagination": {"hasNextPage": False, "hasPreviousPage": False}})

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
        if h.path == "/auth":
            self.grant(h, body)
        elif h.path == "/incoming-payments":
            self.make(h, body)
        elif re.fullmatch("/incoming-payments/[0-9a-f]+/complete", h.path):
            self.complete(h, h.path.split("/")[2], body)
        else:
            self.error(h, 404, "there is nothing here")

    def make(self, h, body):
        grant = self.allowed(h, ["create"], body)
        if not grant:
            return
        try:
            asked = json.loads(body)
            wallet = asked.pop("walletAddress")
        except (ValueError, KeyError, TypeError, AttributeError):
            wallet = None
        if wallet not in (self.address, self.other):
            self.error(h, 400, "there is no such wallet address here")
            return
        name = self.create(wallet, grant[0]["client"], asked).rsplit("/", 1)[1]
        self.send(h, 201, self.described(name, self.payments[name], methods=True))

    def complete(self, h, name, body):
        grant = self.allowed(h, ["complete"], body)
        if not grant:
            return
        with self.lock:
            p = self.payments.get(name)
            if p and p["client"] == grant[0]["client"]:
                p["completed"] = True
        if p and p["completed"]:
            self.send(h, 200, self.described(name, p))
        else:
            self.error(h, 404, "unknown incoming payment")

    def grant(self, h, body):
        """Whoever has a key here may make incoming payments, and see and complete those it made; all
        payments of a wallet address only its own client sees."""
        self.grants += 1
        if not self.signed(h, body):
            self.error(h, 401, "the signature is not right")
            return
        try:
            asked = json.loads(body)
            access, client = asked["access_token"]["access"][0], asked["client"]
            everything = {"read-all", "list-all"} & set(access["actions"])
            fine = access["type"] == "incoming-payment" and access["actions"] and \
                client in (self.address, self.other) and \
                (not everything or access["identifier"] == client)
        except (ValueError, KeyError, IndexError, TypeError):
            fine = False
        if not fine:
            self.error(h, 400, "the grant request is not right")
            return
        token = secrets.token_hex(16)
        with self.lock:
            self.tokens[token] = {"until": time.time() + self.token_seconds, "client": client,
                                  "actions": access["actions"]}
        self.send(h, 200, {
            "access_token": {"value": token, "manage": f"{self.url}/auth/token/1",
                             "expires_in": self.token_seconds, "access": [access]},
            "continue": {"access_token": {"value": secrets.token_hex(16)},
                         "uri": f"{self.url}/auth/continue/1"}})

    def signed(self, h, body):
        """Whether the request has a right signature over what Open Payments asks for."""
        self.heard.append({"method": h.command, "url": self.url + h.path, "body": body.decode(),
                           "headers": {k.lower(): v for k, v in h.headers.items()}})
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
