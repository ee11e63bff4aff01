"""The known recipe: orchestrator, transcoder, broadcaster and a publisher, and what a viewer then
sees, sentence by sentence."""
# usual time: 78 s
import concurrent.futures
import os
import re
import signal
from pathlib import Path

import harness
from harness import BIN, RUNG, Follower, Recipe, ffmpeg_publish, playlist, run, temp_dir

MEDIA_FORM = re.compile(
    r"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-MEDIA-SEQUENCE:(\d+)\n#EXT-X-TARGETDURATION:2\n"
    r"((?:#EXTINF:[12]\.\d{3},\n/stream/hello_world/" + RUNG + r"/\d+\.ts\n){1,6})"
)
RUNG_PATH = f"/stream/hello_world/{RUNG}.m3u8"
SOURCE_PATH = "/stream/hello_world/source.m3u8"


def publish(recipe):
    """As the recipe's own publisher does, with small pictures."""
    return ffmpeg_publish(recipe.rtmp("hello_world"), size="160x120", bitrate="500k")


class Form(harness.TestCase):
    """One recipe for many questions."""

    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG, separate=False).start()
        cls.addClassCleanup(lambda: [r.end() for r in cls.recipe.roles()])
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("hello_world"), size="640x480",
                                       bitrate="10000k")
        cls.addClassCleanup(cls.publisher.kill)
        cls.recipe.wait_playlist(RUNG_PATH)  # within 8 s of the publisher's start
        # It watches while the tests ask.
        cls.watcher = harness.Process([BIN / "watch", "-all", "-seconds", 12,
                                       cls.recipe.url("/stream/hello_world.m3u8")],
                                      temp_dir() / "watch.log")
        cls.addClassCleanup(cls.watcher.kill)

    def test_media_playlist(self):
        self.recipe.wait_playlist(RUNG_PATH, 6, timeout=20)
        answer = self.recipe.get(RUNG_PATH)
        form = MEDIA_FORM.fullmatch(answer.text)
        self.assertTrue(form, answer.text)
        numbers = [int(n) for n in re.findall(r"/(\d+)\.ts", answer.text)]
        self.assertEqual(numbers[0], int(form.group(1)))
        self.assert_rising(numbers, "numbers", step=1)
        self.assertEqual(len(numbers), 6)
        self.assertIn(answer.headers["content-type"],
                      ("application/vnd.apple.mpegurl", "application/x-mpegURL"))
        segment = self.recipe.get(playlist(answer.text).segments[-1].uri)
        self.assertEqual(segment.status, 200)
        self.assertEqual(segment.headers["content-type"].lower(), "video/mp2t")
        self.assertEqual(segment.body[0], 0x47)

    def test_masters_list_the_source_first(self):
        for path in ("/stream/hello_world.m3u8", "/stream/current.m3u8"):
            answer = self.recipe.get(path)
            self.assertEqual(answer.status, 200, answer.text)
            found = harness.variants(answer.text)
            self.assertEqual([uri.rsplit("/", 1)[-1] for _, uri in found],
                             ["source.m3u8", f"{RUNG}.m3u8"])
            self.assertEqual([a.get("RESOLUTION") for a, _ in found], ["640x480", "256x192"])
            self.assertTrue(all(int(a["BANDWIDTH"]) > 0 for a, _ in found))
            for _, uri in found:
                target = uri if uri.startswith("/") else f"/stream/{uri}"
                self.assertEqual(self.recipe.get(target).status, 200, target)

    def test_no_extension_leads_to_the_master(self):
        answer = self.recipe.get("/stream/hello_world")
        self.assertIn(answer.status, (301, 302, 303, 307, 308))
        there = harness.http_get(self.recipe.url("/stream/hello_world"), follow=3)
        self.assertEqual(there.status, 200)
        self.assertEqual(len(harness.variants(there.text)), 2)

    def test_cors_on_every_status_and_a_sentence_for_the_unknown(self):
        for path, status in ((RUNG_PATH, 200), ("/stream/hello_world", None),
                             ("/stream/nobody.m3u8", 404), ("/stream/nobody/source.m3u8", 404),
                             ("/stream/hello_world/P1.m3u8", 404),
                             (f"/stream/hello_world/{RUNG}/1.ts", 404), ("/elsewhere", 404),
                             ("/stream/../etc/passwd", None), ("/stream/%00", None)):
            answer = self.recipe.get(path)
            self.assertEqual(answer.headers.get("access-control-allow-origin"), "*", path)
            if status is not None:
                self.assertEqual(answer.status, status, path)
            if answer.status == 404:
                self.assertRegex(answer.text, r"\w+ \w+", path)

    def test_control_servers(self):
        r = self.recipe
        for role in r.roles():
            self.assertEqual(role.control("/healthz").status, 200)
            status = role.status()
            self.assertEqual(status["role"], role.role)
            self.assertGreater(len(role.metrics()), 2)
            self.assertEqual(role.control("/nothing").status, 404)
        self.assertIn("hello_world", r.broadcaster.control("/status").text)

    def test_what_each_role_says_of_itself(self):
        r = self.recipe
        r.wait_playlist(RUNG_PATH, 2)
        version = run([BIN / "livepeer", "-version"]).stdout.splitlines()[0].split()[-1]
        of = {role.role: role.status() for role in r.roles()}
        for role, status in of.items():
            self.assertEqual((status["version"], status["stopping"]), (version, False), role)
            self.assertIn(status["uptime_s"], range(1, 600), role)
        stream, = of["broadcaster"]["streams"]
        self.assertEqual((stream["id"], stream["state"], stream["width"], stream["height"]),
                         ("hello_world", "live", 640, 480))
        self.assertEqual([rung["name"] for rung in stream["rungs"]], ["source", RUNG])
        newest = r.wait_playlist(SOURCE_PATH).segments[-1].number
        for rung in stream["rungs"]:
            self.assertIn(newest - rung["last"], range(0, 4), rung)
            self.assertIn(rung["lag_segments"], (0, 1), rung)
            self.assertEqual(rung["gaps"], 0)
            self.assertGreater(rung["parts"], 4 * rung["segments"], rung)
        self.assertGreater(of["broadcaster"]["jobs"]["done"], 0)
        transcoder, = of["orchestrator"]["transcoders"]
        self.assertEqual(transcoder["capacity"], 10)
        self.assertIn(transcoder["load"], (0, 1, 2))
        self.assertGreater(transcoder["done"], 0)
        self.assertEqual(transcoder["name"], of["transcoder"]["name"])
        self.assertEqual(len(of["orchestrator"]["broadcasters"]), 1)
        self.assertGreater(of["orchestrator"]["jobs"]["done"], 0)
        self.assertEqual((of["transcoder"]["connected"], of["transcoder"]["capacity"]), (True, 10))
        self.assertGreater(of["transcoder"]["jobs"]["done"], 0)
        self.assertGreater(of["transcoder"]["pixels"], 256 * 192 * 30)

    def test_a_second_publisher_is_refused_and_the_first_goes_on(self):
        def last():
            return playlist(self.recipe.get(RUNG_PATH).text).segments[-1].number

        before = last()
        done = run([BIN / "publish", "-test", "-seconds", 20,
                    self.recipe.rtmp("hello_world/another_key")])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(self.publisher.alive())
        harness.wait_for(lambda: last() > before + 1, 10, "the first publisher's stream goes on")

    def test_watch_finds_nothing(self):
        self.assertEqual(self.watcher.wait(60), 0, self.watcher.tail())

    def test_the_rung_decodes(self):
        url = self.recipe.url(RUNG_PATH)
        follower = Follower(url)
        follower.follow(lambda: follower.seconds(url) >= 8, 20)
        path = follower.join(url, temp_dir() / "rung.ts")
        packets = harness.ffprobe_packets(path, "video")
        self.assertEqual(len(packets), round(follower.seconds(url) * 30))
        self.assert_rising([p["dts"] for p in packets], "video dts")
        self.assertEqual(harness.decode_errors(path), "")


