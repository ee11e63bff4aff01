"""Who may publish: the auth webhook, the keys file, address lists, bans and limits."""
# usual time: 40 s
import contextlib
import http.server
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import harness
import raw_rtmp as rtmp
from harness import BIN, RUNG, Recipe, TestCase, ffmpeg_publish, run, temp_dir, wait_for

KEY = "a-secret-key-of-its-own-1"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
OTHER_KEY = "another-secret-key-0002"


class Client(rtmp.Raw):
    """Publishes at any address, and hears why not."""

    def __init__(self, port, host="127.0.0.1"):
        self.s = socket.create_connection((host, port), 10 * harness.TIME_SCALE)

    def ask(self, name, app="live"):
        """What the server answers to publish: its code and text."""
        self.connect(app)
        self.send(rtmp.message(20, rtmp.text("createStream") + rtmp.number(2) + b"\5", stream=0,
                               chunk_stream=3))
        self.send(rtmp.message(20, rtmp.text("publish") + rtmp.number(3) + b"\5"
                               + rtmp.text(name) + rtmp.text("live"), chunk_stream=8))
        seen = self.read_status()
        code = re.search(rb"NetStream\.Publish\.\w+", seen).group().decode()
        return code + " " + seen.decode("utf-8", "replace")

    def read_status(self):
        """All up to the end of the first status about a publish."""
        seen = b""
        while not re.search(rb"NetStream\.Publish\.\w+.*\0\0\x09", seen, re.S):
            seen += self.receive(1)
        return seen

    def play(self, from_s, to_s, size=500):
        for s in range(from_s, to_s):
            for i in range(30):
                ms = s * 1000 + i * 33
                self.send(rtmp.picture(ms, i == 0, size), rtmp.sound(ms))


