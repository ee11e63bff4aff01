"""The fMP4 addresses: /stream/ID/live.m3u8 and all below it, beside the classic ones."""
# time limit: 120 s
# usual time: 34 s
import concurrent.futures
import json
import re
import urllib.parse

import harness
from harness import BIN, RUNG, Follower, Recipe, TestCase, ffmpeg_publish, run, tool_publish

MASTER = "/stream/hello_world/live.m3u8"
# What the known system's master playlist does not tell.
UNTOLD = {"average-bandwidth-missing", "codecs-missing", "frame-rate-missing", "captions-not-told"}
BUSY = {"playlist-late", "playlist-stale"}  # what a busy machine looks like


def media_tags(text):
    """The EXT-X-MEDIA of a master: [{attribute: value}], without quotes."""
    found = []
    for line in text.splitlines():
        if line.startswith("#EXT-X-MEDIA:"):
            pairs = re.findall(r'([A-Z0-9-]+)=("[^"]*"|[^,]*)', line.split(":", 1)[1])
            found.append({k: v.strip('"') for k, v in pairs})
    return found


class LiveFollower(Follower):
    """Also keeps what each EXT-X-MAP gave, and joins segments behind it."""

    def __init__(self, *urls):
        super().__init__(*urls)
        self.maps = {u: {} for u in urls}

    def poll(self):
        super().poll()
        for url in self.urls:
            for uri in re.findall(r'#EXT-X-MAP:URI="([^"]+)"', harness.http_get(url).text):
                if uri not in self.maps[url]:
                    got = harness.http_get(urllib.parse.urljoin(url, uri))
                    assert got.status == 200, (uri, got.status, got.text)
                    self.maps[url][uri] = got

    def join(self, url, path, numbers=None):
        (init,) = self.maps[url].values()
        with open(path, "wb") as out:
            out.write(init.body)
            for number in numbers if numbers is not None else self.numbers(url):
                out.write(self.bodies[url][number])
        return path


