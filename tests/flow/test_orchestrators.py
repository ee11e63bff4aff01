"""Several orchestrators: streams are spread over them and move when one is lost, stops, or asks too
much; -orchWebhookUrl says which there are."""
# usual time: 17 s
import http.server
import json
import threading

import harness
from harness import RUNG, Follower, Role, TestCase, ffmpeg_publish, free_port, http_get, wait_for

STREAMS = ("one", "two")
PIXELS = 1000  # the prices of these tests are for so many


class Lists:
    """A server that answers GET with .body and .status."""

    def __init__(self, *addresses):
        self.status = 200
        self.name(*addresses)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(outer.status)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/list?token=hush-hush"

    def name(self, *addresses):
        self.body = json.dumps([{"address": a} for a in addresses]).encode()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class World(TestCase):
    """Orchestrators and transcoders by address, and one broadcaster, all on this host."""

    def setUp(self):
        self.data_dir = harness.temp_dir()
        self.roles = []
        self.addCleanup(self.end)

    def end(self):
        for role in self.roles:
            role.end()

    def start(self, role, *flags, **more):
        self.roles.append(Role(role, flags, self.data_dir, **more))
        return self.roles[-1]

    def orchestrator(self, address, *flags):
        return self.start("orchestrator", "-serviceAddr", address, "-orchSecret", "secret", *flags)

    def transcoder(self, address):
        return self.start("transcoder", "-orchAddr", address, "-orchSecret", "secret")

    def broadcaster(self, *flags):
        self.rtmp_port, self.http_port = free_port(), free_port()
        self.b = self.start("broadcaster", "-rtmpAddr", f"127.0.0.1:{self.rtmp_port}", "-httpAddr",
                            f"127.0.0.1:{self.http_port}", "-transcodingOptions", RUNG, *flags)
        return self.b

    def known(self):
        """{address: what the broadcaster says of that orchestrator}"""
        return {o["address"]: o for o in self.b.status()["orchestrators"]}

    def wait_state(self, address, state):
        wait_for(lambda: self.known().get(address, {}).get("state") == state, 15,
                 f"{address} is {state}")

    def wait_streams(self, **expected):
        """So many streams of those orchestrators: a=1, b=1."""
        addresses = {self.addresses[k]: n for k, n in expected.items()}
        wait_for(lambda: {a: self.known()[a]["streams"] for a in addresses} == addresses, 15,
                 f"streams are at {expected}")

    def url(self, stream, rendition=RUNG):
        return f"http://127.0.0.1:{self.http_port}/stream/{stream}/{rendition}.m3u8"

    def publish(self, streams=STREAMS):
        for stream in streams:
            p = ffmpeg_publish(f"rtmp://127.0.0.1:{self.rtmp_port}/{stream}", size="160x120")
            self.addCleanup(p.kill)