class Media(harness.TestCase):
    def test_twenty_seconds_of_a_rung(self):
        with Recipe(rungs=RUNG, separate=False) as r, harness.tool_publish(
                r.rtmp("hello_world"), "-test", "-size", "320x240"):
            r.wait_playlist(RUNG_PATH)
            rung, source = r.url(RUNG_PATH), r.url(SOURCE_PATH)
            follower = Follower(rung, source)
            follower.follow(lambda: follower.seconds(rung) >= 20 and
                            set(follower.numbers(rung)) <= set(follower.numbers(source)), 40)
            numbers = follower.numbers(rung)
            self.assert_rising(numbers, "segment numbers", step=1)
            self.assertFalse(any(s.gap for s in follower.segments[rung]))
            folder = temp_dir()
            rung_file = follower.join(rung, folder / "rung.ts")
            source_file = follower.join(source, folder / "source.ts", numbers)
            self.check_video(rung_file, source_file, follower.seconds(rung))
            self.check_audio(rung_file, source_file)

    def check_video(self, rung, source, seconds):
        video = next(s for s in harness.ffprobe_streams(rung) if s["codec_type"] == "video")
        self.assertEqual((video["width"], video["height"]), (256, 192))
        self.assertEqual(video["r_frame_rate"], "30/1")
        frames, theirs = harness.frame_numbers_of(rung, source)
        self.assert_rising(frames, "frames", step=1)
        self.assertEqual(len(frames), round(seconds * 30))
        self.assertGreaterEqual(len(frames), 600)
        self.assertEqual(frames, theirs)
        packets = harness.ffprobe_packets(rung, "video")
        self.assertEqual(len(packets), len(frames))
        self.assert_rising([p["dts"] for p in packets], "video dts")
        # RTMP's times are whole milliseconds; a rung's frames lie on an even grid through them.
        theirs = sorted(p["pts"] for p in harness.ffprobe_packets(source, "video"))
        for ours, other in zip(sorted(p["pts"] for p in packets), theirs):
            self.assertLessEqual(abs(ours - other), 90)

    def check_audio(self, rung, source):
        ours = harness.ffprobe_packets(rung, "audio", data=True)
        theirs = harness.ffprobe_packets(source, "audio", data=True)
        self.assertGreater(len(ours), 800)
        self.assert_rising([p["dts"] for p in ours], "audio dts")
        self.assertEqual([(p["pts"], p["data_hash"]) for p in ours],
                         [(p["pts"], p["data_hash"]) for p in theirs])

    def test_several_rungs_and_a_portrait_source(self):
        rungs = {"P144p30fps16x9": (108, 144), "P240p25fps16x9": (180, 240),
                 "P360p30fps16x9": (270, 360)}
        with Recipe(rungs=",".join(rungs), separate=False) as r, harness.tool_publish(
                r.rtmp("tall"), "-test", "-size", "480x640"):
            found = {n: r.wait_playlist(f"/stream/tall/{n}.m3u8", timeout=15) for n in rungs}
            for name, size in rungs.items():
                path = temp_dir() / "one.ts"
                path.write_bytes(r.get(found[name].segments[0].uri).body)
                video = next(s for s in harness.ffprobe_streams(path) if s["codec_type"] == "video")
                self.assertEqual((video["width"], video["height"]), size, name)
                self.assertEqual(video["r_frame_rate"], "25/1" if "25fps" in name else "30/1")
            order = [uri.rsplit("/", 1)[-1][:-5]
                     for _, uri in harness.variants(r.get("/stream/tall.m3u8").text)]
            self.assertEqual(order[0], "source")
            self.assertEqual(set(order[1:]), set(rungs))