class Live(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe().start()
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("hello_world"), size="320x240",
                                       bitrate="500k")
        cls.recipe.wait_playlist(f"/stream/hello_world/{RUNG}/live.m3u8", 2, timeout=20)
        cls.folder = harness.temp_dir()

    @classmethod
    def tearDownClass(cls):
        cls.publisher.kill()
        cls.recipe.__exit__(None, None, None)

    def test_the_master(self):
        answer = self.recipe.get(MASTER)
        self.assertEqual(answer.status, 200, answer.text)
        self.assertEqual(answer.headers["content-type"], "application/vnd.apple.mpegurl")
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        (audio,) = media_tags(answer.text)
        self.assertEqual((audio["TYPE"], audio["GROUP-ID"], audio["URI"], audio["CHANNELS"]),
                         ("AUDIO", "audio", "audio/live.m3u8", "1"))
        source, rung, sound = harness.variants(answer.text)
        self.assertEqual(source[1], "source/live.m3u8")
        self.assertEqual(rung[1], f"{RUNG}/live.m3u8")
        self.assertEqual(sound[1], "audio/live.m3u8")
        self.assertRegex(source[0]["CODECS"], r"^avc1\.[0-9a-f]{6},mp4a\.40\.2$")
        self.assertRegex(rung[0]["CODECS"], r"^avc1\.[0-9a-f]{6},mp4a\.40\.2$")
        self.assertEqual(sound[0]["CODECS"], "mp4a.40.2")
        self.assertEqual(source[0]["RESOLUTION"], "320x240")
        self.assertEqual((source[0]["FRAME-RATE"], rung[0]["FRAME-RATE"]), ("30.000", "30.000"))
        for attributes in (source[0], rung[0]):
            self.assertEqual(attributes["CLOSED-CAPTIONS"], "NONE")
            self.assertEqual(attributes["AUDIO"], "audio")
            self.assertLessEqual(int(attributes["AVERAGE-BANDWIDTH"]), int(attributes["BANDWIDTH"]))
        self.assertNotIn("RESOLUTION", sound[0])

    def test_current_leads_there_too(self):
        answer = self.recipe.get("/stream/current/live.m3u8")
        self.assertEqual(harness.variants(answer.text)[0][1], "../hello_world/source/live.m3u8")
        url = urllib.parse.urljoin(answer.url, harness.variants(answer.text)[0][1])
        self.assertEqual(harness.http_get(url).status, 200)

    def test_the_classic_addresses_are_as_they_were(self):
        text = self.recipe.get("/stream/hello_world.m3u8").text
        self.assertRegex(text, "^#EXTM3U\n#EXT-X-VERSION:3\n"
                         "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=\\d+,RESOLUTION=320x240\n"
                         "hello_world/source.m3u8\n"
                         "#EXT-X-STREAM-INF:PROGRAM-ID=0,BANDWIDTH=\\d+,RESOLUTION=\\d+x\\d+\n"
                         f"hello_world/{RUNG}.m3u8\n$")

    def follow(self, *names, segments=3):
        urls = [self.recipe.url(f"/stream/hello_world/{n}/live.m3u8") for n in names]
        follower = LiveFollower(*urls)
        follower.follow(lambda: all(len(follower.segments[u]) >= segments for u in urls), 30)
        return urls, follower

    def test_segments_join_and_decode(self):
        urls, follower = self.follow("source", RUNG, "audio", segments=4)
        for url, name in zip(urls, ("source", RUNG, "audio")):
            self.assert_rising(follower.numbers(url), name, step=1)
            (init,) = follower.maps[url].values()
            kind = "audio" if name == "audio" else "video"
            self.assertEqual(init.headers["content-type"], f"{kind}/mp4")
            self.assertIn("immutable", init.headers["cache-control"])
            path = follower.join(url, self.folder / f"{name}.mp4")
            self.assertEqual(harness.decode_errors(path), "")
            packets = harness.ffprobe_packets(path)
            self.assert_rising([p["dts"] for p in packets], f"{name}: dts")
            steps = [b["dts"] - a["dts"] for a, b in zip(packets, packets[1:])]
            frame = 90000 / 30 if kind == "video" else 90000 * 1024 / 44100
            # RTMP's times are whole milliseconds.
            self.assertLess(max(abs(s - frame) for s in steps), 100, (name, max(steps), min(steps)))

    def test_the_same_frames_as_in_mpeg_ts(self):
        urls, follower = self.follow("source")
        number = follower.numbers(urls[0])[-1]
        ts = self.folder / "classic.ts"
        ts.write_bytes(self.recipe.get(f"/stream/hello_world/source/{number}.ts").body)
        mp4 = follower.join(urls[0], self.folder / "one.mp4", [number])
        classic = harness.ffprobe_packets(ts, "video")
        live = harness.ffprobe_packets(mp4, "video")
        self.assertEqual([p["pts"] for p in live], [p["pts"] for p in classic])
        self.assertEqual([p["dts"] for p in live], [p["dts"] for p in classic])
        self.assertEqual([p["flags"][0] for p in live], [p["flags"][0] for p in classic])

    def test_renditions_have_the_same_numbers_and_lengths(self):
        urls, follower = self.follow("source", RUNG, "audio")
        lengths = [{s.number: s.duration for s in follower.segments[u]} for u in urls]
        shared = set(lengths[0]) & set(lengths[1]) & set(lengths[2])
        self.assertGreaterEqual(len(shared), 3)
        for number in shared:
            self.assertEqual(len({x[number] for x in lengths}), 1, number)

    def test_bandwidth_is_what_the_bytes_are(self):
        urls, follower = self.follow("source", "audio")
        rates = []
        for url in urls:
            bodies, segments = follower.bodies[url], follower.segments[url]
            rates.append((sum(len(b) for b in bodies.values()) * 8 / follower.seconds(url),
                          max(len(bodies[s.number]) * 8 / s.duration for s in segments)))
        source = harness.variants(self.recipe.get(MASTER).text)[0][0]
        mean, peak = (sum(r[i] for r in rates) for i in (0, 1))
        self.assertAlmostEqual(int(source["AVERAGE-BANDWIDTH"]) / mean, 1, delta=0.1)
        self.assertAlmostEqual(int(source["BANDWIDTH"]) / peak, 1, delta=0.1)

    def test_ffmpeg_plays_the_master(self):
        done = run(["ffmpeg", "-nostdin", "-v", "warning", "-live_start_index", "0",
                    "-i", self.recipe.url(MASTER), "-map", "0:v:0", "-map", "0:a:0", "-t", "5",
                    "-f", "null", "-"], timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotRegex(done.stderr, "(?i)error|invalid|non.monoton|corrupt|missing")

    def test_gstreamer_plays_the_master(self):
        chain = "queue ! decodebin ! fakesink name={0} silent=false sync=false"
        args = ["gst-launch-1.0", "-v", "souphttpsrc", f"location={self.recipe.url(MASTER)}", "!",
                "hlsdemux", "name=d", *f"d. ! {chain.format('one')} d. ! {chain.format('two')}".split()]
        with harness.Process(args, self.folder / "gst.log") as player:
            for sink in ("one", "two"):
                harness.wait_for(lambda: player.log().count(f"{sink}: last-message = chain") > 60,
                                 30, f"60 decoded buffers at {sink}")
            self.assertIn("video/x-raw", player.log())  # gst-launch does not always print the pad
            self.assertIn("audio/x-raw", player.log())
            self.assertNotIn("ERROR", player.log())

    def test_playbin3_plays_on(self):
        # It loses its way when it begins with a playlist of a single segment, whosever that is
        # (common/decisions/0008): setUpClass has waited for the second one.
        players = [self.playbin3("/stream/hello_world.m3u8"), self.playbin3(MASTER)]
        seconds = 10  # it begins with four segments: more than those
        for player in players:
            for sink, count in (("picture", seconds * 30), ("sound", seconds * 44100 / 1024)):
                harness.wait_for(lambda: player.log().count(f"{sink}: last-message = chain") > count,
                                 40, f"{seconds} decoded seconds of {sink}", interval=0.2)
            self.assertNotIn("ERROR", player.log())

    def playbin3(self, path):
        sink = "fakesink silent=false sync=false name="
        args = ["gst-launch-1.0", "-v", "playbin3", f"uri={self.recipe.url(path)}",
                f"video-sink={sink}picture", f"audio-sink={sink}sound"]
        log = self.folder / f"playbin3{path.replace('/', '-')}.log"
        return self.enterContext(harness.Process(args, log))

    def test_the_judge_finds_no_error(self):
        """All playlists of both ladders, by every rule of the specification. It warns of nothing but of
        what the classic master's form has no place for."""
        urls = [self.recipe.url("/stream/hello_world.m3u8"), self.recipe.url(MASTER)]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda url: run(
                [BIN / "watch", "-judge", "-json", "-seconds", 6, url], timeout=40), urls))
        for url, done, playlists, untold in zip(urls, found, (2, 3), (UNTOLD, set())):
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual([x for x in lines if x.get("severity") == "error"], [], url)
            warnings = {x["rule"] for x in lines if x.get("severity") == "warning"}
            self.assertEqual(warnings - BUSY, untold, url)
            self.assertEqual(done.returncode, 0, done.stderr)
            judged = [x for x in lines if x["kind"] == "playlist"]
            self.assertEqual(len(judged), playlists)
            self.assertGreaterEqual(min(x["segments"] for x in judged), 3)

    def test_watch_finds_nothing(self):
        done = run([BIN / "watch", "-all", "-seconds", 8, self.recipe.url(MASTER)], timeout=40)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("audio/live.m3u8", done.stdout)

    def test_what_is_not_there(self):
        for path, words in (("P720p30fps16x9/live.m3u8", "has no rendition"),
                            ("audio1/live.m3u8", "has no rendition"),
                            ("source/1.m4s", "too old"),
                            ("source/init-00000000000000ff.mp4", "No segment of rendition"),
                            ("source/init-x.mp4", "There is nothing here")):
            answer = self.recipe.get(f"/stream/hello_world/{path}")
            self.assertEqual(answer.status, 404, path)
            self.assertIn(words, answer.text)
            self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        self.assertEqual(self.recipe.get("/stream/nobody/live.m3u8").status, 404)

    def test_without_sound(self):
        with tool_publish(self.recipe.rtmp("silent"), "-test", "-audio=false", "-size",
                          "256x144"):
            self.recipe.wait_playlist("/stream/silent/source/live.m3u8", timeout=20)
            text = self.recipe.get("/stream/silent/live.m3u8").text
            self.assertEqual(media_tags(text), [])
            self.assertRegex(harness.variants(text)[0][0]["CODECS"], r"^avc1\.[0-9a-f]{6}$")
            self.assertNotIn("AUDIO", harness.variants(text)[0][0])
            answer = self.recipe.get("/stream/silent/audio/live.m3u8")
            self.assertEqual(answer.status, 404)
            self.assertIn("There is no sound", answer.text)


if __name__ == "__main__":
    harness.main()