class Webhook:
    """A stub that answers as it is told; .posts are the bodies that came."""

    def __init__(self, answer=lambda body: (200, b"")):
        self.answer = answer
        self.posts = []
        self.paths = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body["type"] = self.headers["Content-Type"]
                outer.paths.append(self.path)
                outer.posts.append(body)
                status, answer = outer.answer(body)
                with contextlib.suppress(ConnectionError):  # who asked has gone
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://user:pass-word@127.0.0.1:{self.server.server_port}/auth?token=hush-hush"

    def starts(self):
        return [p for p in self.posts if p["event"] == "start"]

    def ends(self):
        return [p for p in self.posts if p["event"] == "end"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Auth(TestCase):
    """One broadcaster; its flags are the class's."""

    flags = []

    def start(self, *flags, **more):
        self.recipe = Recipe(order="B", broadcaster_flags=[*self.flags, *flags], **more).start()
        self.role = self.recipe.broadcaster
        self.addCleanup(self.role.kill)
        return self.role

    def webhook(self, answer=lambda body: (200, b"")):
        hook = Webhook(answer)
        self.addCleanup(hook.close)
        return hook

    def client(self, **more):
        c = Client(self.recipe.rtmp_port, **more)
        self.addCleanup(c.close)
        return c

    def publish(self, name, app="live", **more):
        """A client that was admitted."""
        c = self.client(**more)
        said = c.ask(name, app)
        self.assertIn("Publish.Start", said)
        return c

    def refused(self, name, app="live", **more):
        """What was said; the connection is closed behind it."""
        c = self.client(**more)
        said = c.ask(name, app)
        self.assertNotIn("Publish.Start", said)
        c.wait_closed()
        return said

    def stream(self, name):
        return next((s for s in self.role.status()["streams"] if s["id"] == name), None)

    def rungs(self, name):
        return [r["name"] for r in wait_for(lambda: self.stream(name), 10, name)["rungs"]]

    def check_silence(self, *secrets):
        for secret in secrets:
            self.assertNotIn(secret, self.role.log())


class Webhooks(Auth):
    def test_answers(self):
        """The known system's cases, and what is said to whom."""
        hook = self.webhook()
        self.start("-authWebhookUrl", hook.url, "-banAfter", "0", "-currentManifest")
        good = {"manifestID": "buzz", "streamKey": "k", "more": [1, {"x": None}]}
        ladder = {"manifestID": "rungs", "presets": ["P240p30fps16x9", "P999p1fps"],
                  "profiles": [{"name": "mine", "width": 320, "height": 180, "bitrate": 300000,
                                "fps": 30, "fpsDen": 1, "gop": "2.0"},
                               {"width": 160, "height": 90, "bitrate": 100000}]}
        cases = [
            ("fizz", 200, b"", "fizz", [RUNG]),
            ("fizz2", 200, json.dumps(good).encode(), "buzz", [RUNG]),
            ("fizz3", 200, json.dumps(ladder).encode(), "rungs",
             ["P240p30fps16x9", "mine", "webhook_160x90_100000"]),
            ("no", 403, b"", None, "Authentication denied"),
            ("no", 404, b"", None, "Authentication denied"),
            ("no", 500, b"", None, "Authentication denied"),
            ("no", 204, b"", None, "Authentication denied"),
            ("no", 200, b'{"manifestID":""}', None, "Authentication denied"),
            ("no", 200, b"{}", None, "Authentication denied"),
            ("no", 200, b"not json", None, "no answer that can be understood"),
            ("no", 200, b'{"manifestID":"a/b"}', None, "no answer that can be understood"),
            ("no", 200, b'{"manifestID":"x","profiles":[{"width":1}]}', None, "understood"),
            ("no", 200, b" " * 300000, None, "no answer that can be understood"),
        ]
        for name, status, body, stream, want in cases:
            with self.subTest(status=status, body=body[:60]):
                hook.answer = lambda _, a=(status, body): a
                if stream is None:
                    said = self.refused(name + "?pass=hush-query")
                    self.assertIn(want, said)
                else:
                    c = self.publish(name + "/hush-key", app="stream")
                    self.assertEqual(self.rungs(stream), ["source", *want])
                    c.close()
        self.role.wait_log(r'the preset "P999p1fps" is not known')
        asked = hook.starts()
        self.assertEqual(asked[0]["url"], "rtmp://127.0.0.1/stream/fizz/hush-key")
        self.assertEqual(asked[3]["url"], "rtmp://127.0.0.1/live/no?pass=hush-query")
        self.assertEqual((asked[0]["type"], asked[0]["ip"], asked[0]["kind"]),
                         ("application/json", "127.0.0.1", "publish"))
        self.assertEqual(set(hook.paths), {"/auth?token=hush-hush"})
        # An answer that is not understood may have been meant as a yes; a no was not.
        doubtful = [a["sessionID"] for a, (*_, want) in zip(asked, cases) if "understood" in want]
        wait_for(lambda: len(hook.ends()) == 3 + len(doubtful), 10, "all ends were told")
        ends = {e["sessionID"]: e for e in hook.ends()}
        self.assertEqual([ends[s["sessionID"]]["manifestID"] for s in asked[:3]],
                         ["fizz", "buzz", "rungs"])
        self.assertEqual({ends[s]["reason"] for s in doubtful},
                         {"the webhook's answer could not be understood"})
        self.assertEqual(len(hook.posts), len(cases) + 3 + 4)
        admission = self.role.status()["admission"]
        self.assertEqual((admission["admitted"], admission["refused"]["webhook"],
                          admission["refused"]["no_verdict"]), (3, 6, 4))
        self.check_silence("hush", "pass-word")

    def test_silence_ends(self):
        """A time-out and a dead webhook are refusals in words; others are not held up. The webhook,
        which may say yes when nobody hears it any more, is told of an end."""
        free = threading.Event()
        hook = self.webhook(lambda body: (body["event"] == "end" or free.wait(60), (200, b""))[1])
        self.addCleanup(free.set)
        self.start("-authWebhookUrl", hook.url, "-authWebhookTimeoutMs", "500")
        self.assertIn("has not answered in time", self.refused("slow"))
        self.role.wait_log("gave no verdict")
        wait_for(lambda: len(hook.ends()) == 1, 10, "the end of the question that timed out")
        end = hook.ends()[0]
        self.assertEqual((end["sessionID"], end["manifestID"], end["seconds"], end["reason"]),
                         (hook.starts()[0]["sessionID"], "slow", 0,
                          "the webhook did not answer in time"))
        # Who leaves while it is asked leaves nothing behind.
        c = self.client()
        c.connect("live")
        c.send(rtmp.message(20, rtmp.text("publish") + rtmp.number(3) + b"\5" + rtmp.text("gone")
                            + rtmp.text("live"), chunk_stream=8))
        wait_for(lambda: len(hook.starts()) == 2, 10, "the webhook was asked")
        c.close()
        wait_for(lambda: len(hook.ends()) == 2, 10, "the end of the one that left")
        self.assertEqual((hook.ends()[1]["sessionID"], hook.ends()[1]["reason"]),
                         (hook.starts()[1]["sessionID"], "it left before it was answered"))
        wait_for(lambda: self.role.status()["admission"]["webhook"]["asking"] == 0, 10, "cancelled")
        hook.close()
        self.assertIn("could not be asked", self.refused("dead"))
        self.assertEqual(self.role.status()["streams"], [])
        self.assertEqual(self.role.stop(), 0)
        self.assertNotIn("end_not_told", self.role.log())  # of what was never asked

    def test_taken_names_are_not_asked_about(self):
        hook = self.webhook()
        self.start("-authWebhookUrl", hook.url)
        self.publish("one")
        self.assertIn("BadName", self.refused("one/another-key", app="stream"))
        self.assertEqual(len(hook.posts), 1)

    def test_its_key_is_the_stream_s(self):
        """Who comes back with the URL of before is given the same key, and takes over."""
        def answer(body):
            key = "backup" if "backup" in body.get("url", "") else "of-the-webhook"
            return 200, json.dumps({"manifestID": "one", "streamKey": key}).encode()

        self.start("-authWebhookUrl", self.webhook(answer).url)
        old = self.publish("one/own-key", app="live")
        old.send(rtmp.video_config(), rtmp.picture(0, True))
        new = self.publish("one/own-key", app="live")
        self.assertIn("BadName", self.refused("one/backup", app="live"))
        new.send(rtmp.video_config(), rtmp.picture(0, True))
        self.assertIn(b"Publish.Replaced", old.wait_closed())

    def test_each_start_has_one_end(self):
        """Fact 28: who is refused before the webhook is asked is not told of at all; whoever it said
        yes to has an end, also one whose name was taken meanwhile, or that left meanwhile."""
        free = threading.Event()
        self.addCleanup(free.set)
        hook = self.webhook(lambda body: (body["event"] == "end" or free.wait(60), (200, b""))[1])
        self.start("-authWebhookUrl", hook.url)

        def ask(name):
            c = self.client()
            c.connect("stream")
            c.send(rtmp.message(20, rtmp.text("publish") + rtmp.number(3) + b"\5" + rtmp.text(name)
                                + rtmp.text("live"), chunk_stream=8))
            return c

        first = ask("one/a")
        wait_for(lambda: len(hook.starts()) == 1, 10, "the first is asked about")
        second = ask("one/b")  # nobody publishes it yet
        wait_for(lambda: len(hook.starts()) == 2, 10, "the second is asked about")
        left = ask("two/c")
        wait_for(lambda: len(hook.starts()) == 3, 10, "the third is asked about")
        left.close()
        sessions = [p["sessionID"] for p in hook.starts()]
        wait_for(lambda: len(hook.ends()) == 1, 10, "it left")
        self.assertEqual((hook.ends()[0]["sessionID"], hook.ends()[0]["reason"]),
                         (sessions[2], "it left before it was answered"))
        free.set()
        both = {c: c.read_status() for c in (first, second)}
        started = next(c for c in both if b"Publish.Start" in both[c])
        refused = second if started is first else first
        self.assertIn(b"Publish.BadName", both[refused])
        loser = sessions[1] if refused is second else sessions[0]
        wait_for(lambda: len(hook.ends()) == 2, 10, "the end of the one that came too late")
        self.assertEqual(hook.ends()[1]["sessionID"], loser)
        self.assertIn("BadName", self.refused("one/c", app="stream"))  # taken: not asked about
        started.close()
        wait_for(lambda: len(hook.ends()) == 3, 10, "the end of the one that published")
        self.assertEqual(sorted(p["sessionID"] for p in hook.ends()), sorted(sessions))
        self.assertEqual(len(hook.starts()), 3)

    def test_ends_have_reasons(self):
        answers = []

        def answer(body):
            answers.append(body)
            return (500 if body["event"] == "end" and len(answers) == 2 else 200, b"")

        hook = self.webhook(answer)
        self.start("-authWebhookUrl", hook.url, "-idleTimeoutMs", "1000")
        c = self.publish("one")
        wait_for(lambda: len(hook.ends()) == 2, 20, "told again after a failure")
        c.close()
        end = hook.ends()[1]
        self.assertEqual(end["manifestID"], "one")
        self.assertIn("nothing for too long", end["reason"])
        self.assertNotIn("url", end)
        self.publish("two")
        self.assertEqual(self.role.stop(), 0)
        self.assertEqual((hook.ends()[-1]["manifestID"], hook.ends()[-1]["reason"]),
                         ("two", "the server is stopping"))
        self.assertEqual(len(hook.ends()), 3)

    def test_bad_urls_are_start_errors(self):
        for url in ("tcp://host/", "nonsense", "http://", "http://h:port/hush"):
            done = run([BIN / "livepeer", "-broadcaster", "-authWebhookUrl", url, "-datadir",
                        temp_dir(), "-rtmpAddr", "127.0.0.1:0", "-httpAddr", "127.0.0.1:0",
                        "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
            self.assertNotEqual(done.returncode, 0, url)
            self.assertIn("-authWebhookUrl", done.stderr)
            self.assertNotIn("hush", done.stderr)

    def test_a_door_is_not_left_open_by_an_empty_value(self):
        """As from an unset shell variable."""
        for flags, word in ((["-keysFile", ""], "-keysFile"),
                            (["-authWebhookUrl="], "-authWebhookUrl"),
                            (["-authWebhookPlay"], "-authWebhookPlay needs -authWebhookUrl"),
                            (["-rtmpTrustedProxies", "10.0.0.0/8"], "needs -rtmpProxyProtocol")):
            done = run([BIN / "livepeer", "-broadcaster", *flags, "-datadir", temp_dir(),
                        "-rtmpAddr", "127.0.0.1:0", "-httpAddr", "127.0.0.1:0",
                        "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
            self.assertNotEqual(done.returncode, 0, flags)
            self.assertIn(word, done.stderr)

    def test_own_profiles_are_transcoded(self):
        """A rung of the webhook's, with the source's own frame rate."""
        answer = {"manifestID": "movie", "profiles": [
            {"name": "low", "width": 160, "height": 120, "bitrate": 200000, "fps": 0}]}
        hook = self.webhook(lambda body: (200, json.dumps(answer).encode()))
        with Recipe(broadcaster_flags=["-authWebhookUrl", hook.url]) as r:
            with ffmpeg_publish(r.rtmp("anything"), rate=25, keyint=25, bitrate="500k"):
                found = r.wait_playlist("/stream/movie/low.m3u8", timeout=20)
                path = temp_dir() / "low.ts"
                path.write_bytes(r.get(found.segments[0].uri).body)
        video = next(s for s in harness.ffprobe_streams(path) if s["codec_type"] == "video")
        self.assertEqual((video["width"], video["height"]), (160, 120))
        self.assertEqual(len(harness.ffprobe_packets(path, "video")), 50)


class Keys(Auth):
    def write(self, text):
        self.path = temp_dir() / "keys.yaml"
        self.path.write_text(text)
        return str(self.path)

    def hash(self, key):
        done = subprocess.run([BIN / "broadcaster", "-hashKey", "-datadir", temp_dir()],
                              input=key + "\n", capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def test_keys_are_not_names(self):
        text = (f"keys:\n  - {{key: {KEY}, id: movie, ladder: [P240p30fps16x9]}}\n"
                f"  - hash: \"{self.hash(OTHER_KEY)}\"\n    id: second\n    ladder:\n"
                "      - {name: own, width: 320, height: 180, bitrate: 300000}\n")
        self.start("-keysFile", self.write(text), "-reconnectGrace", "500ms")
        with ffmpeg_publish(self.recipe.rtmp(f"live/{KEY}"), size="320x240", bitrate="500k"):
            self.recipe.wait_playlist("/stream/movie/source.m3u8")
            self.assertEqual(self.rungs("movie"), ["source", "P240p30fps16x9"])
            self.assertEqual(self.recipe.get(f"/stream/{KEY}.m3u8").status, 404)
        self.publish(OTHER_KEY, app="second").close()
        wait_for(lambda: self.stream("second") is None, 10, "gone")
        self.publish("second?key=" + OTHER_KEY)
        self.assertEqual(self.rungs("second"), ["source", "own"])
        for name, app in (("movie", "live"), (KEY, "second"), ("", "live"), (KEY + "x", "live"),
                          (KEY[:-1], "movie"), ("movie?key=" + OTHER_KEY, "live"),
                          ("x" * 600, "live")):
            self.assertIn("key is not known", self.refused(name, app), name[:30])
        self.check_silence(KEY, OTHER_KEY)

    def test_reload(self):
        first = f"keys:\n  - {{key: {KEY}, id: one}}\n  - {{key: {OTHER_KEY}, id: two}}\n"
        self.start("-keysFile", self.write(first))
        one, two = self.publish(KEY), self.publish(OTHER_KEY)
        self.path.write_text("keys:\n  - {key: x, id: /}\n")
        self.role.popen.send_signal(signal.SIGHUP)
        self.role.wait_log(r"keys.yaml:2: id: .*the keys that were read before stay in force")
        self.assertEqual(len(self.role.status()["streams"]), 2)
        mark = self.role.log_mark()
        self.path.write_text(f"keys:\n  - {{key: {KEY}, id: one}}\n  - {{key: new, id: two}}\n")
        self.path.chmod(0o644)
        self.role.popen.send_signal(signal.SIGHUP)
        self.assertIn(b"not valid any more", two.wait_closed())
        self.role.wait_log("revoked stream=two", since=mark)
        self.role.wait_log("weak_keys", since=mark)
        self.role.wait_log("keys_are_open .*chmod 600", since=mark)
        one.send(rtmp.video_config())
        one.play(0, 6)
        self.recipe.wait_playlist("/stream/one/source.m3u8")
        self.assertIn("not known", self.refused(OTHER_KEY))
        self.assertEqual(self.role.status()["admission"]["revoked"], 1)
        self.check_silence(KEY, OTHER_KEY)

    def test_webhook_and_keys_must_both_agree(self):
        hook = self.webhook(lambda body: (200, json.dumps({"manifestID": "hooked"}).encode()))
        self.start("-keysFile", self.write(f"keys: [{{key: {KEY}, id: one}}]\n"),
                   "-authWebhookUrl", hook.url)
        self.refused("unknown")
        self.assertEqual(hook.posts, [])
        self.publish(KEY)
        self.assertEqual(self.rungs("hooked")[0], "source")

    def test_a_key_that_goes_while_the_webhook_thinks(self):
        free = threading.Event()
        hook = self.webhook(lambda body: (free.wait(60), (200, b""))[1])
        self.addCleanup(free.set)
        self.start("-keysFile", self.write(f"keys: [{{key: {KEY}, id: one}}]\n"),
                   "-authWebhookUrl", hook.url, "-authWebhookTimeoutMs", "60000",
                   "-setupTimeoutMs", "60000")
        said = []
        asker = threading.Thread(target=lambda: said.append(self.refused(KEY)))
        asker.start()
        wait_for(hook.starts, 10, "the webhook was asked")
        self.path.write_text(f"keys: [{{key: {OTHER_KEY}, id: one}}]\n")
        mark = self.role.log_mark()
        self.role.popen.send_signal(signal.SIGHUP)
        self.role.wait_log("keys n=1", since=mark)
        free.set()
        asker.join(30)
        self.assertIn("not valid any more", said[0])
        wait_for(hook.ends, 10, "the webhook is told that its yes came to nothing")
        self.assertEqual(self.role.status()["streams"], [])

    def test_bad_files_are_start_errors(self):
        for text, word in ((f"keys: [{{key: {KEY}}}]\n", "id: is missing"),
                           ("nonsense: 1\n", "keys:"), (None, "cannot be read")):
            path = self.write(text or "")
            if text is None:
                os.unlink(path)
            done = run([BIN / "broadcaster", "-keysFile", path, "-datadir", temp_dir(),
                        "-rtmpAddr", "127.0.0.1:0", "-httpAddr", "127.0.0.1:0",
                        "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
            self.assertEqual(done.returncode, 1)
            self.assertIn(word, done.stderr)
            self.assertNotIn(KEY, done.stderr)
        done = subprocess.run([BIN / "broadcaster", "-hashKey", "-datadir", temp_dir()],
                              input="two words\n", capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout), (1, ""))


class Plays(Auth):
    """RTMP play is refused by the same rules."""

    def publish_show(self):
        p = self.publish("show/own-key")
        p.send(rtmp.video_config(), rtmp.audio_config())
        p.play(0, 6)
        self.recipe.wait_playlist("/stream/show/source.m3u8")
        return p

    def play_as(self, name, said):
        """A player that was told this."""
        c = self.client()
        c.connect("live")
        c.send(rtmp.message(20, rtmp.text("play") + rtmp.number(0) + b"\5" + rtmp.text(name),
                            chunk_stream=8))
        seen = b""
        while said.encode() not in seen:
            seen += c.receive(1)
        return c

    def test_the_webhook_is_asked_and_told(self):
        """Each play that it allowed has one end, with a reason; the publisher's key is not said."""
        hook = self.webhook(
            lambda body: (403 if "hush-no" in body.get("url", "") else 200,
                          b'{"manifestID": "show"}' if "alias" in body.get("url", "") else b""))
        self.start("-authWebhookUrl", hook.url, "-authWebhookPlay", "-streamsPerAddress", "1",
                   "-reconnectGrace", "500ms")
        publisher = self.publish_show()
        self.play_as("show?pass=hush-no", "NetStream.Play.Failed").wait_closed()
        player = self.play_as("show?pass=1", "NetStream.Play.Start")
        alias = self.play_as("alias", "NetStream.Play.Start")
        self.play_as("none", "NetStream.Play.StreamNotFound").wait_closed()
        plays = [p for p in hook.starts() if p["kind"] == "play"]
        self.assertEqual([p["url"].rpartition("/")[2] for p in plays],
                         ["show?pass=hush-no", "show?pass=1", "alias", "none"])
        player.close()
        wait_for(lambda: len(hook.ends()) == 2, 10, "the ends of two plays")
        publisher.close()
        wait_for(lambda: len(hook.ends()) == 4, 10, "the ends of all")
        alias.wait_closed()
        ends = {e["sessionID"]: e for e in hook.ends() if e["kind"] == "play"}
        self.assertEqual(list(ends), [p["sessionID"] for p in (plays[3], plays[1], plays[2])])
        reasons = [e["reason"] for e in ends.values()]
        self.assertIn("no stream of this name", reasons[0])
        self.assertIn("connection", reasons[1])  # closed, or reset: there is something unread
        self.assertEqual(reasons[2], "the stream has ended")
        self.assertEqual([e["manifestID"] for e in ends.values()], ["none", "show", "show"])
        # Those who play are no streams of their address.
        self.publish("another")
        self.check_silence("own-key", "hush", "pass-word")

    def test_without_the_flag_it_is_not_asked(self):
        hook = self.webhook()
        self.start("-authWebhookUrl", hook.url)
        self.publish_show()
        self.play_as("show", "NetStream.Play.Start")
        self.assertEqual(len(hook.posts), 1)

    def test_lists(self):
        self.start("-playDeny", "127.0.0.0/8")
        self.publish_show()
        self.play_as("show", "playing is not allowed from this address").wait_closed()
        self.assertEqual(self.role.status()["admission"]["refused"]["address"], 1)
        self.role.kill()
        self.start("-playAllow", "192.0.2.0/24", "-publishAllow", "127.0.0.1")
        self.publish_show()
        self.play_as("show", "NetStream.Play.Failed").wait_closed()


class Secure(Auth):
    """The webhook by https: nobody is asked whose certificate is not trusted."""

    def secured(self):
        folder = temp_dir()
        done = run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out",
                    folder / "cert"])
        self.assertEqual(done.returncode, 0, done.stderr)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert", folder / "key")
        hook = self.webhook()
        hook.server.socket = context.wrap_socket(hook.server.socket, server_side=True)
        hook.url = hook.url.replace("http:", "https:")
        return hook, folder / "cert"

    def test_a_certificate_of_nobody(self):
        hook, _ = self.secured()
        self.start("-authWebhookUrl", hook.url)
        self.assertIn("Authentication denied", self.refused("one"))
        self.role.wait_log("gave no verdict: .*certificate")
        self.assertEqual(hook.posts, [])

    def test_a_certificate_that_is_trusted(self):
        """The system's own list of authorities counts, which is replaced for this one process."""
        hook, cert = self.secured()
        if not os.path.exists(AUTHORITIES):
            self.skipTest("this system has its authorities elsewhere")
        inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"',
                  cert, AUTHORITIES]
        if os.getuid() != 0 or run([*inside, "true"]).returncode != 0:
            self.skipTest("only root can make a mount namespace")
        folder, port = temp_dir(), harness.free_port()
        role = harness.Process(
            [*inside, BIN / "broadcaster", "-rtmpAddr", f"127.0.0.1:{port}", "-httpAddr",
             f"127.0.0.1:{harness.free_port()}", "-cliAddr", f"127.0.0.1:{harness.free_port()}",
             "-datadir", folder, "-runDir", folder, "-authWebhookUrl", hook.url],
            folder / "broadcaster.log")
        self.addCleanup(role.kill)
        role.wait_log("control listening")
        c = Client(port)
        self.addCleanup(c.close)
        self.assertIn("Publish.Start", c.ask("one"))
        c.close()
        wait_for(hook.ends, 10, "the end is told")
        self.assertNotIn("hush", role.log())


class Addresses(Auth):
    def test_lists(self):
        self.start("-publishAllow", "127.0.0.0/8,::1", "-publishDeny", "127.0.0.1/32", host="::")
        said = self.refused("one")
        self.assertIn("not allowed from this address", said)
        self.assertIn("Publish.Rejected", said)
        if not harness.has_ipv6():
            self.skipTest("there is no IPv6 here")
        self.publish("one", host="::1")
        self.assertEqual(self.role.status()["admission"]["refused"]["address"], 1)
        self.role.kill()
        self.start("-publishAllow", "2001:db8::/32,127.0.0.0/8", host="::")
        self.assertIn("not allowed", self.refused("one", host="::1"))
        self.publish("one")

    def test_bad_lists_are_start_errors(self):
        for flag in ("-publishAllow", "-publishDeny", "-playAllow", "-playDeny"):
            done = run([BIN / "broadcaster", flag, "10.0.0.0/33", "-datadir", temp_dir(),
                        "-rtmpAddr", "127.0.0.1:0", "-httpAddr", "127.0.0.1:0",
                        "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
            self.assertEqual(done.returncode, 1)
            self.assertIn(flag, done.stderr)

    def test_bans(self):
        hook = self.webhook(lambda body: (403 if "bad" in body.get("url", "") else 200, b""))
        self.start("-authWebhookUrl", hook.url, "-banAfter", "3", "-banMs", "1500", "-banLoopback")
        self.publish("stays")
        for _ in range(3):
            self.assertIn("Authentication denied", self.refused("bad"))
        self.assertIn("try again in", self.refused("good"))
        asked = len(hook.posts)
        self.role.wait_log("banned peer=127.0.0.1:")
        self.assertIsNotNone(self.stream("stays"))
        bans = json.loads(self.role.control("/bans").text)
        self.assertEqual((bans["banned"], bans["bans"][0]["address"], bans["bans"][0]["times"]),
                         (1, "127.0.0.1", 1))
        self.assertEqual(self.role.status()["admission"]["banned"], 1)
        self.assertEqual(self.role.metrics()["sbe_banned_addresses"], 1)
        wait_for(lambda: self.role.status()["admission"]["banned"] == 0, 10, "the ban is over")
        self.publish("good")
        self.assertEqual(len(hook.posts), asked + 1)
        for _ in range(3):
            self.refused("bad")
        bans = json.loads(self.role.control("/bans").text)
        self.assertEqual(bans["bans"][0]["times"], 2)
        self.assertEqual(self.role.control("/clearBans?address=nonsense", method="POST").status, 400)
        answer = self.role.control("/clearBans?address=127.0.0.1", method="POST")
        self.assertEqual(json.loads(answer.text), {"cleared": 1})
        self.publish("again")

    def test_loopback_is_not_banned(self):
        hook = self.webhook(lambda body: (403, b""))
        self.start("-authWebhookUrl", hook.url, "-banAfter", "2")
        for _ in range(5):
            self.assertIn("Authentication denied", self.refused("bad"))


def in_tiny_chunks(body):
    """A video message of one byte a chunk."""
    whole = rtmp.message(rtmp.VIDEO, body)
    return whole[:-len(body)] + b"\xc6".join(bytes([b]) for b in body)


JUNK_KBPS = 400
BURST_BYTES = JUNK_KBPS * 1000 // 8 * 10  # of ten seconds
JUNK = {  # what is sent before it, and what makes a piece
    "data": (b"", lambda: rtmp.message(18, rtmp.text("onNothing") + os.urandom(4000))),
    "unknown": (b"", lambda: rtmp.message(99, os.urandom(4000))),
    "dropped": (b"", lambda: rtmp.message(rtmp.AUDIO, b"\x62" + os.urandom(4000))),
    "chunks": (rtmp.message(1, struct.pack(">I", 1), stream=0, chunk_stream=2),
               lambda: in_tiny_chunks(b"\x27\1\0\0\0" + b"\0\0\x07\xd0" + b"\x41" * 2000)),
}


class Limits(Auth):
    def test_resolution(self):
        self.start("-maxResolution", "640x480")
        fits = self.publish("fits")
        fits.send(rtmp.video_config(480, 640))
        fits.play(0, 5)
        self.recipe.wait_playlist("/stream/fits/source.m3u8")
        large = self.publish("large")
        large.send(rtmp.video_config(1280, 720))
        said = large.wait_closed()
        self.assertIn(b"NetStream.Publish.Rejected", said)
        self.assertIn(b"the picture is 1280x720, this server takes up to 640x480", said)
        self.assertIsNone(self.stream("large"))

    def test_streams_of_an_address(self):
        self.start("-streamsPerAddress", "2")
        one = self.publish("one")
        self.publish("two")
        self.assertIn("publishes 2 streams already", self.refused("three"))
        one.close()
        wait_for(lambda: self.role.status()["ingest"]["publishers"] == 1, 10, "one has gone")
        self.publish("three")

    def test_streams_of_an_address_that_ask_at_once(self):
        """Each of them is the first one while the webhook thinks."""
        free = threading.Event()
        hook = self.webhook(lambda body: (free.wait(60), (200, b""))[1])
        self.addCleanup(free.set)
        self.start("-streamsPerAddress", "1", "-authWebhookUrl", hook.url,
                   "-authWebhookTimeoutMs", "60000", "-setupTimeoutMs", "60000")
        said = []
        clients = [self.client() for _ in range(4)]
        askers = [threading.Thread(target=lambda i=i, c=c: said.append(c.ask(f"s{i}")))
                  for i, c in enumerate(clients)]
        for a in askers:
            a.start()
        wait_for(lambda: len(hook.starts()) == 4, 10, "all are asked about")
        free.set()
        for a in askers:
            a.join(30)
        self.assertEqual(sum("Publish.Start" in t for t in said), 1, said)
        self.assertEqual(sum("publishes 1 streams already" in t for t in said), 3, said)

    def test_ten_times_the_bitrate(self):
        """It is closed with both numbers, and the others lose nothing."""
        key_limits = f"keys:\n  - {{key: k, id: small, limits: {{bitrateKbps: 400}}}}\n" \
                     f"  - {{key: l, id: other}}\n"
        path = temp_dir() / "keys.yaml"
        path.write_text(key_limits)
        self.start("-maxBitrateKbps", "4000", "-keysFile", str(path))
        with ffmpeg_publish(self.recipe.rtmp("live/l"), bitrate="500k"):
            self.recipe.wait_playlist("/stream/other/source.m3u8")
            follower = harness.Follower(self.recipe.url("/stream/other/source.m3u8"))
            follower.poll()
            p = ffmpeg_publish(self.recipe.rtmp("live/k"), bitrate="4000k", size="640x480",
                               source="testsrc2=size=640x480:rate=30,noise=alls=40:allf=t")
            self.role.wait_log(r"stream=small.*reason=\"the stream has \d+ kb/s, this server takes "
                               r"up to 400: lower the encoder's bitrate\"", 30)
            self.assertNotEqual(p.wait(20), 0)
            self.assertIsNotNone(self.stream("other"))
            before = follower.seconds(follower.urls[0])
            follower.follow(lambda: follower.seconds(follower.urls[0]) >= before + 4, 20)
            numbers = follower.numbers(follower.urls[0])
            self.assert_rising(numbers, "segment numbers", step=1)
            self.assertFalse(any(s.discontinuity or s.gap
                                 for s in follower.segments[follower.urls[0]]))

    def test_junk_is_within_the_bitrate_too(self):
        """What no track takes, and the overhead of what one takes, counts; others lose nothing."""
        path = temp_dir() / "keys.yaml"
        limits = f"limits: {{bitrateKbps: {JUNK_KBPS}}}"
        path.write_text("keys:\n  - {key: l, id: other}\n" + "".join(
            f"  - {{key: {name}, id: {name}, {limits}}}\n" for name in JUNK))
        self.start("-keysFile", str(path))
        with ffmpeg_publish(self.recipe.rtmp("live/l"), bitrate="500k"):
            self.recipe.wait_playlist("/stream/other/source.m3u8")
            follower = harness.Follower(self.recipe.url("/stream/other/source.m3u8"))
            follower.poll()
            for name, (before, make) in JUNK.items():
                with self.subTest(name):
                    self.check_junk(name, before, make)
                follower.poll()
            before = follower.seconds(follower.urls[0])
            follower.follow(lambda: follower.seconds(follower.urls[0]) >= before + 4, 20)
            self.assert_rising(follower.numbers(follower.urls[0]), "segment numbers", step=1)
            self.assertFalse(any(s.discontinuity or s.gap
                                 for s in follower.segments[follower.urls[0]]))

    def check_junk(self, name, before, make):
        """Ten times the limit is closed once the burst that is allowed has come, not later."""
        c = self.publish(name)
        c.send(rtmp.video_config(), rtmp.audio_config(), before)
        said, sent, begun = b"", 0, time.monotonic()
        while b"Publish.Rejected" not in said and sent < 4 * BURST_BYTES:
            piece = make()
            c.send(piece)
            sent += len(piece)
            due = begun + sent * 8 / (10 * JUNK_KBPS * 1000)
            if select.select([c.s], [], [], max(0, due - time.monotonic()))[0]:
                said += c.s.recv(65536)
        said += c.wait_closed()
        self.assertRegex(said, rb"the stream has \d+ kb/s, this server takes up to 400: lower the "
                               rb"encoder's bitrate")
        self.assertGreater(sent, BURST_BYTES * 9 // 10)
        self.assertLess(sent, BURST_BYTES * 2)


if __name__ == "__main__":
    harness.main()
