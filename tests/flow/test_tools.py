"""bin/publish and bin/watch alone: publish against ffmpeg as the RTMP server, watch against HLS
made by ffmpeg and served by a small HTTP server of the test's own."""
# usual time: 60 s
import concurrent.futures
import http.server
import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import unittest

import harness
from harness import BIN, run, wait_for


SMALL = ["-test", "-size", "256x144"]


class RtmpServer(harness.Process):
    """ffmpeg as an RTMP server for one publisher; keeps what comes in .path."""

    def __init__(self, *options):
        self.port = harness.free_port()
        self.url = f"rtmp://127.0.0.1:{self.port}/x"
        self.path = harness.temp_dir() / "got.mkv"
        super().__init__(
            ["ffmpeg", "-nostdin", "-v", "error", "-f", "flv", "-listen", 1, "-i", self.url,
             "-c", "copy", *options, self.path],
            harness.temp_dir() / "server.log",
        )
        wait_for(self.listening, 10, "ffmpeg listens")

    def listening(self):
        with open("/proc/net/tcp", encoding="ascii") as table:
            wanted = f":{self.port:04X}"
            return any(f[1].endswith(wanted) and f[3] == "0A"
                       for f in (line.split() for line in table))


class Publish(harness.TestCase):
    def test_every_frame_of_the_test_picture_arrives_once_in_real_time(self):
        with RtmpServer() as server:
            done = run([BIN / "publish", "-test", "-seconds", 4, "-json", server.url])
            self.assertEqual(done.returncode, 0, done.stderr)
            server.wait()
        numbers = harness.frame_numbers(server.path)
        self.assertEqual(numbers, list(range(len(numbers))))
        self.assertAlmostEqual(len(numbers), 120, delta=1)
        reports = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertGreaterEqual(len(reports), 4)
        self.assertTrue(reports[-1]["end"])
        self.assertEqual(reports[-1]["status"], 0)
        self.assertEqual(reports[-1]["outputs"][0]["state"], "ended")
        self.assertEqual(reports[-1]["outputs"][0]["frames"], len(numbers))
        self.assertAlmostEqual(reports[-1]["elapsed_s"], 4, delta=0.7)
        self.assertEqual(harness.decode_errors(server.path), "")

    def test_picture_and_sound_are_what_the_flags_say(self):
        with RtmpServer() as server:
            done = run([BIN / "publish", "-test", "-seconds=2", "-size", "320x180", "--fps", "25",
                        "-keyint", "50", server.url])
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout + done.stderr, "")  # quiet without a terminal
            server.wait()
        video, audio = harness.ffprobe_streams(server.path)
        self.assertEqual((video["width"], video["height"]), (320, 180))
        self.assertEqual(audio["codec_name"], "aac")
        packets = harness.ffprobe_packets(server.path, "video")
        keys = [i for i, p in enumerate(packets) if "K" in p["flags"]]
        self.assertEqual(keys, [0])
        self.assertEqual(len(packets), 50)
        self.assert_rising([p["pts"] for p in packets], "video pts", step=40)

    def test_a_terminal_shows_one_line_that_changes(self):
        ours, theirs = pty.openpty()
        with RtmpServer() as server:
            process = subprocess.Popen([BIN / "publish", *SMALL, "-seconds", "3", server.url],
                                       stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
            self.addCleanup(process.kill)
            os.close(theirs)
            text = b""
            while select.select([ours], [], [], 10 * harness.TIME_SCALE)[0]:
                try:
                    text += os.read(ours, 4096)
                except OSError:  # the other end is closed
                    break
            os.close(ours)
            self.assertEqual(process.wait(10), 0)
            server.wait()
        line = rb"00:00:0(\d)  (\d+) frames  [\d.]+ fps  \d+ kb/s  1 of 1 live"
        shown = [(int(m[1]), int(m[2])) for m in re.finditer(rb"\r" + line, b"\r" + text)]
        self.assertGreaterEqual(len(shown), 2, text)
        for seconds, frames in shown:
            self.assertAlmostEqual(frames, seconds * 30, delta=15)
        self.assertEqual(text.count(b"\n"), 1, text)  # at the end

    def test_sigint_and_sigterm_end_in_order(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with RtmpServer() as server:
                publisher = harness.tool_publish(server.url, *SMALL, "-json")
                publisher.wait_log(r'"frames":(2\d|[3-9]\d|\d{3})')
                self.assertEqual(publisher.stop(number), 0)
                server.wait()
                last = json.loads(publisher.log().splitlines()[-1])
                self.assertEqual(last["outputs"][0]["state"], "ended")
                self.assertEqual(len(harness.frame_numbers(server.path)), last["frames"])

    def test_refused_and_lost_connections_are_told_in_words(self):
        nobody = f"rtmp://127.0.0.1:{harness.free_port()}/x/secret-key"
        done = run([BIN / "publish", "-test", nobody])
        self.assertEqual(done.returncode, 1)
        self.assertIn("connection refused", done.stderr)
        self.assertIn("-retry", done.stderr)
        self.assertNotIn("secret-key", done.stderr)
        with RtmpServer() as server:
            publisher = harness.tool_publish(server.url, *SMALL, "-json")
            publisher.wait_log('"state":"live"')
            server.kill()
            self.assertEqual(publisher.wait(), 1)
            self.assertIn("the server closed the connection", publisher.log())

    def test_one_dead_output_does_not_end_the_others(self):
        nobody = f"rtmp://127.0.0.1:{harness.free_port()}/dead"
        with RtmpServer() as server:
            done = run([BIN / "publish", *SMALL, "-seconds", 2, nobody, server.url])
            server.wait()
        self.assertEqual(done.returncode, 1)  # one of them failed
        self.assertIn("/dead", done.stderr)
        self.assertNotIn(server.url, done.stderr)
        self.assertEqual(harness.frame_numbers(server.path), list(range(60)))

    def test_retry_waits_for_the_server_and_begins_with_a_key_frame(self):
        port = harness.free_port()
        publisher = harness.tool_publish(f"rtmp://127.0.0.1:{port}/x", *SMALL, "-retry", "-json")
        publisher.wait_log('"state":"waiting"')
        path = harness.temp_dir() / "got.mkv"
        server = harness.Process(
            ["ffmpeg", "-nostdin", "-v", "error", "-f", "flv", "-listen", 1, "-i",
             f"rtmp://127.0.0.1:{port}/x", "-c", "copy", path], harness.temp_dir() / "server.log")
        publisher.wait_log('"state":"live","frames":[3-9]')
        self.assertEqual(publisher.stop(), 0)
        server.wait()
        packets = harness.ffprobe_packets(path, "video")
        self.assertIn("K", packets[0]["flags"])
        self.assertLess(packets[0]["pts"], 100)
        numbers = harness.frame_numbers(path)
        self.assertGreater(numbers[0], 0)
        self.assert_rising(numbers, "frames", step=1)

    def test_copies_go_to_numbered_ids(self):
        with RtmpServer() as server:
            # ffmpeg takes any name but serves one publisher only.
            publisher = harness.tool_publish(server.url, *SMALL, "-copies", 2, "-retry", "-json")
            publisher.wait_log('"state":"live"')
            self.assertEqual(publisher.stop(), 0)
            last = json.loads(publisher.log().splitlines()[-1])
        self.assertEqual([o["url"] for o in last["outputs"]], [f"{server.url}-1", f"{server.url}-2"])

    def test_a_file_is_looped_with_its_times_going_on(self):
        path = harness.temp_dir() / "in.mp4"
        made = run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25",
                    "-f", "lavfi", "-i", "sine", "-t", 1, "-c:v", "libx264", "-bf", 2, "-g", 25,
                    "-c:a", "aac", path])
        self.assertEqual(made.returncode, 0, made.stderr)
        with RtmpServer() as server:
            done = run([BIN / "publish", "-file", path, "-loop", "-seconds", 4, server.url])
            self.assertEqual(done.returncode, 0, done.stderr)
            server.wait()
        video = sorted(p["pts"] for p in harness.ffprobe_packets(server.path, "video"))
        self.assertGreater(len(video), 90)
        for a, b in zip(video, video[1:]):  # 40 ms, but for the file's own length at the seam
            self.assertTrue(39 <= b - a <= 80, f"{a} {b}")
        audio = [p["pts"] for p in harness.ffprobe_packets(server.path, "audio")]
        self.assert_rising(audio, "audio pts")
        without = run([BIN / "publish", "-file", path, "rtmp://127.0.0.1:1/x"])
        self.assertEqual(without.returncode, 1)

    def test_files_that_cannot_be_sent_are_refused_in_words(self):
        path = harness.temp_dir() / "in.mkv"
        run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-t", 1,
             "-c:v", "mpeg4", path])
        done = run([BIN / "publish", "-file", path, "rtmp://127.0.0.1:1/x"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("mpeg4", done.stderr)
        self.assertIn("h264", done.stderr)
        done = run([BIN / "publish", "-file", "/nowhere.mp4", "rtmp://127.0.0.1:1/x"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("/nowhere.mp4", done.stderr)

    def test_usage(self):
        url = "rtmp://127.0.0.1/x"
        for args in ([], ["-test"], [url], ["-test", "-file", "x", url], ["-tes", url],
                     ["-test", "-size", "641x480", url], ["-test", "-size", "big", url],
                     ["-test", "-fps", "0", url], ["-test", "-bitrate", "1", url],
                     ["-test", "-keyint", "x", url], ["-test", "-copies", "0", url],
                     ["-test", "-loop", url], ["-test", "http://127.0.0.1/x"],
                     ["-test", "-seconds"]):
            done = run([BIN / "publish", *args])
            self.assertEqual(done.returncode, 2, args)
            self.assertIn("Usage: publish", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
            self.assertEqual(done.stdout, "")
        for args in ("-h", "-help", "--help", "-version"):
            done = run([BIN / "publish", args])
            self.assertEqual(done.returncode, 0)
            self.assertNotEqual(done.stdout, "")


class Handler(http.server.BaseHTTPRequestHandler):
    TYPES = {"m3u8": "application/vnd.apple.mpegurl", "ts": "video/mp2t"}

    def do_GET(self):
        body = self.server.site.get(self.path)
        if callable(body):
            body = body()
        self.send_response(404 if body is None else 200)
        if body is not None:
            self.send_header("Content-Type", self.server.types.get(self.path.rsplit(".", 1)[-1], ""))
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


class Site:
    """Serves .site: path -> bytes, or a function that gives them; .types: by extension."""

    def __init__(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.site = self.site = {}
        self.server.types = dict(Handler.TYPES)
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Watch(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temp_dir()
        made = run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25",
                    "-f", "lavfi", "-i", "sine", "-t", 6, "-c:v", "libx264", "-g", 25,
                    "-keyint_min", 25, "-sc_threshold", 0, "-c:a", "aac", "-f", "hls",
                    "-hls_time", 1, "-hls_list_size", 0, "-start_number", 7,
                    "-hls_segment_filename", folder / "%d.ts", folder / "list.m3u8"])
        assert made.returncode == 0, made.stderr
        cls.text = (folder / "list.m3u8").read_text()
        cls.files = {f"/{p.name}": p.read_bytes() for p in folder.glob("*.ts")}

    def setUp(self):
        self.site = Site()
        self.addCleanup(self.site.close)
        self.site.site.update(self.files)

    def watch(self, text, *flags, name="list.m3u8"):
        """Runs watch on a playlist (text, or a function of time); (status, faults, all objects)."""
        body = (lambda: text().encode()) if callable(text) else text.encode()
        self.site.site[f"/{name}"] = body
        done = run([BIN / "watch", "-json", *flags, f"{self.site.base}/{name}"], timeout=60)
        objects = [json.loads(line) for line in done.stdout.splitlines()]
        faults = {o["rule"] for o in objects if o["kind"] == "fault"}
        return done.returncode, faults, objects

    def test_a_good_playlist_is_clean(self):
        status, faults, objects = self.watch(self.text)
        self.assertEqual((status, faults), (0, set()), objects)
        got = [o for o in objects if o["kind"] == "segment"]
        self.assertEqual([o["number"] for o in got], list(range(7, 13)))
        self.assertEqual({o["frames"] for o in got}, {25})
        self.assertEqual({(o["width"], o["height"]) for o in got}, {(160, 120)})
        for o in got:
            self.assertAlmostEqual(o["fps"], 25, delta=0.1)
        self.assertEqual(objects[-1]["kind"], "summary")
        self.assertEqual(objects[-1]["frames"], 150)
        plain = run([BIN / "watch", f"{self.site.base}/list.m3u8"])
        self.assertEqual(plain.returncode, 0)
        self.assertEqual(len(plain.stdout.splitlines()), 7)
        self.assertRegex(plain.stdout.splitlines()[-1], r"^6 segments, .* 150 frames, .* 0 faults$")

    def test_a_master_playlist_leads_to_its_variants(self):
        self.site.site["/a.m3u8"] = self.text.encode()
        self.site.site["/b.m3u8"] = self.text.replace("#EXTINF:1.000000", "#EXTINF:1.4").encode()
        master = "#EXTM3U\n" + "".join(
            f"#EXT-X-STREAM-INF:BANDWIDTH=1\n{n}.m3u8\n" for n in "ab")
        status, faults, _ = self.watch(master, name="m.m3u8")
        self.assertEqual((status, faults), (0, set()))
        status, faults, objects = self.watch(master, "-all", name="m.m3u8")
        self.assertEqual((status, faults), (1, {"extinf-content"}))
        self.assertTrue(all(o["playlist"].endswith("/b.m3u8")
                            for o in objects if o["kind"] == "fault"))

    def test_each_seeded_fault_is_named(self):
        t = self.text
        lines = t.splitlines()
        damaged = bytearray(self.files["/9.ts"])
        damaged[len(damaged) // 3:len(damaged) // 2] = bytes(
            len(damaged) // 2 - len(damaged) // 3)
        cases = {
            "url-number": t.replace("SEQUENCE:7", "SEQUENCE:8"),
            "extinf-over-target": t.replace("TARGETDURATION:1", "TARGETDURATION:0"),
            "extinf-content": t.replace("#EXTINF:1.000000,\n9.ts", "#EXTINF:1.200000,\n9.ts"),
            "fetch": t.replace("9.ts", "99/9.ts"),
            "join-gap": t.replace("9.ts", "9.ts").replace("#EXTINF:1.000000,\n9.ts\n", ""),
            "join-dts": t.replace("9.ts", "a/9.ts"),
            "decode": t.replace("9.ts", "b/9.ts"),
            "gap": t.replace("9.ts", "#EXT-X-GAP\n9.ts".replace("#EXT-X-GAP\n", "")).replace(
                "#EXTINF:1.000000,\n9.ts", "#EXT-X-GAP\n#EXTINF:1.000000,\n9.ts"),
            "playlist": "\n".join(line for line in lines if "TARGETDURATION" not in line) + "\n",
        }
        self.site.site["/a/9.ts"] = self.files["/8.ts"]
        self.site.site["/b/9.ts"] = bytes(damaged)
        for rule, text in cases.items():
            with self.subTest(rule=rule):
                status, faults, objects = self.watch(text)
                self.assertEqual(status, 1, objects)
                self.assertIn(rule, faults, objects)
        status, faults, objects = self.watch(cases["gap"], "-allowGaps")
        self.assertEqual((status, faults), (0, set()), objects)
        self.assertEqual(objects[-1]["gaps"], 1)
        self.site.server.types["ts"] = "text/plain"
        status, faults, objects = self.watch(t)
        self.assertEqual((status, faults), (1, {"content-type"}))

    def window(self, first, n=3, target=1):
        text = f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:{first}\n"
        text += f"#EXT-X-TARGETDURATION:{target}\n"
        return text + "".join(f"#EXTINF:1.000,\n{i}.ts\n" for i in range(first, first + n))

    def test_faults_over_time_are_named(self):
        def steps(*texts):
            left = list(texts)
            return lambda: left.pop(0) if len(left) > 1 else left[0]

        cases = {
            "advance": steps(self.window(7)),
            "sequence-falls": steps(self.window(8), self.window(8), self.window(7)),
            "number-gap": steps(self.window(7, 2), self.window(7, 2), self.window(10, 2)),
            "target-duration": steps(self.window(7), self.window(7), self.window(8, target=2)),
        }
        moving = steps(self.window(7), self.window(7), self.window(8), self.window(9))
        with concurrent.futures.ThreadPoolExecutor() as pool:
            # The first answer goes to the look for variants.
            found = {rule: pool.submit(self.watch, text, "-seconds", 4, name=f"{rule}.m3u8")
                     for rule, text in cases.items()}
            sound = pool.submit(self.watch, moving, "-seconds", 3, name="moving.m3u8")
        for rule, result in found.items():
            with self.subTest(rule=rule):
                status, faults, objects = result.result()
                self.assertEqual(status, 1, objects)
                self.assertIn(rule, faults, objects)
        status, faults, objects = sound.result()
        self.assertEqual((status, faults), (0, set()), objects)

    def test_wait_and_unreachable(self):
        done = run([BIN / "watch", f"http://127.0.0.1:{harness.free_port()}/x.m3u8"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("FAULT playlist", done.stdout)
        done = run([BIN / "watch", f"{self.site.base}/nothing.m3u8"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("status 404", done.stdout)
        calls = []

        def late():
            calls.append(1)
            return self.text.encode() if len(calls) > 3 else None

        self.site.site["/late.m3u8"] = late
        done = run([BIN / "watch", "-wait", 10, f"{self.site.base}/late.m3u8"])
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_usage(self):
        for args in ([], ["ftp://x/"], ["http://x/", "http://y/"], ["-sec", "http://x/"],
                     ["-seconds", "0", "http://x/"], ["-seconds"]):
            done = run([BIN / "watch", *args])
            self.assertEqual(done.returncode, 2, args)
            self.assertIn("Usage: watch", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 2, done.stderr)
        self.assertEqual(run([BIN / "watch", "-help"]).returncode, 0)
        self.assertTrue(re.match(r"watch \S+", run([BIN / "watch", "-version"]).stdout))


if __name__ == "__main__":
    harness.main()
