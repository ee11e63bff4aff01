"""A minute of low-latency HLS in the watch page, up and down between the rungs: no stall, no error
event, and the pictures stay young."""
from glass import Camera, check_smooth, watch
from harness import Recipe, TestCase, main

ID = "hello_world"
RUNGS = "P240p30fps16x9,P360p30fps16x9"
SECONDS = 60
WIDTHS = {"426", "640"}
FROZEN_MS = 500  # a picture that stands still while the sound goes on
P95_MAX_MS = 2000  # far above what the bench finds: the machine may be busy


class LongGlass(TestCase):
    def test_up_and_down_without_a_stall(self):
        with Recipe(rungs=RUNGS) as recipe, Camera(recipe.rtmp(ID), SECONDS * 3):
            for rung in RUNGS.split(","):
                recipe.wait_playlist(f"/stream/{ID}/{rung}.m3u8", 2, timeout=20)
            seen = watch(recipe.url(f"/stream/{ID}"), SECONDS, switch=True)
        print(f"p50 {seen.get('p50')} ms, p95 {seen.get('p95')} ms, longest gap "
              f"{seen.get('longest_gap')} ms, switches {len(seen.get('switches', []))}")
        self.assertNotIn("failed", seen)
        smooth = check_smooth(self, seen)
        self.assertGreaterEqual(len(seen["switches"]), 4, seen["switches"])
        self.assertEqual(set(seen["widths"]), WIDTHS)
        self.assertGreater(seen["frames"], SECONDS * (20 if smooth else 10))
        if smooth:
            self.assertLess(seen["longest_skip"], FROZEN_MS, seen["switches"])
            self.assertLess(seen["p95"], P95_MAX_MS)


if __name__ == "__main__":
    main()