class StartAndStop(harness.TestCase):
    def test_any_start_order(self):
        """Three at a time: they mostly wait."""
        def start(case):
            order, separate = case
            with Recipe(order=order, separate=separate) as r, publish(r):
                r.wait_playlist(RUNG_PATH, timeout=15)
            return case

        cases = [("BTO", False), ("TBO", True), ("TOB", True), ("BOT", False), ("OBT", True),
                 ("OTB", True)]
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            self.assertEqual(list(pool.map(start, cases)), cases)

    def test_a_publisher_before_any_orchestrator_gets_its_source(self):
        with Recipe(order="B", separate=False) as r, publish(r):
            r.wait_playlist(SOURCE_PATH)
            first = harness.variants(r.get("/stream/hello_world.m3u8").text)
            self.assertEqual(len(first), 1)
            r.start_orchestrator()
            r.start_transcoder()
            rung = r.wait_playlist(RUNG_PATH, timeout=20)
            source = r.wait_playlist(SOURCE_PATH)
            # The same moment has the same number.
            self.assertLess(abs(rung.segments[-1].number - source.segments[-1].number), 4)

    def test_sigterm_ends_each_with_0(self):
        with Recipe(separate=False) as r, publish(r) as publisher:
            r.wait_playlist(RUNG_PATH)
            self.assertEqual(r.stop(), [("broadcaster", 0), ("transcoder", 0), ("orchestrator", 0)])
            publisher.wait(20)

    def test_sigint_too_and_a_publisher_that_leaves(self):
        with Recipe(separate=False) as r:
            with publish(r) as publisher:
                r.wait_playlist(RUNG_PATH)
                publisher.stop()
            for role in r.roles():
                self.assertEqual(role.stop(signal.SIGINT), 0, role.tail())

    def test_nothing_is_recorded(self):
        """A role keeps credentials, the highest number and its log, and nothing else."""
        with Recipe(separate=False) as r, publish(r):
            r.wait_playlist(RUNG_PATH, 2)
            r.get(r.wait_playlist(SOURCE_PATH).segments[0].uri)
            files = [path for path in r.data_dir.rglob("*") if path.is_file()]
            self.assertEqual({path.parent.name for path in files} - {r.data_dir.name},
                             {"credentials", "admission"})
            self.assertLess(sum(path.stat().st_size for path in files), 10000, files)
            for role in r.roles():
                self.assertLessEqual(self.files_open(role),
                                     {role.log_path, r.data_dir / "segment-numbers",
                                      r.data_dir / "streams-seen"}, role.role)

    def files_open(self, role):
        """The regular files that a role has open for writing."""
        found = set()
        for fd in Path(f"/proc/{role.pid}/fd").iterdir():
            try:
                info = Path(f"/proc/{role.pid}/fdinfo/{fd.name}").read_text(encoding="ascii")
                flags = int(re.search(r"flags:\s+(\d+)", info).group(1), 8)
                in_memory = os.readlink(fd).startswith("/memfd:")
                if fd.is_file() and flags & (os.O_WRONLY | os.O_RDWR) and not in_memory:
                    found.add(fd.resolve())
            except FileNotFoundError:
                pass  # closed since the list was made
        return found

    def test_over_ipv6(self):
        if not harness.has_ipv6():
            self.skipTest("no IPv6 on this machine")
        with Recipe(host="::1", separate=False) as r, publish(r):
            r.wait_playlist(RUNG_PATH)


if __name__ == "__main__":
    harness.main()
