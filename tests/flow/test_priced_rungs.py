"""Rungs that cost something: the broadcaster's account is charged for the pixels that came back and
passed the check, transcoders are credited with it, and with an empty account the rungs stop while
the source goes on."""
# usual time: 20 s
import json

import harness
from harness import RUNG, Recipe, TestCase, ffmpeg_publish, http_get, wait_for
from openapi import OpenApi

PRICE, PIXELS = 7, 1000  # units of 10^-9 for so many pixels


def pay(recipe, *args, check=True):
    done = harness.run([harness.BIN / "pay", "-url", f"http://127.0.0.1:{recipe.orchestrator.cli_port}",
                        "-json", *args])
    if check and done.returncode != 0:
        raise AssertionError(f"pay {args}: {done.stderr}")
    return done


def accounts(recipe):
    """{name: balance} as bin/pay lists them"""
    lines = pay(recipe, "list").stdout.splitlines()
    return {a["account"]: int(a["balance"]) for a in map(json.loads, lines)}


class PricedRungs(TestCase):
    def priced(self, **more):
        return Recipe(orchestrator_flags=["-pricePerUnit", str(PRICE), "-pixelsPerUnit", str(PIXELS)],
                      **{"rungs": RUNG, **more})

    def broadcaster(self, recipe):
        return (recipe.orchestrator.status()["broadcasters"] or [None])[0]

    def test_pixels_are_charged_and_credited(self):
        with self.priced() as r:
            b = wait_for(lambda: self.broadcaster(r), 10, "the broadcaster is there")
            account = b["account"]
            self.assertEqual(account, "broadcaster:local")
            pay(r, "grant", account, "1")
            with ffmpeg_publish(r.rtmp("hello"), size="320x240", bitrate="500k"):
                r.wait_playlist(f"/stream/hello/{RUNG}.m3u8", segments_at_least=2, timeout=20)
            wait_for(lambda: self.broadcaster(r)["open_jobs"] == 0, 15, "no job is open")

            def settled():
                b = self.broadcaster(r)
                return b["owed"] == 0 and b["spent"] == b["pixels"] * PRICE // PIXELS and b
            b = wait_for(settled, 15, "all pixels are charged")
            self.assertGreater(b["pixels"], 2 * 256 * 144 * 30)
            t = r.orchestrator.status()["transcoders"][0]
            self.assertEqual(t["earned"], b["spent"])
            known = accounts(r)
            earned = {n: v for n, v in known.items() if n.startswith("earnings:")}
            self.assertEqual(list(earned.values()), [b["spent"]])
            OpenApi().judge("GET", "/status", r.orchestrator.control("/status"))
            r.broadcaster.stop()
            wait_for(lambda: accounts(r)[account] == 10**9 - b["spent"], 15,
                     "what was held is back in the account")
            self.assertEqual(pay(r, "audit").returncode, 0)
            self.assertRegex(r.orchestrator.control("/metrics").text,
                             rf'sbe_orchestrator_earned_total\{{payee="earnings:[^"]+"\}} {b["spent"]}')

    def test_an_empty_account_stops_rungs_and_not_the_source(self):
        with self.priced() as r:
            wait_for(lambda: self.broadcaster(r), 10, "the broadcaster is there")
            account = self.broadcaster(r)["account"]
            with ffmpeg_publish(r.rtmp("hello"), size="320x240", bitrate="500k"):
                source = "/stream/hello/source.m3u8"
                r.wait_playlist(source, segments_at_least=3, timeout=20)
                why = wait_for(lambda: r.broadcaster.status()["orchestrators"][0]["why"], 10,
                               "the broadcaster says why there are no rungs")
                self.assertIn("no funds", why)
                self.assertIn(account, why)
                self.assertEqual(self.broadcaster(r)["funds"], "empty")
                self.assertEqual(self.broadcaster(r)["pixels"], 0)
                pay(r, "grant", account, "1")
                r.wait_playlist(f"/stream/hello/{RUNG}.m3u8", segments_at_least=2, timeout=20)
                self.assertEqual(self.broadcaster(r)["funds"], "ok")
                self.assertNotIn("EXT-X-GAP", http_get(r.url(source)).text)

    def booked(self, r):
        """What transcoders have or will get, as the file says, whether an orchestrator runs or not."""
        done = harness.run([harness.BIN / "pay", "-file", r.orchestrator.data_dir, "-json", "list"])
        self.assertEqual(done.returncode, 0, done.stderr)
        known = [json.loads(line) for line in done.stdout.splitlines()]
        return (sum(int(a["owed"]) for a in known),
                sum(int(a["balance"]) for a in known if a["account"].startswith("earnings:")))

    def test_a_kill_loses_nothing_that_was_noted(self):
        with self.priced() as r:
            account = wait_for(lambda: self.broadcaster(r), 10, "the broadcaster is there")["account"]
            pay(r, "grant", account, "1")
            with ffmpeg_publish(r.rtmp("hello"), size="320x240", bitrate="500k"):
                r.wait_playlist(f"/stream/hello/{RUNG}.m3u8", segments_at_least=1, timeout=20)
                spent = self.broadcaster(r)["spent"]
                self.assertGreater(spent, 0)
                wait_for(lambda: sum(self.booked(r)) >= spent, 5, "it is in the ledger")
                r.orchestrator.kill()
                owed, earned = self.booked(r)
                self.assertGreaterEqual(owed + earned, spent)
                r.orchestrator = r.orchestrator.again()
                wait_for(lambda: (self.broadcaster(r) or {}).get("spent", 0) > 0, 30, "it goes on")
            wait_for(lambda: self.broadcaster(r)["open_jobs"] == 0, 15, "no job is open")
            more = self.broadcaster(r)["spent"]
            self.assertEqual(r.orchestrator.stop(), 0)
            owed_now, earned_now = self.booked(r)  # the former hold has not run out yet
            self.assertEqual(owed_now + earned_now, owed + earned + more)
            done = harness.run([harness.BIN / "pay", "-file", r.orchestrator.data_dir, "audit"])
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_without_a_price_nothing_is_opened(self):
        with Recipe() as r:
            status = wait_for(r.orchestrator.status, 10, "the orchestrator answers")
            self.assertNotIn("ledger", status)
            self.assertFalse(list(r.data_dir.rglob("ledger.db")))


if __name__ == "__main__":
    harness.main()
