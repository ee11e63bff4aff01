"""The content index: which streams there are, for pages and players."""
# usual time: 9 s
import json
import re

import jsonschema

from harness import (RUNG, Recipe, TestCase, decode_errors, ffmpeg_publish, ffprobe, ffprobe_streams,
                     main, temp_dir, variants, wait_for)

TEXT_OR_NULL = {"type": ["string", "null"], "minLength": 1}
COUNT_OR_NULL = {"type": ["number", "null"], "exclusiveMinimum": 0}
RENDITION = {
    "type": "object", "additionalProperties": False,
    "required": ["name", "width", "height", "fps", "bandwidth", "codecs"],
    "properties": {"name": {"type": "string"}, "width": COUNT_OR_NULL, "height": COUNT_OR_NULL,
                   "fps": COUNT_OR_NULL, "bandwidth": {"type": "integer", "minimum": 0},
                   "codecs": TEXT_OR_NULL}}
STREAM = {
    "type": "object", "additionalProperties": False,
    "required": ["id", "title", "since", "duration_s", "state", "renditions", "viewers", "poster",
                 "url", "live_url"],
    "properties": {
        "id": {"type": "string"}, "title": TEXT_OR_NULL,
        "since": {"type": "string",
                  "pattern": r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$"},
        "duration_s": {"type": "number", "minimum": 0},
        "state": {"enum": ["live", "waiting", "ended"]},
        "renditions": {"type": "array", "minItems": 1, "items": RENDITION},
        "viewers": {"type": "integer", "minimum": 0},
        "poster": TEXT_OR_NULL, "url": TEXT_OR_NULL, "live_url": {"type": "string"}}}
SCHEMA = {"type": "object", "required": ["streams"], "additionalProperties": False,
          "properties": {"streams": {"type": "array", "items": STREAM}}}
NAME = "caf\u00e9"
ESCAPED = "caf%C3%A9"


class Index(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG, broadcaster_flags=["-reconnectGrace", "1s"]).start()
        cls.publishers = []

    @classmethod
    def tearDownClass(cls):
        for publisher in cls.publishers:
            publisher.kill()
        for role in cls.recipe.roles():
            role.kill()

    def publish(self, name, **more):
        self.publishers.append(ffmpeg_publish(self.recipe.rtmp(name), size="320x240", bitrate="300k",
                                              **more))
        return self.publishers[-1]

    def streams(self):
        answer = self.recipe.get("/streams.json")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers["content-type"], "application/json")
        self.assertEqual(answer.headers["access-control-allow-origin"], "*")
        self.assertIn("max-age=1", answer.headers["cache-control"])
        document = json.loads(answer.text)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        return document["streams"]

    def wait_streams(self, wanted, what):
        def seen():
            streams = self.streams()
            return streams if wanted(streams) else None
        return wait_for(seen, 20, what)

    def test_a_stream_from_its_begin_to_its_end(self):
        self.assertEqual(self.streams(), [])
        empty = self.recipe.get("/stream/index.m3u8")
        self.assertEqual(empty.status, 404)
        self.assertRegex(empty.text, r"\w+ \w+")
        first = self.publish("first", output_options=["-metadata", "title=Evening \"news\" \u00e9"])
        self.recipe.wait_playlist("/stream/first/source.m3u8", 1)
        self.publish(NAME)
        self.recipe.wait_playlist(f"/stream/{ESCAPED}/source.m3u8", 1)
        streams = self.wait_streams(
            lambda all_: len(all_) == 2 and all(len(s["renditions"]) == 3 for s in all_),
            "both streams with their rungs")
        self.assertEqual([s["id"] for s in streams], [NAME, "first"])
        self.assertEqual([s["title"] for s in streams], [None, "Evening \"news\" \u00e9"])
        self.assertGreater(streams[1]["duration_s"], streams[0]["duration_s"])
        self.assertEqual(streams[0]["live_url"], f"/stream/{ESCAPED}/live.m3u8")
        source, rung, sound = streams[1]["renditions"]
        self.assertEqual((source["name"], source["width"], source["height"], source["fps"]),
                         ("source", 320, 240, 30))
        self.assertRegex(source["codecs"], r"^avc1\.[0-9a-f]{6},mp4a\.40\.2$")
        self.assertEqual((rung["width"], sound["name"], sound["width"]), (256, "audio", None))
        for stream in streams:
            for url in (stream["url"], stream["live_url"]):
                self.assertEqual(self.recipe.get(url).status, 200, url)
        self.assert_one_playlist_of_all()
        self.assert_viewers_are_counted()
        self.assert_posters()
        first.stop()
        ended = self.wait_streams(lambda all_: "ended" in [s["state"] for s in all_], "the end")[1]
        self.assertEqual(ended["id"], "first")
        self.assertNotIn("first/", self.recipe.get("/stream/index.m3u8").text)

    def assert_one_playlist_of_all(self):
        answer = self.recipe.get("/stream/index.m3u8")
        self.assertEqual(answer.headers["content-type"], "application/vnd.apple.mpegurl")
        names = re.findall(r'NAME="([^"]+)"', answer.text)
        self.assertEqual([n.split()[0] for n in names], [NAME, NAME, "first", "first"])
        self.assertEqual(len(variants(answer.text)), 4)
        found = ffprobe(self.recipe.url("/stream/index.m3u8"), "-show_programs")
        self.assertEqual(len(found["programs"]), 4)
        for program in found["programs"]:
            kinds = sorted(s["codec_type"] for s in program["streams"])
            self.assertEqual(kinds, ["audio", "video"])

    def assert_viewers_are_counted(self):
        agents = [f"agent {n}" for n in range(8)]
        for agent in agents + agents:
            self.recipe.get("/stream/first/source.m3u8", headers={"User-Agent": agent})
        seen = self.wait_streams(lambda all_: all_[1]["viewers"] >= 8, "the viewers")
        self.assertLess(seen[1]["viewers"], 8 + 4)  # this test and ffprobe watch too
        self.assertLess(seen[0]["viewers"], 4)

    def assert_posters(self):
        for url in (self.streams()[1]["poster"], "/stream/current/poster.jpg"):
            answer = self.recipe.get(url)
            self.assertEqual(answer.status, 200, answer.text)
            self.assertEqual(answer.headers["content-type"], "image/jpeg")
            self.assertEqual(answer.headers["access-control-allow-origin"], "*")
            self.assertRegex(answer.headers["cache-control"], r"max-age=[1-9]$")
            path = temp_dir() / "poster.jpg"
            path.write_bytes(answer.body)
            picture, = ffprobe_streams(path)
            self.assertEqual((picture["codec_name"], picture["width"], picture["height"]),
                             ("mjpeg", 320, 240))
            self.assertEqual(decode_errors(path), "")
            tag = answer.headers["etag"]
            again = self.recipe.get(url, headers={"If-None-Match": tag})
            self.assertIn(again.status, (200, 304))  # 200: a newer segment is there
            self.assertEqual(again.status == 304, again.headers["etag"] == tag)
        self.assertEqual(self.recipe.get("/stream/nobody/poster.jpg").status, 404)

    def test_off(self):
        with Recipe(order="B", broadcaster_flags=["-noIndex"]) as recipe:
            for path in ("/streams.json", "/stream/index.m3u8"):
                answer = recipe.get(path)
                self.assertEqual(answer.status, 404)
                self.assertIn("does not tell", answer.text)


if __name__ == "__main__":
    main()
