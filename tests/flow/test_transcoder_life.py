"""A transcoder's life: what it says of its speed, what it reads again, how it leaves, and where it
goes when an orchestrator is not there."""
# usual time: 32 s
import contextlib
import signal
import time

import frozen
import harness
from harness import RUNG, TIME_SCALE, Recipe, ffmpeg_publish, free_port, temp_dir, wait_for

RUNG_PATH = f"/stream/t/{RUNG}.m3u8"


def publish(recipe, stream):
    return ffmpeg_publish(recipe.rtmp(stream), size="160x120", bitrate="500k")


def at_work(recipe):
    """The transcoder that has the stream's job."""
    return next((t for t in recipe.transcoders if t.alive() and t.status()["load"] > 0), None)


class Speed(harness.TestCase):
    def told(self, recipe, **wanted):
        """The orchestrator knows of one transcoder with these values."""
        def known():
            found = recipe.orchestrator.status()["transcoders"]
            return len(found) == 1 and wanted.items() <= found[0].items()
        wait_for(known, 10, f"the orchestrator knows of {wanted}")

    def test_measured_and_read_again(self):
        config = temp_dir() / "transcoder.yaml"
        config.write_text("maxSessions: 4\n")
        with Recipe(order="OT", transcoder_flags=["-config", config]) as r:
            t = r.transcoders[0]
            t.wait_log(r"transcoder .*benchmark .*mpixels_per_core_s=[1-9]", timeout=20)
            status = t.status()
            self.assertGreater(status["speed"], 1_000_000)
            self.assertEqual(status["speed_from"], "benchmark")
            self.assertGreater(status["cores"], 0)
            self.assertEqual(t.metrics()["sbe_transcoder_speed_pixels_per_second"],
                             status["speed"])
            self.told(r, capacity=4)

            config.write_text("maxSessions: 7\nspeed: 33.5\n")
            t.popen.send_signal(signal.SIGHUP)
            self.told(r, capacity=7)
            status = t.status()
            self.assertEqual((status["speed"], status["speed_from"]), (33_500_000, "flag"))

            for wrong, words in (("maxSessions: none\n", r"reload .*transcoder.yaml:1: .*maxSess"),
                                 ("maxSessions: 0\n", r"-maxSessions must be 1 or more"),
                                 ("speed: fast\n", r"-speed takes auto, off, or .*\"fast\"")):
                mark = t.log_mark()
                config.write_text(wrong)
                t.popen.send_signal(signal.SIGHUP)
                t.wait_log(words, since=mark)
                self.assertEqual(t.status()["capacity"], 7)
            self.assertEqual(t.stop(), 0)


class Leaving(harness.TestCase):
    def test_one_of_two_leaves_and_nothing_is_lost(self):
        with Recipe(transcoders=2) as r:
            with publish(r, "t"):
                r.wait_playlist(RUNG_PATH, 2, timeout=20)
                leaving = wait_for(lambda: at_work(r), 10, "a transcoder is at work")
                self.assertEqual(leaving.stop(), 0)
                self.assertNotIn("job_failed", leaving.log())
                self.assertNotIn("drain_over", leaving.log())
                have = r.wait_playlist(RUNG_PATH, 1)
                last = have.media_sequence + len(have.segments)
                wait_for(lambda: (p := r.wait_playlist(RUNG_PATH, 1)) and
                         p.media_sequence + len(p.segments) >= last + 2, 20, "two segments more")
                self.assertNotIn("#EXT-X-GAP", r.get(RUNG_PATH).text)

    def test_a_job_that_does_not_end_is_not_waited_for(self):
        with Recipe(transcoder_flags=["-drainTime", "500ms"]) as r:
            with publish(r, "t") as publisher:
                r.wait_playlist(RUNG_PATH, 1, timeout=20)
                leaving = wait_for(lambda: at_work(r), 10, "a transcoder is at work")
                publisher.pause()  # its segment goes on for ever
                wait_for(lambda: leaving.status()["load"] > 0, 10, "its job is open")
                self.assertEqual(leaving.stop(), 0)
                self.assertRegex(leaving.log(), "drain_over .*jobs=1 are not done after 500 ms")

    def test_a_second_signal_ends_it_at_once(self):
        with Recipe() as r:
            with publish(r, "t") as publisher:
                r.wait_playlist(RUNG_PATH, 1, timeout=20)
                leaving = wait_for(lambda: at_work(r), 10, "a transcoder is at work")
                publisher.pause()
                leaving.popen.send_signal(signal.SIGTERM)
                leaving.wait_log("daemon stopping")
                start = time.monotonic()
                self.assertEqual(leaving.stop(signal.SIGINT), 0)
                self.assertLess(time.monotonic() - start, 4 * TIME_SCALE)


class Hanging(harness.TestCase):
    # The leak sanitizer cannot read the stacks of threads that are held here, by the one way there is
    # to do so, and takes what they have in hand for lost.
    NO_LEAKS = {"LSAN_OPTIONS": "detect_leaks=0"}

    def test_when_all_places_hang_it_ends_to_be_started_anew(self):
        with (Recipe(order="OB", transcoder_flags=["-maxSessions", "2"]) as r,
              contextlib.ExitStack() as stack):
            stack.callback(frozen.let_go)
            t = r.start_transcoder(env=self.NO_LEAKS)
            wait_for(lambda: t.status()["connected"], 10, "it is connected")
            own = frozen.threads(t.pid)
            with publish(r, "t"), publish(r, "u"):
                for stream in "tu":
                    r.wait_playlist(f"/stream/{stream}/{RUNG}.m3u8", 1, timeout=20)
                try:
                    for _ in range(2):
                        own.add(frozen.hang_one(t.pid, own, 30 * TIME_SCALE))
                except frozen.NotPermitted as e:
                    self.skipTest(f"threads may not be stopped here: {e}")
                wait_for(lambda: t.status()["load"] == 2, 10, "both jobs are still there")
                r.broadcaster.kill()  # its jobs are wanted no more

            def has_ended():
                frozen.reap()
                return not t.alive()

            wait_for(has_ended, 30, "it ends")
            self.assertEqual(t.wait(), 1)
            for words in ("jobs that hang: 1", "jobs that hang: 2",
                          "too many jobs hang in codecs: ending"):
                self.assertIn(words, t.log())


class List(harness.TestCase):
    def test_the_next_of_the_list(self):
        with Recipe(order="O") as r:
            nobody = free_port()
            r.flags["T"][1] = f"127.0.0.1:{nobody},{r.flags['T'][1]}"
            t = r.start_transcoder()
            wait_for(lambda: t.status()["connected"], 10, "it is connected")
            self.assertEqual(t.status()["orchestrator"], f"127.0.0.1:{r.service_port}")
            self.assertEqual(t.status()["orchestrators"],
                             f"127.0.0.1:{nobody},127.0.0.1:{r.service_port}")


if __name__ == "__main__":
    harness.main()
