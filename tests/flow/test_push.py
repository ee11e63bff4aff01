"""Segments pushed over HTTP: PUT or POST /live/NAME/N.ts or .mp4."""
# time limit: 150 s
# usual time: 53 s
import concurrent.futures
import contextlib
import email
import re
import socket

from harness import (RUNG, Publisher, Recipe, Role, TestCase, decode_errors, ffmpeg_publish,
                     ffprobe_packets, ffprobe_streams, free_port, http_get, main, run, segments,
                     playlist, temp_dir, variants, wait_for)
from test_auth import Webhook

SECONDS = 12
SEGMENT_S = 2
BODY_MAX = 64 * 1024 * 1024


def make_media():
    """movie.mp4 and the same as 0.ts, 1.ts ... and 0.mp4, 1.mp4 ... of two seconds each."""
    folder = temp_dir()
    movie = folder / "movie.mp4"
    steps = [
        ["-f", "lavfi", "-i", "testsrc=size=320x240:rate=30,format=yuv420p", "-f", "lavfi", "-i",
         "sine", "-t", SECONDS, "-c:v", "libx264", "-preset", "ultrafast", "-x264-params",
         "keyint=60", "-c:a", "aac", movie],
        ["-i", movie, "-c", "copy", "-f", "segment", "-segment_time", SEGMENT_S,
         folder / "%d.ts"],
        ["-i", movie, "-t", 5, "-c:v", "libx264", "-preset", "veryfast", "-bf", 2, "-g", 600, "-c:a",
         "copy", folder / "one_key.ts"],
        ["-i", movie, "-c", "copy", "-f", "segment", "-segment_time", SEGMENT_S,
         "-reset_timestamps", 1, folder / "%d.mp4"],
    ]
    for step in steps:
        done = run(["ffmpeg", "-nostdin", "-v", "error", *step], timeout=60)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
    return folder


