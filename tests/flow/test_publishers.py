"""Publishers of many kinds: other programs than ffmpeg, other pictures, key frames that are far
apart, no sound, several at once; and rungs by their names."""
# usual time: 58 s
import harness
from harness import BIN, RUNG, Process, Recipe, ffmpeg_publish, run, temp_dir, wait_for

# Of a source of 16:9: a rung of 4:3 keeps its width.
RUNGS = {
    "P1080p60fps16x9": (1920, 1080, "60/1"), "P1080p30fps16x9": (1920, 1080, "30/1"),
    "P720p60fps16x9": (1280, 720, "60/1"), "P720p30fps16x9": (1280, 720, "30/1"),
    "P720p25fps16x9": (1280, 720, "25/1"), "P720p30fps4x3": (960, 540, "30/1"),
    "P576p30fps16x9": (1024, 576, "30/1"), "P576p25fps16x9": (1024, 576, "25/1"),
    "P480p30fps16x9": (854, 480, "30/1"), "P360p30fps16x9": (640, 360, "30/1"),
    "P360p25fps16x9": (640, 360, "25/1"), "P360p30fps4x3": (480, 270, "30/1"),
    "P240p30fps16x9": (426, 240, "30/1"), "P240p25fps16x9": (426, 240, "25/1"),
    "P240p30fps4x3": (320, 180, "30/1"), "P144p30fps16x9": (256, 144, "30/1"),
    "P144p25fps16x9": (256, 144, "25/1"),
}


def gst_publish(sink):
    """A pipeline with picture and sound that ends in this sink. The sound begins a little later:
    flvmux gives two packets the time 0 when the encoder's first one lies before it."""
    text = ("videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 ! "
            "x264enc tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max=30 ! h264parse "
            "! queue ! m. audiotestsrc is-live=true timestamp-offset=100000000 ! avenc_aac ! aacparse ! queue ! m. "
            f"flvmux name=m streamable=true ! {sink}")
    return Process(["gst-launch-1.0", "-e", *text.split()], temp_dir() / "gst.log")


