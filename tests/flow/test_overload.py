"""A farm that is too small for all rungs: those of the lowest value are gaps, said as such; sources
and what is watched lose nothing, and a transcoder that joins takes the others up again at once."""
# time limit: 180 s
# usual time: 32 s
import contextlib
import json
import os
import re
import threading

import harness
from harness import Process, Recipe, TestCase, free_port, temp_dir, wait_for

SUPPORT = harness.ROOT / os.environ.get("BUILD", "build") / "support"
SECRET = "secret"
LADDER = {"small": (64, 48), "mid": (96, 72), "large": (160, 120)}
RATE = 30
STREAMS = ("a", "b")
ONE = {"only": (160, 120)}
ONE_STREAMS = ("a", "b", "c", "d")

# Pixels a second of all rungs of both streams but one large one, and a bit; of which it makes no
# more on whatever machine.
ROOM = int(1.1 * RATE * (2 * (64 * 48 + 96 * 72) + 160 * 120))


# The same for two of four streams with one rung each.
ONE_ROOM = int(2.2 * RATE * 160 * 120)


class Overload(TestCase):
    @contextlib.contextmanager
    def weak_transcoder(self, recipe, room):
        """A real one behind a go-between that lets through so much and no more; see tests/support."""
        door = f"127.0.0.1:{free_port()}"
        with Process([SUPPORT / "false_transcoder", f"weak={room}", door,
                      f"127.0.0.1:{recipe.service_port}"], temp_dir() / "weak.log",
                     env={"LINK_SECRET": SECRET}) as between:
            between.wait_log("listening")
            at = recipe.flags["T"].index("-orchAddr") + 1
            orchestrator, recipe.flags["T"][at] = recipe.flags["T"][at], door
            recipe.start_transcoder()
            recipe.flags["T"][at] = orchestrator
            yield

    @contextlib.contextmanager
    def farm(self, ladder=LADDER, streams=STREAMS, room=ROOM, size="320x240"):
        path = temp_dir() / "ladder.json"
        path.write_text(json.dumps([
            {"name": name, "width": width, "height": height, "fps": RATE, "bitrate": 100000}
            for name, (width, height) in ladder.items()]))
        with contextlib.ExitStack() as stack:
            r = stack.enter_context(Recipe(rungs=path, order="OB", secret=SECRET,
                                           transcoder_flags=["-speed", str(room / 1e6)]))
            stack.enter_context(self.weak_transcoder(r, room))
            wait_for(lambda: r.broadcaster.status()["orchestrator"]["connected"]
                     and r.orchestrator.status()["transcoders"], 20, "all are connected")
            for s in streams:
                stack.enter_context(harness.tool_publish(r.rtmp(s), "-test", "-size", size))
            yield r

    def rungs(self, r):
        """{(stream, rung): its line in the status}"""
        return {(s["id"], rung["name"]): rung for s in r.broadcaster.status()["streams"]
                for rung in s["rungs"]}

    def newest(self, r):
        """{stream: the number of its source's newest segment}"""
        return {s: self.rungs(r)[s, "source"]["last"] for s in STREAMS}

    def wait_beyond(self, r, numbers):
        """Until every rung of every stream has these, or gaps there."""
        wait_for(lambda: all(rung["last"] >= numbers[s] for (s, _), rung in self.rungs(r).items()),
                 40, f"all have {numbers}", interval=0.2)

    def gaps(self, r, stream, rung):
        """{number: is it a gap?} of what is listed."""
        listed = harness.playlist(r.get(f"/stream/{stream}/{rung}.m3u8").text).segments
        return {s.number: s.gap for s in listed}

    def given_up(self, r, since):
        """{(stream, segment): its rungs that were given up}, from these segments on"""
        found = {}
        for s, msn, rung in re.findall(
                r'warn .*rung_given_up stream="(\w)" msn=(\d+) .*rung="(\w+)" .*start more',
                r.orchestrator.log()):
            if int(msn) >= since[s]:
                found.setdefault((s, int(msn)), set()).add(rung)
        return found

    def check_order(self, r, since):
        """What goes first is what is worth least: of what nobody watches the largest."""
        found = self.given_up(r, since)
        for (s, msn), rungs in found.items():
            order = ["large", "mid", "small"] if s == "a" else ["mid", "small"]
            self.assertEqual(rungs, set(order[:len(rungs)]), (s, msn, found))

    @contextlib.contextmanager
    def viewer(self, r, path):
        over = threading.Event()

        def look():
            while not over.wait(0.5):
                r.get(path)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def test_the_least_worth_is_given_up_and_taken_up_again(self):
        with self.farm() as r, self.viewer(r, "/stream/b/large.m3u8"):
            wait_for(lambda: self.rungs(r).get(("b", "large"), {}).get("viewers"), 20, "it is seen")
            # Those that are open have been told that nobody watches.
            since = {s: n + 3 for s, n in self.newest(r).items()}

            def least_worth():
                return [n for (s, n), rungs in self.given_up(r, since).items()
                        if s == "a" and "large" in rungs]

            wait_for(lambda: len(least_worth()) >= 3, 60, "it is given up three times")
            lost = least_worth()
            self.check_order(r, since)
            with self.subTest("it is shown and said"):
                wait_for(lambda: any(self.gaps(r, "a", "large").get(n) for n in lost), 20,
                         "gaps in its playlist")
                self.assertGreaterEqual(self.rungs(r)["a", "large"]["gaps"], 1)
                self.assertGreaterEqual(r.orchestrator.status()["jobs"]["rungs_given_up"], 3)
                self.assertRegex(r.broadcaster.log(), r"warn .*rung_lost stream=a .*transcoders")
            with self.subTest("a transcoder joins"):
                self.check_join(r)
            self.check_order(r, since)
            for s in STREAMS:
                self.assertEqual(self.rungs(r)[s, "source"]["gaps"], 0)
                self.assertNotIn(True, self.gaps(r, s, "source").values())

    def test_with_one_rung_each_some_streams_have_gaps_and_the_others_are_in_time(self):
        with (self.farm(ONE, ONE_STREAMS, ONE_ROOM, "160x120") as r,
              self.viewer(r, "/stream/d/only.m3u8")):

            def behind():
                """Segments of the one that is watched behind its source; None: there is none yet."""
                rungs = self.rungs(r)
                rung = rungs.get(("d", "only"), {})
                return rungs["d", "source"]["last"] - rung["last"] if rung.get("last") else None

            def lost():
                return [s for s, rung in self.rungs(r) if rung == "only" and
                        self.rungs(r)[s, rung]["gaps"] >= 2]

            wait_for(lambda: len(lost()) >= 1, 60, "there are gaps")
            wait_for(lambda: not self.gaps_lately(r, "d", 3), 60, "what is watched has none")
            wait_for(lambda: behind() is not None and behind() <= 1, 20, "and is in time")
            self.assertRegex(r.orchestrator.log(), r"warn .*rung_given_up .*no room for any rung")
            for s in ONE_STREAMS:
                self.assertEqual(self.rungs(r)[s, "source"]["gaps"], 0)

    def gaps_lately(self, r, stream, n):
        """Are there any in the newest n segments of its rung, or are these not there?"""
        newest = list(self.gaps(r, stream, "only").items())[-n:]
        return len(newest) < n or any(gap for _, gap in newest)

    def check_join(self, r):
        """It takes work at once, and of the segments that begin after that nothing is lost."""
        seen = len(r.orchestrator.status()["transcoders"])
        r.flags["T"][r.flags["T"].index("-speed") + 1] = "20"
        new = r.start_transcoder()
        wait_for(lambda: len(r.orchestrator.status()["transcoders"]) > seen, 20, "it is here")
        begun = self.newest(r)
        wait_for(lambda: new.status()["jobs"]["accepted"], 4, "it has work")
        self.wait_beyond(r, {s: n + 4 for s, n in begun.items()})
        for s in STREAMS:
            for name in LADDER:
                kept = {n: gap for n, gap in self.gaps(r, s, name).items() if n > begun[s] + 1}
                self.assertGreaterEqual(len(kept), 2, (s, name))
                self.assertNotIn(True, kept.values(), (s, name))
        self.assertIn("rungs_are_back", r.broadcaster.log())


if __name__ == "__main__":
    harness.main()