class Push(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.media = make_media()

    def body(self, name):
        return (self.media / name).read_bytes()

    def push(self, r, path, body=None, method="PUT", timeout=30, **headers):
        body = self.body(path.rsplit("/", 1)[1]) if body is None else body
        names = {k.replace("_", "-"): v for k, v in headers.items()}
        return http_get(r.url(path), method, names, timeout, body=body)

    def parts(self, answer):
        self.assertRegex(answer.headers["content-type"],
                         r"^multipart/mixed; boundary=[0-9a-f]{20}$")
        head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
        message = email.message_from_bytes(head + answer.body)
        found = message.get_payload()
        for part in found:
            self.assertEqual(len(part.get_payload(decode=True)), int(part["Content-Length"]))
        return found

    def check_part(self, part, width, height, seconds=SEGMENT_S):
        path = temp_dir() / "part"
        path.write_bytes(part.get_payload(decode=True))
        video, audio = ffprobe_streams(path)
        self.assertEqual((video["width"], video["height"]), (width, height))
        self.assertEqual(audio["codec_name"], "aac")
        self.assertEqual(len(ffprobe_packets(path, "video")), seconds * 30)
        self.assertEqual(decode_errors(path), "")

    def test_answers(self):
        with Recipe(rungs=f"{RUNG},P240p30fps16x9") as r:
            self.wait_connected(r)
            with self.subTest("with Accept: each rung as a part, in the ladder's order"):
                for i, (kind, type_) in enumerate((("ts", "video/MP2T"), ("mp4", "video/mp4"))):
                    got = self.push(r, f"/live/a{i}/17.{kind}", self.body(f"0.{kind}"),
                                    "PUT" if i else "POST", Accept="multipart/mixed",
                                    Content_Resolution="320x240", Content_Duration="2000")
                    self.assertEqual(got.status, 200, got.text)
                    parts = self.parts(got)
                    self.assertEqual([p["Rendition-Name"] for p in parts],
                                     [RUNG, "P240p30fps16x9"])
                    self.assertEqual(
                        parts[0]["Content-Disposition"],
                        f'attachment; filename="{RUNG}_17.{kind}"')
                    self.assertEqual({p["Content-Type"] for p in parts}, {type_})
                    self.check_part(parts[0], 256, 192)
                    self.check_part(parts[1], 426, 320)
            with self.subTest("the first container stays the answers'"):
                got = self.push(r, "/live/a1/18.ts", self.body("1.ts"), Accept="multipart/mixed")
                self.assertIn(".mp4", self.parts(got)[0]["Content-Disposition"])
            with self.subTest("the source is in HLS, in the size that was told"):
                master = variants(r.get("/stream/a0.m3u8").text)
                self.assertEqual(master[0][0]["RESOLUTION"], "320x240")
                self.assertEqual([u for _, u in master],
                                 ["a0/source.m3u8", f"a0/{RUNG}.m3u8", "a0/P240p30fps16x9.m3u8"])
            with self.subTest("no Accept: empty, and no size told: none said"):
                got = self.push(r, "/live/b/0.ts")
                self.assertEqual((got.status, got.body), (200, b""))
                self.assertNotIn("RESOLUTION", variants(r.get("/stream/b.m3u8").text)[0][0])
            with self.subTest("refusals"):
                for path, method, status, text in (
                        ("/live/m/out.m3u8", "PUT", 400, "ignoring file extension: .m3u8\n"),
                        ("/live/seg.m3u8", "PUT", 400, "ignoring file extension: .m3u8\n"),
                        ("/live/.ts", "PUT", 400, "Bad URL\n"),
                        ("/live/b/1.ts", "GET", 405, None),
                        ("/live/b/1.ts", "DELETE", 405, None),
                        ("/live/b/0.ts", "PUT", 500, "segment already exists\n")):
                    got = self.push(r, path, self.body("0.ts") if method == "PUT" else b"",
                                    method)
                    self.assertEqual(got.status, status, (path, got.text))
                    if text:
                        self.assertEqual(got.text, text)
                self.assertEqual(got.headers["content-type"], "text/plain; charset=utf-8")
                for body in (b"", b"no media\n" * 1000, self.body("0.mp4"),
                             self.body("0.ts")[:100]):
                    self.assertEqual(self.push(r, "/live/b/1.ts", body).status, 422)
                got = self.push(r, "/live/b/key/1.ts", self.body("1.ts"))
                self.assertEqual(got.status, 403, got.text)
            with self.subTest("an RTMP publisher has the name"):
                with ffmpeg_publish(r.rtmp("taken"), size="320x240", bitrate="500k"):
                    r.wait_playlist("/stream/taken/source.m3u8")
                    got = self.push(r, "/live/taken/0.ts")
                    self.assertEqual(got.status, 500)
                    self.assertTrue(got.text.startswith("Could not create stream ID: "))
            with self.subTest("nothing of it was a crash"):
                self.assertEqual({s for _, s in r.stop()}, {0})

    def wait_connected(self, r):
        wait_for(lambda: r.broadcaster.status()["orchestrator"]["connected"]
                 if "orchestrator" in r.broadcaster.status() else
                 re.search("welcome|connected", r.broadcaster.log()), 10, "the orchestrator")
        wait_for(lambda: r.orchestrator.status()["RegisteredTranscodersNumber"] > 0, 10,
                 "a transcoder")

    def test_ffmpeg_pushes_a_movie(self):
        with Recipe() as r:
            self.wait_connected(r)
            command = ["ffmpeg", "-nostdin", "-re", "-i", self.media / "movie.mp4", "-c", "copy",
                       "-f", "hls", "-method", "PUT", r.url("/live/movie/out.m3u8")]
            deleting = ["ffmpeg", "-nostdin", "-re", "-i", self.media / "movie.mp4", "-c", "copy",
                        "-f", "hls", "-method", "PUT", "-hls_flags", "delete_segments",
                        "-hls_list_size", 2, "-hls_delete_threshold", 1,
                        r.url("/live/deleting/out.m3u8")]
            with Publisher(command, temp_dir() / "ffmpeg.log") as ffmpeg, \
                    Publisher(deleting, temp_dir() / "deleting.log") as other:
                self.assertEqual(ffmpeg.wait(60), 0, ffmpeg.tail())
                self.assertEqual(other.wait(60), 0, other.tail())
            for name in ("movie", "deleting"):
                for rung in ("source", RUNG):
                    found = r.wait_playlist(f"/stream/{name}/{rung}.m3u8", SECONDS // SEGMENT_S, 20)
                    self.assertEqual(found.target_duration, SEGMENT_S)
                    self.assertFalse([s for s in found.segments if s.gap or s.discontinuity])
                    path = temp_dir() / "all.ts"
                    path.write_bytes(b"".join(r.get(s.uri).body for s in found.segments))
                    self.assertEqual(decode_errors(path), "")
                    pictures = ffprobe_packets(path, "video")
                    self.assertEqual(len(pictures), SECONDS * 30)
                    self.assert_rising([p["dts"] for p in pictures], "dts", 3000)
                    sound = ffprobe_packets(path, "audio")
                    self.assert_rising([p["dts"] for p in sound], "sound")

    def test_order(self):
        with Recipe() as r:
            self.wait_connected(r)
            with concurrent.futures.ThreadPoolExecutor(32) as pool:
                with self.subTest("all at once, of one stream"):
                    got = list(pool.map(lambda i: self.push(r, f"/live/one/{i}.ts").status,
                                        (5, 3, 4, 1, 0, 2)))
                    self.assertEqual(got, [200] * 6)
                    found = playlist(r.get("/stream/one/source.m3u8").text)
                    self.assertEqual(len(found.segments), 6)
                    path = temp_dir() / "all.ts"
                    path.write_bytes(b"".join(r.get(s.uri).body for s in found.segments))
                    self.assert_rising([p["dts"] for p in ffprobe_packets(path, "video")], "dts",
                                       3000)
                with self.subTest("a number that never comes is a gap"):
                    self.assertEqual(self.push(r, "/live/hole/0.ts").status, 200)
                    self.assertEqual(self.push(r, "/live/hole/2.ts").status, 200)
                    found = segments(r.get("/stream/hole/source.m3u8").text)
                    self.assertEqual([s.gap for s in found], [False, True, False])
                    self.assertFalse(any(s.discontinuity for s in found))
                    rung = segments(r.get(f"/stream/hole/{RUNG}.m3u8").text)
                    self.assertEqual([s.number for s in rung], [s.number for s in found])
                    got = self.push(r, "/live/hole/1.ts")
                    self.assertEqual(got.status, 500)
                    self.assertIn("too late", got.text)
                with self.subTest("who begins anew goes on behind a discontinuity"):
                    self.assertEqual(self.push(r, "/live/hole/0.ts", self.body("3.ts")).status, 200)
                    found = segments(r.get("/stream/hole/source.m3u8").text)
                    self.assertEqual([s.discontinuity for s in found], [False] * 3 + [True])

    def test_a_much_longer_segment_becomes_several(self):
        """EXT-X-TARGETDURATION stays; the answer has a file as long as what was pushed."""
        joined = b"".join(self.body(f"{i}.ts") for i in (1, 2, 3))
        with Recipe(rungs=RUNG) as r:
            self.wait_connected(r)
            for stream, body, seconds, independent in (("keys", joined, 6, 3),
                                                       ("no_keys", self.body("one_key.ts"), 5, 1)):
                with self.subTest(stream):
                    self.assertEqual(self.push(r, f"/live/{stream}/0.ts").status, 200)
                    path = f"/stream/{stream}/{{}}.m3u8"
                    before = playlist(r.get(path.format("source")).text)
                    got = self.push(r, f"/live/{stream}/1.ts", body, Accept="multipart/mixed")
                    self.assertEqual(got.status, 200, got.text)
                    (part,) = self.parts(got)
                    self.check_part(part, 256, 192, seconds)
                    for name in ("source", RUNG):
                        now = playlist(r.get(path.format(name)).text)
                        self.assertEqual(now.target_duration, before.target_duration)
                        self.assertEqual(len(now.segments), 4)
                        self.assertLess(max(s.duration for s in now.segments), 2.5)
                        whole = temp_dir() / "whole.ts"
                        whole.write_bytes(b"".join(r.get(s.uri).body for s in now.segments[1:]))
                        self.assertEqual(decode_errors(whole), "")
                        self.assertEqual(len(ffprobe_packets(whole, "video")), seconds * 30)
            with self.subTest("no more than sixteen"):
                slide = temp_dir() / "slide.ts"
                run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                     "testsrc=size=320x240:rate=1/5,format=yuv420p", "-t", 10, "-c:v", "libx264",
                     slide])
                got = self.push(r, "/live/keys/2.ts", slide.read_bytes())
                self.assertEqual(got.status, 500)
                self.assertRegex(got.text, r"invalid duration: 10\.0 s do not fit .* of 2\.5 s")
                self.assertEqual(self.push(r, "/live/keys/3.ts", self.body("4.ts")).status, 200)

    def test_twenty_streams(self):
        # Twenty jobs at once take long on a busy machine: no rung may be given up for that.
        with Recipe(broadcaster_flags=["-maxSessions", "20", "-rungDeadlineMs", "60000"],
                    orchestrator_flags=["-maxSessions", "40"],
                    transcoder_flags=["-maxSessions", "40"]) as r:
            self.wait_connected(r)
            with concurrent.futures.ThreadPoolExecutor(21) as pool:
                got = list(pool.map(lambda i: self.push(r, f"/live/s{i}/0.ts", timeout=60),
                                    range(21)))
            self.assertEqual(sorted(a.status for a in got), [200] * 20 + [500])
            refused = [a.text for a in got if a.status == 500]
            self.assertTrue(refused[0].startswith("Could not create stream ID: too many"))

    def test_without_an_orchestrator(self):
        rtmp, http = free_port(), free_port()
        with Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{rtmp}", "-httpAddr",
                                  f"127.0.0.1:{http}", "-pushIdleTimeoutMs", "1500",
                                  "-reconnectGrace", "500ms", "-lingerMs", "500"]) as b:
            base = f"http://127.0.0.1:{http}"

            def push(path, body):
                return http_get(base + path, "PUT", {}, 20, body=body)

            with self.subTest("503, and the source plays"):
                got = push("/live/x/0.ts", self.body("0.ts"))
                self.assertEqual((got.status, got.text), (503, "No sessions available\n"))
                found = segments(http_get(base + "/stream/x/source.m3u8").text)
                self.assertEqual(len(found), 1)
            with self.subTest("an idle stream ends"):
                wait_for(lambda: "#EXT-X-ENDLIST" in
                         http_get(base + "/stream/x/source.m3u8").text, 10, "ENDLIST")
                wait_for(lambda: http_get(base + "/stream/x.m3u8").status == 404, 10, "404")
                self.assertEqual(b.status()["push"]["streams"], 0)
            with self.subTest("a body too large"):
                with socket.create_connection(("127.0.0.1", http), 10) as s:
                    s.sendall(b"PUT /live/y/0.ts HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                              % (BODY_MAX + 1))
                    self.assertIn(b" 413 ", s.recv(100))
            with self.subTest("who leaves in the middle of a body, or while waiting"):
                for cut in (1000, None):
                    body = self.body("0.ts")
                    with socket.create_connection(("127.0.0.1", http), 10) as s:
                        s.sendall(b"PUT /live/z/%d.ts HTTP/1.1\r\nHost: x\r\nContent-Length: %d"
                                  b"\r\n\r\n" % (cut is None, len(body)) + body[:cut])
                    if cut is None:
                        wait_for(lambda: http_get(base + "/stream/z.m3u8").status == 200, 10,
                                 "what was sent whole is in the stream")
                wait_for(lambda: b.status()["push"]["streams"] == 0, 10, "the stream idle again")
            with self.subTest("it ends with requests that are held"):
                held = socket.create_connection(("127.0.0.1", http), 10)
                held.sendall(b"PUT /live/h/0.ts HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
                wait_for(lambda: b.status()["push"]["streams"] == 1, 10, "the request")
                self.assertEqual(b.stop(), 0)
                held.close()

    def test_it_ends_while_answers_wait(self):
        with Recipe(transcoders=0, order="OB") as r:
            wait_for(lambda: re.search("welcome|connected", r.broadcaster.log()), 10, "connected")
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                waiting = [pool.submit(self.push, r, f"/live/w/{i}.ts") for i in range(3)]
                waiting.append(pool.submit(self.push, r, "/live/w/5.ts", self.body("5.ts")))
                wait_for(lambda: r.broadcaster.status()["push"]["segments"] == 3, 10, "three")
                self.assertEqual(r.broadcaster.stop(), 0)
                for answer in waiting:
                    self.assertEqual(answer.result().status, 503)

    def test_where_it_is_off(self):
        for addr, flags, on in (("127.0.0.1", [], True), ("localhost", [], True),
                                ("0.0.0.0", [], False), ("0.0.0.0", ["-httpIngest"], True),
                                ("127.0.0.1", ["-httpIngest=false"], False),
                                ("0.0.0.0", ["-httpIngest=false"], False)):
            with self.subTest(addr=addr, flags=flags):
                http = free_port()
                with Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr",
                                          f"{addr}:{http}", *flags]) as b:
                    got = http_get(f"http://127.0.0.1:{http}/live/movie/0.ts", "PUT",
                                   body=self.body("0.ts"))
                    if on:
                        self.assertEqual(got.status, 503)
                    else:
                        self.assertEqual((got.status, got.text), (404, "404 page not found\n"))
                    self.assertEqual("http_ingest_off" in b.log(), addr == "0.0.0.0" and not flags)

    def test_who_may(self):
        with contextlib.closing(Webhook()) as hook:
            http = free_port()
            flags = ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr", f"0.0.0.0:{http}",
                     "-authWebhookUrl", hook.url, "-maxBitrateKbps", "100000",
                     "-maxResolution", "640x480"]
            with Role("broadcaster", flags) as b:
                base = f"http://127.0.0.1:{http}"

                def push(path):
                    return http_get(base + path, "PUT", {}, 20, body=self.body("0.ts"))

                self.assertEqual(push("/live/fizz/17.ts?token=x").status, 503)
                self.assertEqual(hook.posts[0]["url"], f"{base}/live/fizz/17.ts?token=x")
                hook.answer = lambda body: (200, b'{"manifestID": "buzz"}')
                self.assertEqual(push("/live/fuzz/0.ts").status, 503)
                self.assertEqual(http_get(f"{base}/stream/buzz.m3u8").status, 200)
                hook.answer = lambda body: (403, b"")
                got = push("/live/no/0.ts")
                self.assertEqual(got.status, 403)
                self.assertTrue(got.text.startswith("Could not create stream ID: "), got.text)
                self.assertNotIn("token=x", b.log())
                got = push("/live/fizz/18.ts?token=y")
                self.assertIn(got.status, (403, 500), got.text)

    def test_the_webhook_is_told_of_the_end(self):
        """Of the stream, and of each further question that others of its name were admitted by."""
        named = (200, b'{"manifestID": "long"}')
        with contextlib.closing(Webhook(lambda body: named)) as hook:
            http = free_port()
            flags = ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr", f"127.0.0.1:{http}",
                     "-authWebhookUrl", hook.url, "-pushIdleTimeoutMs", "500"]
            with Role("broadcaster", flags):
                got = http_get(f"http://127.0.0.1:{http}/live/short/0.ts", "PUT", {}, 20,
                               body=self.body("0.ts"))
                self.assertEqual(got.status, 503)  # nobody transcodes
                got = http_get(f"http://127.0.0.1:{http}/live/short/1.ts?other=words", "PUT", {},
                               20, body=self.body("1.ts"))
                self.assertEqual(got.status, 503)
                wait_for(lambda: len(hook.ends()) == 2, 20, "both ends were told")
            joined, end = hook.ends()
            self.assertEqual((joined["sessionID"], joined["reason"]),
                             (hook.starts()[1]["sessionID"],
                              "it pushes into a stream that is there already"))
            self.assertEqual((end["manifestID"], end["kind"], end["sessionID"]),
                             ("long", "push", hook.starts()[0]["sessionID"]))
            self.assertIn("nothing was pushed", end["reason"])

    def test_codecs(self):
        made = temp_dir()
        for name, codecs in (("hevc.ts", ["-c:v", "libx265", "-x265-params", "log-level=none",
                                          "-c:a", "ac3"]),
                             ("opus.mp4", ["-c:v", "libx264", "-preset", "ultrafast", "-c:a",
                                           "libopus"]),
                             ("sound.ts", ["-vn", "-c:a", "aac"])):
            with self.subTest(name):
                path = made / name
                done = run(["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i",
                            "testsrc=size=160x120:rate=10,format=yuv420p", "-f", "lavfi", "-i",
                            "sine=sample_rate=48000", "-t", 2, *codecs, path])
                self.assertEqual(done.returncode, 0, done.stderr)
                http = free_port()
                with Role("broadcaster", ["-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr",
                                          f"127.0.0.1:{http}", "-pushIdleTimeoutMs", "300",
                                          "-reconnectGrace", "100ms", "-lingerMs", "60000"]):
                    base = f"http://127.0.0.1:{http}"
                    got = http_get(f"{base}/live/c/0{path.suffix}", "PUT", timeout=20,
                                   body=path.read_bytes())
                    self.assertEqual(got.status, 503, got.text)
                    wait_for(lambda: "#EXT-X-ENDLIST" in
                             http_get(f"{base}/stream/c/source.m3u8").text, 10, "the end")
                    played = run(["ffmpeg", "-nostdin", "-v", "error", "-i",
                                  f"{base}/stream/c/live.m3u8", "-t", 1, "-f", "null", "-"])
                    self.assertEqual((played.returncode, played.stderr), (0, ""))


if __name__ == "__main__":
    main()
