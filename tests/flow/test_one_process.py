"""bin/livepeer with several roles in one process: the smallest server."""
# usual time: 11 s
import json
import re
import shlex
import signal
import sys
import time

import harness
from harness import BIN, RUNG, Process, Role, TestCase, ffmpeg_publish, free_port, http_get, run, wait_for

sys.path.insert(0, str(harness.ROOT / "tests/support"))
from wallet import Wallet  # noqa: E402

STREAM = "hello_world"
ALL = ("orchestrator", "transcoder", "broadcaster")
STOP_S = 10


class OneProcess(Process):
    """The roles on ports of their own; -cliAddr is the first of as many ports as there are roles."""

    def __init__(self, *roles, flags=(), data_dir=None):
        self.roles = roles
        self.data_dir = data_dir or harness.temp_dir()
        self.cli, self.service = free_port(len(roles)), free_port()
        self.rtmp, self.http = free_port(), free_port()
        own = ["-cliAddr", f"127.0.0.1:{self.cli}", "-serviceAddr", f"127.0.0.1:{self.service}"]
        if "broadcaster" in roles:
            own += ["-rtmpAddr", f"127.0.0.1:{self.rtmp}", "-httpAddr", f"127.0.0.1:{self.http}",
                    "-transcodingOptions", RUNG]
        super().__init__([BIN / "livepeer", *(f"-{r}" for r in roles), *own, "-datadir",
                          self.data_dir, "-runDir", self.data_dir / "run", "-transcoder.speed",
                          "off", "-v", "6", *flags], self.data_dir / "livepeer.log")

    def status(self, n):
        return json.loads(http_get(f"http://127.0.0.1:{self.cli + n}/status").text)

    def memory_kb(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as lines:
            return {k: int(v.split()[0]) for k, v in
                    (line.split(":") for line in lines if line.startswith("VmRSS"))}["VmRSS"]


def wait_rung(http, at_least=2):
    url = f"http://127.0.0.1:{http}/stream/{STREAM}/{RUNG}.m3u8"
    wait_for(lambda: http_get(url).text.count("#EXTINF") >= at_least, 30, "the rung's playlist")
    return harness.segments(http_get(url).text)


def publish(rtmp):
    return ffmpeg_publish(f"rtmp://127.0.0.1:{rtmp}/{STREAM}", size="160x120", bitrate="500k")


class Roles(TestCase):
    def test_all_three_need_no_secret_and_stop_in_time(self):
        with OneProcess("orchestrator", "transcoder", "broadcaster") as p:
            p.wait_log("livepeer daemon running roles=3")
            with publish(p.rtmp):
                wait_rung(p.http)
                self.assertEqual([p.status(n)["role"] for n in range(3)],
                                 ["broadcaster", "orchestrator", "transcoder"])
                wait_for(lambda: p.status(2)["jobs"]["done"] >= 1, 10, "a job is done")
                told = run([BIN / "status", "-runDir", p.data_dir / "run"]).stdout
                for role in p.roles:
                    self.assertRegex(told, rf"(?m)^{role} ")
                memory = p.memory_kb()
                print(f"one process with a stream and a rung: {memory} kB")
                self.assertLess(memory, 400_000)
                mark = p.log_mark()
                begin = time.monotonic()
                self.assertEqual(p.stop(), 0)
                self.assertLess(time.monotonic() - begin, STOP_S)
                self.check_order(p.log()[mark:])

    def check_order(self, log):
        ended = [line.split()[2] for line in log.splitlines() if " daemon ended " in line]
        self.assertEqual(ended, ["broadcaster", "transcoder", "orchestrator", "livepeer"])

    def test_the_readmes_command_starts_as_it_stands(self):
        """On a host of its own, as its ports are fixed ones."""
        alone = ["unshare", "--net", "--map-root-user"]
        if run([*alone, "true"]).returncode != 0:
            self.skipTest("no network namespace can be made here")
        text = (harness.ROOT / "README.md").read_text(encoding="utf-8")
        command = re.search(r"(?m)^bin/livepeer (-orchestrator -transcoder -broadcaster .*)$", text)
        folder = harness.temp_dir()
        with Process([*alone, "sh", "-c", 'ip link set lo up && exec "$@"', "sh", BIN / "livepeer",
                      *shlex.split(command[1]), "-datadir", folder, "-runDir", folder,
                      "-transcoder.speed", "off", "-v", "6"], folder / "livepeer.log") as p:
            p.wait_log("livepeer daemon running roles=3")
            p.wait_log(r"uplink connected orchestrator=127\.0\.0\.1:8936 ")
            self.assertEqual(p.stop(), 0)

    def test_a_transcoder_beside_its_orchestrator_serves_a_broadcaster_elsewhere(self):
        with OneProcess("orchestrator", "transcoder", flags=["-orchSecret", "a long secret here"]) as p:
            p.wait_log("livepeer daemon running roles=2")
            rtmp, http = free_port(), free_port()
            with Role("broadcaster", ["-orchAddr", f"127.0.0.1:{p.service}", "-rtmpAddr",
                                      f"127.0.0.1:{rtmp}", "-httpAddr", f"127.0.0.1:{http}",
                                      "-transcodingOptions", RUNG],
                      data_dir=p.data_dir, separate=True), publish(rtmp):
                wait_rung(http)
            self.assertEqual([p.status(n)["role"] for n in range(2)],
                             ["orchestrator", "transcoder"])
            self.assertEqual(p.stop(), 0)

    def test_a_payment_pointer_without_a_price_is_the_orchestrators(self):
        pointer = "$wallet.example/alice"
        with OneProcess(*ALL, flags=["-paymentPointer", pointer]) as p:
            p.wait_log("livepeer daemon running roles=3")
            self.assertIn("receipts", p.status(1))
            self.assertNotIn("paywall", p.status(0))
            self.assertIn("nothing costs viewers anything", p.log())
        with OneProcess(*ALL, flags=["-broadcaster.paymentPointer", pointer]) as p:
            self.assertEqual(p.wait(), 1)
            self.assertIn("without a price", p.log())

    def test_viewers_pay_with_nothing_more_than_a_price_and_a_wallet(self):
        media = harness.temp_dir()
        (media / "film.bin").write_bytes(bytes(100_000))
        with Wallet() as wallet, OneProcess(
                *ALL, flags=["-pricePerMB", "1", "-walletAddress", wallet.address, "-walletPoll",
                             "100ms", "-allowHttpPayments", "-allowUserId", "-mediaPath",
                             media]) as p:
            p.wait_log("livepeer daemon running roles=3")
            site = f"http://127.0.0.1:{p.http}"
            wait_for(lambda: p.status(1)["wallet"]["asset"], 15, "the wallet has said what it is")
            self.assertIn(f'<link rel="monetization" href="{wallet.address}">',
                          http_get(f"{site}/demo").text)
            payment = wallet.create()
            wallet.pay(payment, 30)
            told = json.dumps({"incomingPayment": payment, "paymentPointer": wallet.address,
                               "userId": "eve"}).encode()
            answer = wait_for(lambda: (a := http_get(f"{site}/monetization", method="POST",
                                                     body=told)).status == 200 and a, 15,
                              "the payment is taken")
            self.assertEqual(float(answer.text), 0.3)
            film = http_get(f"{site}/media/film.bin?userId=eve", timeout=30)
            self.assertEqual((film.status, len(film.body)), (200, 100_000))
            self.assertEqual(float(json.loads(http_get(f"{site}/account.json?userId=eve").text)
                                   ["balance"]), 0.2)

    def test_signals_reach_every_role_once(self):
        with OneProcess("orchestrator", "transcoder", flags=["-transcoder.maxSessions", "4"]) as p:
            p.wait_log("livepeer daemon running")
            wait_for(lambda: p.status(1)["connected"], 10, "the transcoder's welcome")
            self.assertEqual(p.status(1)["capacity"], 4)
            self.assertEqual(p.status(0)["max_sessions"], 10)
            p.popen.send_signal(signal.SIGHUP)
            p.wait_log("transcoder transcoder limits capacity=4")
            p.wait_log("orchestrator daemon reload")
            self.assertEqual(p.stop(signal.SIGINT), 0)

    def test_one_that_cannot_start_ends_all_with_words(self):
        with OneProcess("orchestrator", "transcoder", "broadcaster") as first:
            first.wait_log("livepeer daemon running")
            with OneProcess("orchestrator", "transcoder", "broadcaster",
                            flags=["-broadcaster.rtmpAddr", f"127.0.0.1:{first.rtmp}"]) as p:
                self.assertEqual(p.wait(), 1)
                self.assertRegex(p.log(), r"error broadcaster \w+ .*-rtmpAddr")
                self.assertIn("the broadcaster has ended: stopping the others", p.log())
                self.assertRegex(p.log(), "orchestrator daemon ended status=0")
            self.assertTrue(first.alive())

    def test_flags_that_cannot_be_are_said(self):
        group = [BIN / "livepeer", "-orchestrator", "-transcoder"]
        for flags, words in [
            (["-rtmpAddr", ":1"], "-rtmpAddr: none of these roles has such a flag"),
            (["-config", "f.yaml"], "-orchestrator.config"),
            (["-transcoder.serviceAddr", ":1"], "none of these roles"),
            (["-maxSessions", "x"], "orchestrator: -maxSessions"),
            (["more"], "more"),
        ]:
            with self.subTest(flags=flags):
                done = run([*group, *flags])
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn(words, done.stderr)
        done = run([*group, "-help"])
        self.assertEqual(done.returncode, 0)
        for words in ("-ROLE.FLAG", "-serviceAddr", "-drainTime"):
            self.assertIn(words, done.stdout)
        folder = harness.temp_dir()
        done = run([*group, "-datadir", folder, "-mint", "transcoder", "there"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("there", run([BIN / "orchestrator", "-datadir", folder,
                                    "-listCredentials"]).stdout)


if __name__ == "__main__":
    harness.main()