class Kinds(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe().start()
        cls.addClassCleanup(lambda: [r.kill() for r in cls.recipe.roles()])

    def watch(self, *ids, seconds=6):
        """Nothing is wrong with any of these streams, on any rung."""
        for stream in ids:
            self.recipe.wait_playlist(f"/stream/{stream}/{RUNG}.m3u8", timeout=15)
        watchers = [Process([BIN / "watch", "-all", "-seconds", seconds,
                             self.recipe.url(f"/stream/{stream}.m3u8")], temp_dir() / "watch.log")
                    for stream in ids]
        for watcher in watchers:
            self.assertEqual(watcher.wait(30), 0, watcher.tail())

    def streams(self, path):
        """codec_type: stream, of the newest segment."""
        newest = self.recipe.wait_playlist(path).segments[-1]
        file = temp_dir() / "one.ts"
        answer = self.recipe.get(newest.uri)
        self.assertEqual(answer.status, 200, f"{newest}: {answer.text[:200]}")
        file.write_bytes(answer.body)
        return {s["codec_type"]: s for s in harness.ffprobe_streams(file)}

    def test_other_programs_and_no_sound(self):
        r = self.recipe
        with gst_publish(f"rtmp2sink location={r.rtmp('live/gst')}"), \
                gst_publish(f"rtmpsink location={r.rtmp('librtmp')}"), \
                ffmpeg_publish(r.rtmp("silent"), size="160x120", audio=False):
            self.watch("gst", "librtmp", "silent")
            for name in ("source", RUNG):
                for stream in ("gst", "librtmp"):
                    self.assertEqual(set(self.streams(f"/stream/{stream}/{name}.m3u8")),
                                     {"video", "audio"})
                self.assertEqual(set(self.streams(f"/stream/silent/{name}.m3u8")), {"video"})

    def test_key_frames_far_apart_and_b_frames(self):
        """No picture is shown twice or left out where a segment begins without a key frame."""
        with ffmpeg_publish(self.recipe.rtmp("long"), size="160x120", keyint=250,
                            video_options=("-preset", "superfast")), \
                ffmpeg_publish(self.recipe.rtmp("open"), size="160x120",
                               keyint="30:open-gop=1:bframes=3",
                               video_options=("-preset", "superfast")):
            self.watch("long", "open", seconds=10)

    def test_pictures_of_other_shapes_and_rates(self):
        r = self.recipe
        with ffmpeg_publish(r.rtmp("square"), size="200x200", rate=25, keyint=25), \
                ffmpeg_publish(r.rtmp("tiny"), size="16x16", rate=60, keyint=60), \
                ffmpeg_publish(r.rtmp("ntsc"), size="160x120", rate="30000/1001"):
            self.watch("square", "tiny", "ntsc")
            for stream in ("square", "tiny"):
                video = self.streams(f"/stream/{stream}/{RUNG}.m3u8")["video"]
                self.assertEqual((video["width"], video["height"], video["r_frame_rate"]),
                                 (160, 160, "30/1"), stream)


class Rungs(harness.TestCase):
    """By their names; long_rungs.py has all of them."""

    NAMES = ("P576p25fps16x9", "P360p30fps4x3", "P240p30fps4x3", "P144p25fps16x9")

    def test_rungs_by_name(self):
        """More than this machine does in real time, so one segment and all the time it needs."""
        for i in range(0, len(self.NAMES), 9):  # ten at most
            some = self.NAMES[i:i + 9]
            patience = ["-rungDeadlineMs", int(60000 * harness.TIME_SCALE), "-lingerMs", 600000]
            with Recipe(rungs=",".join(some), orchestrator_flags=["-lateAfterMs", "0"],
                        broadcaster_flags=patience) as r:
                with ffmpeg_publish(r.rtmp("all"), size="320x180", seconds=1) as publisher:
                    publisher.wait(30)
                for name in some:
                    self.check_rung(r, name, *RUNGS[name])

    def check_rung(self, r, name, width, height, rate):
        segment = r.wait_playlist(f"/stream/all/{name}.m3u8", timeout=60).segments[0]
        self.assertFalse(segment.gap, name)
        path = temp_dir() / "one.ts"
        path.write_bytes(r.get(segment.uri).body)
        video = next(s for s in harness.ffprobe_streams(path) if s["codec_type"] == "video")
        self.assertEqual((video["width"], video["height"], video["r_frame_rate"]),
                         (width, height, rate), name)
        self.assertEqual(len(harness.ffprobe_packets(path, "video")),
                         round(segment.duration * int(rate[:2])), name)


class Limits(harness.TestCase):
    def test_one_stream_at_a_time(self):
        with Recipe(order="OB", broadcaster_flags=["-maxSessions", "1"]) as r:
            with ffmpeg_publish(r.rtmp("first"), size="160x120"):
                r.wait_playlist("/stream/first/source.m3u8")
                second = run([BIN / "publish", "-test", "-seconds", 5, r.rtmp("second")])
                self.assertEqual(second.returncode, 1)
                self.assertEqual(r.get("/stream/second/source.m3u8").status, 404)
                r.broadcaster.wait_log(r"-maxSessions")

    def test_one_stream_transcoded_at_a_time(self):
        """The second stream keeps its source, and says why it has no rung."""
        with Recipe(orchestrator_flags=["-maxSessions", "1"]) as r, \
                ffmpeg_publish(r.rtmp("first"), size="160x120"):
            r.wait_playlist(f"/stream/first/{RUNG}.m3u8")
            with ffmpeg_publish(r.rtmp("second"), size="160x120"):
                r.wait_playlist("/stream/second/source.m3u8", 2)
                r.broadcaster.wait_log(r"second.*-maxSessions")
                self.assertEqual(r.orchestrator.status()["sessions"], 1)
                at = r.wait_playlist(f"/stream/first/{RUNG}.m3u8").segments[-1].number
                wait_for(lambda: r.wait_playlist(f"/stream/first/{RUNG}.m3u8").segments[-1].number
                         > at + 1, 10, "the first stream's rung goes on")


if __name__ == "__main__":
    harness.main()