class Spread(World):
    def setUp(self):
        super().setUp()
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in "ab"}
        # Its credentials lie in the data directory, one for each address.
        self.orchestrators = {n: self.orchestrator(a) for n, a in self.addresses.items()}
        for address in self.addresses.values():
            self.transcoder(address)
        self.broadcaster("-orchAddr", ",".join(self.addresses.values()), "-maxPricePerUnit", 5,
                         "-pixelsPerUnit", PIXELS)
        for address in self.addresses.values():
            self.wait_state(address, "used")

    def follow_on(self, segments):
        """Follows until each rung has so many more."""
        last = {u: self.follower.numbers(u)[-1] for u in self.follower.urls}
        self.follower.follow(lambda: all(self.follower.numbers(u)[-1] >= n + segments
                                         for u, n in last.items()), timeout=40)

    def gaps(self):
        return [(u, s.number) for u in self.follower.urls for s in self.follower.segments[u]
                if s.gap]

    def test_streams_move_and_no_rung_has_a_gap(self):
        a, b = self.addresses["a"], self.addresses["b"]
        self.publish()
        self.wait_streams(a=1, b=1)
        urls = [self.url(s) for s in STREAMS]
        for url in urls:
            wait_for(lambda: http_get(url).status == 200, 20, f"{url} is there")
        self.follower = Follower(*urls)
        self.follower.follow(lambda: all(self.follower.numbers(u) for u in urls), timeout=20)

        with self.subTest("one is killed"):
            self.orchestrators["a"].kill()
            self.wait_streams(a=0, b=2)
            self.assertIn("not connected", self.known()[a]["why"])
            self.follow_on(2)

        with self.subTest("it comes back and asks too much"):
            self.roles.append(self.orchestrators["a"].again(
                flags=[*self.orchestrators["a"].flags, "-pricePerUnit", 6,
                       "-pixelsPerUnit", PIXELS]))
            self.wait_state(a, "too dear")
            granted = self.roles[-1].control("/grant?account=broadcaster:local&amount=1000000000000",
                                             method="POST")
            self.assertEqual(granted.status, 200, granted.text)
            found = self.known()[a]
            self.assertEqual((found["connected"], found["price_per_unit"],
                              found["pixels_per_unit"]), (True, 6, PIXELS))
            self.assertRegex(found["why"], f"6 for {PIXELS} pixels.* 5 for {PIXELS} pixels")
            said = [x for x in self.b.log().splitlines() if "too_dear" in x]
            self.assertEqual(len(said), 1)
            self.assertRegex(said[0], f"{a} .*6 for {PIXELS} pixels.*5 for {PIXELS} pixels")
            self.assertEqual(self.roles[-1].status()["price_per_unit"], 6)
            metrics = self.b.metrics()
            self.assertEqual(metrics[f'sbe_orchestrator_used{{orchestrator="{a}"}}'], 0)
            self.assertEqual(metrics[f'sbe_orchestrator_streams{{orchestrator="{b}"}}'], 2)

        with self.subTest("more is paid, and the other one stops"):
            answer = self.b.control(f"/setBroadcastConfig?maxPricePerUnit=6&pixelsPerUnit={PIXELS}",
                                    method="POST")
            self.assertEqual(json.loads(answer.text)["MaxPrice"], f"6/{PIXELS}")
            self.wait_state(a, "used")
            self.wait_streams(a=0, b=2)  # those that are there stay
            self.assertEqual(self.orchestrators["b"].stop(), 0)
            self.wait_streams(a=2, b=0)
            self.assertIn("stopping", self.known()[b]["why"])
            self.follow_on(2)
        self.assertEqual(self.gaps(), [])
        for url in urls:
            self.assert_rising(self.follower.numbers(url), "rung numbers", step=1)
            path = self.follower.join(url, harness.temp_dir() / "rung.ts")
            self.assertEqual(harness.decode_errors(path), "")


class TooDear(World):
    def test_rungs_are_gaps_and_the_reason_is_told(self):
        address = f"127.0.0.1:{free_port()}"
        self.orchestrator(address, "-pricePerUnit", 6)
        self.broadcaster("-orchAddr", address, "-maxPricePerUnit", 5999, "-pixelsPerUnit", PIXELS,
                         "-rungDeadlineMs", 200)
        self.wait_state(address, "too dear")
        self.publish(STREAMS[:1])
        self.b.wait_log(rf'there is no orchestrator that can be used: {address}: too dear: it asks '
                        rf'6 for 1 pixel, the maximum is 5999 for {PIXELS} pixels', timeout=20)


class FromAWebhook(World):
    def test_the_list_says_who_is_dialled(self):
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        for address in addresses:
            self.orchestrator(address)
        lists = Lists(f"https://{addresses[0]}")
        self.addCleanup(lists.close)
        self.broadcaster("-orchWebhookUrl", lists.url, "-orchWebhookRefreshMs", 200, "-orchAddr",
                         "127.0.0.1:1", "-orchSecret", "secret")
        self.wait_state(addresses[0], "used")
        self.assertEqual(list(self.known()), addresses[:1])
        lists.name(*addresses)
        self.wait_state(addresses[1], "used")
        lists.name(addresses[1])
        wait_for(lambda: list(self.known()) == addresses[1:], 10, "the first is dropped")

        lists.status = 500
        wait_for(lambda: self.b.status()["orch_webhook"]["error"], 10, "the failure is shown")
        self.assertIn("status 500", self.b.status()["orch_webhook"]["error"])
        lists.status, lists.body = 200, b"[]"
        wait_for(lambda: "empty" in (self.b.status()["orch_webhook"]["error"] or ""), 10, "shown")
        self.assertEqual(self.known()[addresses[1]]["connections"], 1)  # it was not disturbed
        self.assertEqual(self.b.status()["OrchestratorPool"], [f"tcp://{addresses[1]}"])
        self.assertNotIn("hush-hush", self.b.log())

    def test_what_cannot_be_asked_ends_the_start(self):
        for url in ("tcp://host/", "https://", "host"):
            done = harness.run([harness.BIN / "broadcaster", "-orchWebhookUrl", url, "-datadir",
                                self.data_dir, "-rtmpAddr", f"127.0.0.1:{free_port()}"])
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("-orchWebhookUrl", done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
