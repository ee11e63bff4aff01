"""The encoders that people use, each with the same questions: it publishes with its key, it is killed
and comes back into the same playlists, and with a wrong key it is told why in its own words. ffmpeg
5.1, GStreamer's rtmp2sink, librtmp (which rtmpsink is made of, and OBS too), FFmpeg 8 and bin/publish.
"""
# usual time: 19 s
import json
import os
import re

import harness
from harness import ROOT, Process, Recipe, TestCase, temp_dir, tool_publish, wait_for
from sources import make
from watcher import Watcher

GST = ("videotestsrc is-live=true ! video/x-raw,width=160,height=120,framerate=30/1 ! "
       "x264enc tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max=30 ! h264parse ! queue "
       "! m. audiotestsrc is-live=true timestamp-offset=100000000 ! avenc_aac ! aacparse ! queue ! m. "
       "flvmux name=m streamable=true ! ")
CLIP_TIMES = 12  # a minute


def gstreamer(sink):
    def publish(url):
        return Process(["gst-launch-1.0", "-e", *GST.split(), sink, f"location={url}"],
                       temp_dir() / "gst.log", env={"GST_DEBUG": "rtmp*:5"})

    return publish


class Clients(TestCase):
    @classmethod
    def setUpClass(cls):
        folder = temp_dir()
        cls.clip = make(folder / "clip.mkv", [("h264", "160x120")], ["aac"],
                        times=CLIP_TIMES)
        cls.clients = {
            "ffmpeg": lambda url: Process(
                ["ffmpeg", "-nostdin", "-v", "warning", "-re", "-i", cls.clip, "-c", "copy", "-f",
                 "flv", url], temp_dir() / "ffmpeg.log"),
            "ffmpeg8": lambda url: Process(["node", ROOT / "tests/node/publish.mjs", cls.clip, url],
                                           temp_dir() / "node.log"),
            "librtmp": gstreamer("rtmpsink"),
            "rtmp2sink": gstreamer("rtmp2sink"),
            "publish": lambda url: tool_publish(url, "-test", "-size", "256x144"),
        }
        keys = folder / "keys.yaml"
        fd = os.open(keys, os.O_WRONLY | os.O_CREAT, 0o600)
        with open(fd, "w") as f:
            f.write("keys:\n")
            for name in (*cls.clients, "obs"):
                f.write(f"- {{key: {cls.key(name)}, id: {name}}}\n")
        cls.recipe = Recipe(order="B", broadcaster_flags=["-keysFile", keys]).start()
        cls.addClassCleanup(cls.recipe.broadcaster.kill)

    @staticmethod
    def key(name):
        return f"the-secret-key-of-{name}"

    def start(self, name, key):
        p = self.clients[name](self.recipe.rtmp(f"live/{key}"))
        self.addCleanup(p.kill)
        return p

    def test_killed_and_back(self):
        """A player that never stops sees every number once, and one discontinuity."""
        publishers = {name: self.start(name, self.key(name)) for name in self.clients}
        watchers = {}
        for name in self.clients:
            path = f"/stream/{name}/source.m3u8"
            self.recipe.wait_playlist(path, timeout=20)
            watchers[name] = Watcher(self.recipe.url(path))
            wait_for(watchers[name].numbers, 20, f"{name} is watched")
        for p in publishers.values():
            p.kill()
        last = {name: w.numbers()[-1] for name, w in watchers.items()}
        publishers = {name: self.start(name, self.key(name)) for name in self.clients}
        for name, w in watchers.items():
            with self.subTest(name):
                w.wait_beyond(last[name], more=3)
                w.judge(self)
                self.assertTrue(publishers[name].alive(), publishers[name].tail())
        # SIGINT ends each in order, with what it says at the end of a stream.
        for name in ("ffmpeg", "librtmp", "rtmp2sink", "publish"):
            publishers[name].popen.send_signal(harness.signal.SIGINT)
            self.recipe.broadcaster.wait_log(rf"unpublish stream={name} orderly=1")
        self.assertNotIn("the-secret-key", self.recipe.broadcaster.log())

    def test_told_why_not(self):
        """Fact 29: the status comes before the end of the connection, and each client ends with it."""
        words = "the stream key is not known"
        told = {"ffmpeg": words, "ffmpeg8": words, "publish": words,
                "rtmp2sink": 'NetStream.Publish.BadName.*' + words,
                # Upstream's librtmp reads the status and waits for the end.
                "librtmp": "NetStream.Publish.BadName"}
        refused = {name: self.start(name, "wrong") for name in self.clients}
        for name, p in refused.items():
            with self.subTest(name):
                self.assertNotEqual(p.wait(20), 0)
                self.assertRegex(p.log(), told[name])

    def test_obs_configuration(self):
        """Fact 22: the JSON of deploy/publishers.md can be read by OBS, and pictures as it says, sent
        as tracks, are the ladder."""
        text = (ROOT / "deploy/publishers.md").read_text(encoding="utf-8")
        config = json.loads(re.search(r"```json\n(.*?)```", text, re.S).group(1))
        self.assertEqual(set(config["meta"]), {"service", "schema_version", "config_id"})
        self.assertIn("/{stream_key}", config["ingest_endpoints"][0]["url_template"])
        encoders = config["encoder_configurations"]
        self.assertEqual({e["settings"]["keyint_sec"] for e in encoders}, {2})
        clip, sources, codecs = temp_dir() / "obs.mkv", [], []
        for i, e in enumerate(encoders):
            rate = e["framerate"]["numerator"] // e["framerate"]["denominator"]
            # Plain pictures: only their sizes matter, and large ones take long.
            sources += ["-f", "lavfi", "-i", f"color=size={e['width']}x{e['height']}:rate={rate}"]
            codecs += ["-map", i, f"-g:v:{i}", rate * e["settings"]["keyint_sec"]]
        done = harness.run(
            ["ffmpeg", "-nostdin", "-v", "error", *sources, "-f", "lavfi", "-i", "sine", *codecs,
             "-map", len(encoders), "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast",
             "-c:a", "aac", "-t", 5, clip], timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        p = Process(["node", ROOT / "tests/node/publish.mjs", clip,
                     self.recipe.rtmp(f"live/{self.key('obs')}")], temp_dir() / "obs.log")
        self.addCleanup(p.kill)
        self.recipe.wait_playlist("/stream/obs/source1.m3u8", timeout=20)
        found = harness.variants(self.recipe.get("/stream/obs.m3u8").text)
        self.assertEqual([v["RESOLUTION"] for v, _ in found],
                         [f"{e['width']}x{e['height']}" for e in encoders], p.tail())


if __name__ == "__main__":
    harness.main()
