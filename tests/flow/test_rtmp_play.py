"""Playing over RTMP: the source and a rung by ffmpeg, librtmp and GStreamer, what is refused, a publisher that goes and comes back, the end."""
# usual time: 50 s
import harness
from harness import RUNG, Process, Recipe, ffmpeg_publish, run, temp_dir, wait_for

SIZE = (320, 240)


def publish(recipe, name):
    return ffmpeg_publish(recipe.rtmp(name), size="320x240", bitrate="1000k")


def record(url, seconds=4):
    """What ffmpeg makes of so many seconds of it, without decoding."""
    path = temp_dir() / "played.flv"
    done = run(["ffmpeg", "-v", "error", "-i", url, "-t", str(seconds), "-c", "copy", path], 40)
    assert done.returncode == 0, done.stderr
    return path


class Playing(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG).start()
        cls.addClassCleanup(lambda: [r.kill() for r in cls.recipe.roles()])

    def counters(self):
        return self.recipe.broadcaster.status()["ingest"]

    def judge(self, path, size):
        """Decodes clean, begins with a key frame, rises, has picture and sound in step."""
        self.assertEqual(harness.decode_errors(path), "")
        streams = {s["codec_type"]: s for s in harness.ffprobe_streams(path)}
        self.assertEqual((streams["video"]["width"], streams["video"]["height"]), size)
        ends = {}
        for kind in ("video", "audio"):
            packets = harness.ffprobe_packets(path, kind)
            times = [float(p["dts_time"]) for p in packets]
            self.assertEqual(times, sorted(times))
            self.assertLess(times[0], 0.2)
            self.assertIn("K", packets[0]["flags"])
            steps = [b - a for a, b in zip(times, times[1:])]
            self.assertLess(max(steps), 0.2, f"{kind} has a hole")
            ends[kind] = times[-1]
        self.assertLess(abs(ends["video"] - ends["audio"]), 0.5)

    def test_programs(self):
        r = self.recipe
        dropped = self.counters()["play_packets_dropped"]
        with publish(r, "movie"):
            r.wait_playlist(f"/stream/movie/{RUNG}.m3u8", 2, 20)
            self.judge(record(r.rtmp("movie")), SIZE)
            self.judge(record(r.rtmp("live/movie/source")), SIZE)
            self.judge(record(r.rtmp(f"movie/{RUNG}")), (256, 192))
            path = temp_dir() / "librtmp.flv"
            run(["timeout", "-s", "INT", "5", "rtmpdump", "-v", "-q", "-r", r.rtmp("live/movie"),
                 "-o", path], 40)
            self.judge(path, SIZE)
            path = temp_dir() / "gst.flv"
            done = run(["timeout", "-s", "INT", "6", "gst-launch-1.0", "-e", "rtmp2src",
                        f"location={r.rtmp('live/movie')}", "!", "filesink", f"location={path}"],
                       40)
            self.assertGreater(path.stat().st_size, 100000, done.stderr)
            self.judge(path, SIZE)
            counters = self.counters()
            self.assertEqual(counters["publishers"], 1)
            self.assertGreaterEqual(counters["plays"], 5)
            self.assertGreater(counters["sent_bytes"], 500000)
            self.assertEqual(counters["play_packets_dropped"], dropped)
            wait_for(lambda: self.counters()["players"] == 0, 10, "the players have gone")
            self.assertIn("sbe_rtmp_players", r.broadcaster.metrics())

    def test_what_is_not_there(self):
        r = self.recipe
        with publish(r, "there"):
            r.wait_playlist("/stream/there/source.m3u8", 1, 20)
            for path, words in (("nobody", "no stream of this name"),
                                ("there/P9", "no such rung"),
                                ("there/secret-key", "no such rung"),
                                ("a%20b%2F", "rtmp://HOST/NAME")):
                done = run(["ffmpeg", "-v", "error", "-i", r.rtmp(path), "-f", "null", "-"], 30)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, done.stderr)
        self.assertNotIn("secret-key", r.broadcaster.log())

    def test_a_publisher_that_goes_and_comes_back(self):
        r = self.recipe
        path = temp_dir() / "both.flv"
        with publish(r, "away") as first:
            r.wait_playlist("/stream/away/source.m3u8", 1, 20)
            player = Process(["ffmpeg", "-v", "error", "-i", r.rtmp("away"), "-c", "copy", path],
                             temp_dir() / "player.log")
            wait_for(lambda: path.exists() and path.stat().st_size > 50000, 20, "it plays")
            first.stop()
        before = path.stat().st_size
        self.assertTrue(player.alive())
        with publish(r, "away"):
            wait_for(lambda: path.stat().st_size > before + 100000, 20, "it plays on")
            self.assertTrue(player.alive())
            player.stop()
        times = [float(p["dts_time"]) for p in harness.ffprobe_packets(path, "video")]
        self.assertEqual(times, sorted(times))
        self.assertEqual(harness.decode_errors(path), "")


class End(harness.TestCase):
    def test_the_stream_ends(self):
        with Recipe(broadcaster_flags=["-reconnectGrace", "1s"]) as r:
            with publish(r, "short") as publisher:
                r.wait_playlist("/stream/short/source.m3u8", 1, 20)
                path = temp_dir() / "short.flv"
                with Process(["ffmpeg", "-v", "error", "-i", r.rtmp("short"), "-c", "copy", path],
                             temp_dir() / "player.log") as player:
                    wait_for(lambda: r.broadcaster.status()["ingest"]["players"], 10, "it plays")
                    publisher.stop()
                    self.assertEqual(player.wait(20), 0, player.tail())
                self.assertEqual(harness.decode_errors(path), "")
            wait_for(lambda: r.broadcaster.status()["ingest"]["players"] == 0, 10, "it has gone")


if __name__ == "__main__":
    harness.main()
