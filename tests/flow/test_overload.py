"""A farm that is too small for all rungs: those of the lowest value are gaps, said as such; sources and
the other rungs lose nothing, and a transcoder that joins takes them up at once."""
# time limit: 120 s
# usual time: 15 s
import contextlib
import json
import threading

import harness
from harness import Recipe, TestCase, temp_dir, wait_for

LADDER = {"small": (64, 48), "mid": (96, 72), "large": (160, 120)}
# Millions of pixels a second: the two lower rungs of both streams are 0.6, with one large one it is 1.2.
SPEED = "0.7"
STREAMS = ("a", "b")


class Overload(TestCase):
    @contextlib.contextmanager
    def farm(self):
        path = temp_dir() / "ladder.json"
        path.write_text(json.dumps([
            {"name": name, "width": width, "height": height, "fps": 30, "bitrate": 100000}
            for name, (width, height) in LADDER.items()]))
        with Recipe(rungs=path, transcoder_flags=["-speed", SPEED]) as r:
            wait_for(lambda: r.broadcaster.status()["orchestrator"]["connected"]
                     and r.orchestrator.status()["transcoders"], 10, "all are connected")
            with contextlib.ExitStack() as stack:
                for s in STREAMS:
                    stack.enter_context(harness.tool_publish(
                        r.rtmp(s), "-test", "-size", "320x240"))
                yield r

    def rungs(self, r):
        """{(stream, rung): its line in the status}"""
        return {(s["id"], rung["name"]): rung for s in r.broadcaster.status()["streams"]
                for rung in s["rungs"]}

    def wait_segments(self, r, more):
        """Until every source has so many more."""
        before = self.rungs(r)

        def beyond():
            now = self.rungs(r)
            return all(now[s, "source"]["last"] >= before[s, "source"]["last"] + more
                       for s in STREAMS)

        wait_for(beyond, 20 + 4 * more, f"{more} more segments", interval=0.2)

    def test_the_least_worth_is_given_up_and_taken_up_again(self):
        with self.farm() as r:
            wait_for(lambda: all(self.rungs(r).get((s, "large"), {}).get("gaps", 0) >= 2
                                 for s in STREAMS), 40, "the large rungs are gaps")
            with self.subTest("nothing else suffers, once the second stream has its place"):
                before = self.rungs(r)
                self.wait_segments(r, 3)
                for (s, name), rung in self.rungs(r).items():
                    if name != "large":
                        self.assertLessEqual(before[s, name]["gaps"], name != "source", (s, name))
                        self.assertEqual(rung["gaps"], before[s, name]["gaps"], (s, name))
                for s in STREAMS:
                    self.assertNotIn("#EXT-X-GAP", r.get(f"/stream/{s}/source.m3u8").text)
                    self.assertIn("#EXT-X-GAP", r.get(f"/stream/{s}/large.m3u8").text)
            with self.subTest("it is said"):
                self.assertGreater(r.orchestrator.status()["jobs"]["rungs_given_up"], 0)
                self.assertRegex(r.orchestrator.log(),
                                 r'warn .*rung_given_up .*rung="large" .*start more transcoders')
                self.assertRegex(r.broadcaster.log(), r"warn .*rung_lost .*start more transcoders")
            with self.subTest("one that joins takes them up within one segment"):
                r.start_transcoder()
                wait_for(lambda: len(r.orchestrator.status()["transcoders"]) == 2, 10, "it is here")
                self.wait_segments(r, 2)
                gaps = {k: v["gaps"] for k, v in self.rungs(r).items()}
                self.wait_segments(r, 3)
                self.assertEqual({k: v["gaps"] for k, v in self.rungs(r).items()}, gaps)
                self.assertIn("rungs_are_back", r.broadcaster.log())

    def test_what_is_watched_stays(self):
        with self.farm() as r:
            stop = threading.Event()
            self.addCleanup(stop.set)

            def look():
                while not stop.wait(0.5):
                    for name in ("large", "mid"):
                        r.get(f"/stream/b/{name}.m3u8")

            viewer = threading.Thread(target=look)
            wait_for(lambda: ("b", "large") in self.rungs(r), 15, "the stream is there")
            viewer.start()
            try:
                wait_for(lambda: self.rungs(r)["b", "large"]["viewers"] == 1, 15, "one is counted")
                self.assertEqual(self.rungs(r)["a", "large"]["viewers"], 0)
                self.wait_segments(r, 2)
                before = self.rungs(r)
                self.wait_segments(r, 3)
                now = self.rungs(r)
            finally:
                stop.set()
                viewer.join()
            self.assertEqual(now["b", "large"]["gaps"], before["b", "large"]["gaps"])
            self.assertGreater(now["a", "large"]["gaps"], before["a", "large"]["gaps"])
            for s in STREAMS:
                self.assertEqual(now[s, "source"]["gaps"], 0)


if __name__ == "__main__":
    harness.main()
