"""Damage in pictures behind the first of a rung's parts: found before it is shown, made again by another transcoder."""
# usual time: 11 s
import json
import os

from harness import (ROOT, Follower, Process, Recipe, Role, TestCase, decode_errors, ffmpeg_publish,
                     free_port, main, temp_dir, wait_for)

SUPPORT = ROOT / os.environ.get("BUILD", "build") / "support"
RUNGS = ("P144p30fps16x9", "P240p30fps16x9")


class Checks(TestCase):
    def publish(self, checks):
        recipe = Recipe(rungs=",".join(RUNGS), order="OB",
                        broadcaster_flags=["-checkRungs", checks, "-rungDeadlineMs", "20000"])
        self.addCleanup(recipe.__exit__, None, None, None)
        recipe.start()
        publisher = ffmpeg_publish(recipe.rtmp("show"), source="testsrc2=size=320x180:rate=30",
                                   bitrate="1000k", audio=False)
        self.addCleanup(publisher.kill)
        return recipe

    def start_false(self, recipe):
        """All jobs are its own until another one comes."""
        door = f"127.0.0.1:{free_port()}"
        between = Process([SUPPORT / "false_transcoder", "slices", door,
                           f"127.0.0.1:{recipe.service_port}"], temp_dir() / "false.log",
                          env={"LINK_SECRET": "secret"})
        self.addCleanup(between.kill)
        between.wait_log("listening")
        role = Role("transcoder", ["-orchAddr", door, "-orchSecret", "secret", "-speed", "off"],
                    temp_dir())
        self.addCleanup(role.kill)
        return role

    def probes(self, recipe):
        return recipe.broadcaster.status()["rung_probes"]

    def test_damaged_parts_are_made_again(self):
        recipe = self.publish("all")
        self.start_false(recipe)
        wait_for(lambda: self.probes(recipe)["bad"] >= 2, 30, "damage of both rungs is found")
        recipe.start_transcoder()
        urls = [recipe.url(f"/stream/show/{name}.m3u8") for name in RUNGS]
        for name in RUNGS:
            recipe.wait_playlist(f"/stream/show/{name}.m3u8", timeout=30)
        follower = Follower(*urls)
        follower.follow(lambda: all(len([s for s in follower.segments[u] if not s.gap]) >= 3
                                    for u in urls), 40)
        probes = self.probes(recipe)
        print(json.dumps(probes), flush=True)
        self.assertEqual(probes["skipped"], 0)
        self.assertGreaterEqual(probes["whole"], 6)
        for url, name in zip(urls, RUNGS):
            whole = [s.number for s in follower.segments[url] if not s.gap]
            path = follower.join(url, temp_dir() / f"{name}.ts", whole)
            self.assertEqual(decode_errors(path), "", name)

    def test_without_the_check_they_are_shown(self):
        """So the other test is about what it says."""
        recipe = self.publish("first")
        self.start_false(recipe)
        url = recipe.url(f"/stream/show/{RUNGS[1]}.m3u8")
        recipe.wait_playlist(f"/stream/show/{RUNGS[1]}.m3u8", timeout=30)
        follower = Follower(url)
        follower.follow(lambda: any(not s.gap for s in follower.segments[url]), 30)
        self.assertEqual(self.probes(recipe)["bad"], 0)
        whole = [s.number for s in follower.segments[url] if not s.gap]
        self.assertNotEqual(decode_errors(follower.join(url, temp_dir() / "bad.ts", whole)), "")


if __name__ == "__main__":
    main()
