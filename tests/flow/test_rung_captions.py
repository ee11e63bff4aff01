"""Captions inside of the source's pictures (CEA-608 and 708) are in its rungs too, whatever their
rate and the source's codec."""
# usual time: 18 s
import json
import re
import subprocess
import sys

from harness import (ROOT, Follower, Publisher, Recipe, TestCase, decode_errors, http_get, main,
                     temp_dir)

sys.path.insert(0, str(ROOT / "tests/support"))
import sei  # noqa: E402

SLOW = {"name": "slow", "width": 256, "height": 144, "bitrate": 200000, "fps": 10}
RUNGS = ("P144p30fps16x9", "slow")
SECONDS = 5  # the caption of a second goes with the next one


def with_captions(path, seconds):
    """H.264 and AAC; each second "Caption N" comes up."""
    make = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f",
            "lavfi", "-i", "sine", "-t", str(seconds), "-c:v", "libx264", "-preset", "ultrafast",
            "-tune", "zerolatency", "-g", "30", "-c:a", "aac", "-f", "flv", "-"]
    with open(path, "wb") as out, \
            subprocess.Popen(make, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as picture:
        subprocess.run([sys.executable, ROOT / "tests/support/caption.py"], stdin=picture.stdout,
                       stdout=out, check=True)
    assert picture.returncode == 0
    return path


def read_captions(path):
    """The numbers that ffmpeg's own decoder of CEA-608 shows."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", f"movie={path}[out0+subcc]",
         "-map", "0:s", "-f", "srt", "-"], capture_output=True, text=True, check=True, timeout=60)
    return [int(n) for n in re.findall(r"Caption (\d+)\b", done.stdout)]


def read_dtvcc(path, codec):
    """The triplets of CEA-708, in the order of decoding."""
    found = []
    for body in sei.find(sei.read(path, codec), codec, sei.CAPTIONS):
        triplets = [body[i:i + 3] for i in range(10, 10 + (body[8] & 31) * 3, 3)]
        found += [t for t in triplets if t[0] & 7 >= 6]
    return found


class Captions(TestCase):
    def test_rungs_have_the_captions_of_their_source(self):
        folder = temp_dir()
        options = folder / "rungs.json"
        options.write_text(json.dumps([RUNGS[0], SLOW]))
        clip = with_captions(folder / "captions.flv", 9)
        with Recipe(rungs=str(options)) as recipe, \
                Publisher(["ffmpeg", "-nostdin", "-v", "error", "-re", "-i", clip, "-c", "copy",
                           "-f", "flv", recipe.rtmp("show")], folder / "publisher.log"):
            urls = [recipe.url(f"/stream/show/{name}.m3u8") for name in ("source", *RUNGS)]
            for name in ("source", *RUNGS):
                recipe.wait_playlist(f"/stream/show/{name}.m3u8", timeout=20)
            follower = Follower(*urls)
            follower.follow(lambda: all(follower.seconds(u) >= SECONDS for u in urls), 40)
            self.assertNotIn("CLOSED-CAPTIONS", recipe.get("/stream/show/live.m3u8").text)
            shared = sorted(set.intersection(*({s.number for s in follower.segments[u]
                                                if not s.gap} for u in urls)))
            self.assertEqual(shared, list(range(shared[0], shared[0] + len(shared))))
            paths = [follower.join(u, folder / f"{i}.ts", shared) for i, u in enumerate(urls)]
        source, *rungs = [read_captions(path) for path in paths]
        self.assertGreaterEqual(len(source), SECONDS - 2)
        self.assertEqual(source, list(range(source[0], source[0] + len(source))))
        for name, path, seen in zip(RUNGS, paths[1:], rungs):
            self.assertEqual(seen, source, name)
            self.assertEqual(decode_errors(path), "", name)

    def test_rungs_of_hevc(self):
        """Pushed, so that nothing waits for the clock."""
        folder = temp_dir()
        options = folder / "rungs.json"
        options.write_text(json.dumps([RUNGS[0], {**SLOW, "profile": "H264Baseline"}]))
        files = sei.ts_files(folder, "hevc", "testsrc2=size=320x180:rate=30", 6,
                             lambda picture: [sei.captions(picture)], step=2)
        with Recipe(rungs=str(options), broadcaster_flags=["-httpIngest"]) as recipe:
            recipe.orchestrator.wait_log("transcoder_joined", 20)
            recipe.broadcaster.wait_log("uplink connected", 20)
            for i, path in enumerate(files):
                done = http_get(recipe.url(f"/live/show/{i}.ts"), method="PUT", timeout=60,
                                body=path.read_bytes())
                self.assertEqual(done.status, 200, done.text)
            self.assertNotIn("CLOSED-CAPTIONS", recipe.get("/stream/show/live.m3u8").text)
            self.assertNotIn("CLOSED-CAPTIONS", recipe.get("/stream/show.m3u8").text)
            urls = [recipe.url(f"/stream/show/{name}.m3u8") for name in ("source", *RUNGS)]
            follower = Follower(*urls)
            follower.poll()
            self.assertEqual({len(follower.bodies[u]) for u in urls}, {len(files)})
            paths = [follower.join(u, folder / f"joined-{i}.ts") for i, u in enumerate(urls)]
        self.assertEqual(read_captions(paths[0]), list(range(1, 7)))
        said = read_dtvcc(paths[0], "hevc")
        self.assertEqual(len(said), 6 * 30 * 2)
        for name, path in zip(RUNGS, paths[1:]):
            self.assertEqual(read_captions(path), list(range(1, 7)), name)
            self.assertEqual(sorted(read_dtvcc(path, "h264")), sorted(said), name)
            self.assertEqual(decode_errors(path), "", name)
        self.assertEqual(read_dtvcc(paths[2], "h264"), said)  # without B-frames, so as they are shown


if __name__ == "__main__":
    main()
