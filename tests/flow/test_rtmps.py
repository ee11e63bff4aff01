"""RTMPS: publish and play with TLS, a new certificate at SIGHUP, flags and files that cannot work."""
# usual time: 15 s
import hashlib
import os
import signal
import socket
import ssl

import harness
from harness import BIN, Recipe, Role, ffmpeg_publish, run, temp_dir, wait_for


def make_pair(folder, name):
    """A certificate of its own and its key: their paths."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    done = run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", cert])
    assert done.returncode == 0, done.stderr
    key.chmod(0o600)
    return cert, key


def fingerprint_of(cert):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(cert.read_text())).hexdigest()


def seen_at(port, versions=None):
    """The certificate's fingerprint that a client is shown."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if versions:
        context.minimum_version = context.maximum_version = versions
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain) as secured:
            return hashlib.sha256(secured.getpeercert(True)).hexdigest()


class Secured(harness.TestCase):
    def setUp(self):
        self.folder = temp_dir()
        self.a, self.a_key = make_pair(self.folder, "a")
        self.b, self.b_key = make_pair(self.folder, "b")
        self.cert, self.key = self.folder / "cert.pem", self.folder / "key.pem"
        self.put(self.a, self.a_key)
        self.port = harness.free_port()

    def put(self, cert, key):
        """As certificate tools do it: by renaming."""
        for source, target in ((cert, self.cert), (key, self.key)):
            new = self.folder / "new"
            new.write_bytes(source.read_bytes())
            new.chmod(0o600)
            os.replace(new, target)

    def flags(self):
        return ["-rtmpsAddr", f"127.0.0.1:{self.port}", "-tlsCert", self.cert, "-tlsKey", self.key]

    def test_publish_and_play_and_a_new_certificate(self):
        url = f"rtmps://127.0.0.1:{self.port}/movie"
        with Recipe(broadcaster_flags=self.flags()) as r:
            self.assertEqual(seen_at(self.port), fingerprint_of(self.a))
            self.assertEqual(seen_at(self.port, ssl.TLSVersion.TLSv1_2), fingerprint_of(self.a))
            r.broadcaster.wait_log(r"certificate good_until=20\d\d-\d\d-\d\d sha256=")
            with ffmpeg_publish(url, size="320x240") as publisher:
                r.wait_playlist("/stream/movie/source.m3u8", 1, 20)
                for at in (url, r.rtmp("movie")):
                    path = temp_dir() / "played.flv"
                    done = run(["ffmpeg", "-v", "error", "-i", at, "-t", "3",
                                "-c", "copy", path], 40)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(harness.decode_errors(path), "")
                self.put(self.b, self.b_key)
                r.broadcaster.popen.send_signal(signal.SIGHUP)
                wait_for(lambda: seen_at(self.port) == fingerprint_of(self.b), 10,
                         "new connections see the new certificate")
                # Files that cannot be used change nothing.
                self.put(self.a, self.b_key)
                r.broadcaster.popen.send_signal(signal.SIGHUP)
                r.broadcaster.wait_log(r"certificate_refused .*does not belong.*stays in force")
                self.cert.unlink()
                r.broadcaster.popen.send_signal(signal.SIGHUP)
                r.broadcaster.wait_log(r"certificate_refused -tlsCert.*No such file")
                self.assertEqual(seen_at(self.port), fingerprint_of(self.b))
                last = r.wait_playlist("/stream/movie/source.m3u8", 1).segments[-1].number
                wait_for(lambda: r.wait_playlist("/stream/movie/source.m3u8").segments[-1].number
                         > last + 1, 20, "the publish goes on")
                self.assertTrue(publisher.alive())
            self.assertNotIn("#EXT-X-DISCONTINUITY", r.get("/stream/movie/source.m3u8").text)
            self.assertNotIn("PRIVATE", r.broadcaster.log())

    def test_who_does_not_speak_tls(self):
        rtmp = harness.free_port()
        with Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{rtmp}", "-httpAddr",
                                  f"127.0.0.1:{harness.free_port()}", "-setupTimeoutMs", "1000",
                                  *self.flags()]) as role:
            for first in (b"\3" + bytes(1536), b"GET / HTTP/1.1\r\n\r\n" * 100, os.urandom(4000)):
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
                    try:
                        s.sendall(first)
                        while s.recv(4096):
                            pass
                    except ConnectionError:
                        pass
            failures = wait_for(lambda: role.status()["ingest"]["tls_failures"], 10, "counted")
            self.assertGreaterEqual(failures, 2)
            with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
                self.assertEqual(s.recv(1), b"")  # silent ones are closed at the deadline
            role.wait_log("its handshake took too long")
            with self.assertRaises((ssl.SSLError, OSError)):
                seen_at(rtmp)
            self.assertEqual(seen_at(self.port), fingerprint_of(self.a))

    def refused(self, words, *flags):
        done = run([BIN / "broadcaster", "-rtmpAddr", f"127.0.0.1:{harness.free_port()}",
                    "-httpAddr", f"127.0.0.1:{harness.free_port()}", "-cliAddr",
                    f"127.0.0.1:{harness.free_port()}", "-datadir", temp_dir(), *flags])
        self.assertEqual(done.returncode, 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertNotIn("PRIVATE KEY-----\nM", done.stderr)

    def test_flags_that_cannot_work(self):
        address = f"127.0.0.1:{self.port}"
        self.refused(["-rtmpsAddr needs -tlsCert"], "-rtmpsAddr", address)
        self.refused(["-tlsKey"], "-rtmpsAddr", address, "-tlsCert", self.cert)
        self.refused(["-tlsCert", "No such file"], "-rtmpsAddr", address, "-tlsCert",
                     self.folder / "none", "-tlsKey", self.key)
        self.refused(["-tlsKey", "does not belong"], "-rtmpsAddr", address, "-tlsCert", self.a,
                     "-tlsKey", self.b_key)
        self.refused(["-tlsKey", "no private key"], "-rtmpsAddr", address, "-tlsCert", self.a,
                     "-tlsKey", self.a)
        self.refused(["-rtmpsAddr", "is not host:port"], "-rtmpsAddr", "host:port", "-tlsCert", self.a,
                     "-tlsKey", self.a_key)
        with socket.create_server(("127.0.0.1", self.port)):
            self.refused(["RTMPS", str(self.port), "-rtmpsAddr"], *self.flags())

    def test_advice(self):
        self.key.chmod(0o644)
        door = ["-rtmpAddr", f"127.0.0.1:{harness.free_port()}", "-httpAddr",
                f"127.0.0.1:{harness.free_port()}"]
        with Role("broadcaster", [*door, *self.flags()]) as role:
            role.wait_log("key_is_open .*chmod 600")
        with Role("broadcaster", [*door, "-tlsCert", self.cert, "-tlsKey", self.key]) as role:
            role.wait_log("no_rtmps")


if __name__ == "__main__":
    harness.main()
