"""A farm that is too small for all rungs: those of the lowest value are gaps, said as such; sources and
what is watched lose nothing, and a transcoder that joins takes the others up again at once."""
# time limit: 180 s
# usual time: 25 s
import contextlib
import json
import threading

import harness
from harness import Process, Recipe, TestCase, free_port, temp_dir, wait_for

SUPPORT = harness.ROOT / harness.os.environ.get("BUILD", "build") / "support"
SECRET = "secret"
LADDER = {"small": (64, 48), "mid": (96, 72), "large": (160, 120)}
RATE = 30
STREAMS = ("a", "b")

# Pixels a second of all rungs of both streams but one large one, and a bit; of which it makes no
# more on whatever machine.
ROOM = int(1.1 * RATE * (2 * (64 * 48 + 96 * 72) + 160 * 120))


class Overload(TestCase):
    @contextlib.contextmanager
    def weak_transcoder(self, recipe):
        """A real one behind a go-between that lets through ROOM and no more; see tests/support."""
        door = f"127.0.0.1:{free_port()}"
        with Process([SUPPORT / "false_transcoder", f"weak={ROOM}", door,
                      f"127.0.0.1:{recipe.service_port}"], temp_dir() / "weak.log",
                     env={"LINK_SECRET": SECRET}) as between:
            between.wait_log("listening")
            orchestrator = recipe.flags["T"]
            recipe.flags["T"] = ["-orchAddr", door, "-orchSecret", SECRET, "-speed",
                                 str(ROOM / 1e6)]
            recipe.start_transcoder()
            recipe.flags["T"] = orchestrator
            yield

    @contextlib.contextmanager
    def farm(self):
        path = temp_dir() / "ladder.json"
        path.write_text(json.dumps([
            {"name": name, "width": width, "height": height, "fps": RATE, "bitrate": 100000}
            for name, (width, height) in LADDER.items()]))
        with contextlib.ExitStack() as stack:
            r = stack.enter_context(Recipe(rungs=path, order="OB", secret=SECRET,
                                           broadcaster_flags=["-rungDeadlineMs", "6000"]))
            stack.enter_context(self.weak_transcoder(r))
            wait_for(lambda: r.broadcaster.status()["orchestrator"]["connected"]
                     and r.orchestrator.status()["transcoders"], 20, "all are connected")
            for s in STREAMS:
                stack.enter_context(harness.tool_publish(r.rtmp(s), "-test", "-size", "320x240"))
            yield r

    def rungs(self, r):
        """{(stream, rung): its line in the status}"""
        return {(s["id"], rung["name"]): rung for s in r.broadcaster.status()["streams"]
                for rung in s["rungs"]}

    def newest(self, r, stream):
        return self.rungs(r)[stream, "source"]["last"]

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
            import shutil
            self.addCleanup(lambda: None)
            for i in range(int(harness.os.environ.get("NN","20"))):
                shutil.copy(r.orchestrator.log_path, "/tmp/farm-orch.log")
                import time; time.sleep(1)
                print(i, [(k[0]+k[1], v.get("gaps"), v.get("last",0)-v.get("first",0)) for k, v in self.rungs(r).items()], r.orchestrator.status()["jobs"]["rungs_given_up"], flush=True)
                if i == 12:
                    r.flags["T"][-1] = "20"
                    r.start_transcoder()


if __name__ == "__main__":
    harness.main()
