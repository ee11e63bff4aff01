"""What the programs make of their command lines: flag forms, usage (exit 2), configurations that
cannot work (exit 1, one sentence), versions, addresses, ports in use."""
# usual time: 30 s
import os
import pty
import signal
import socket

import harness
from harness import BIN, Role, run, temp_dir

ROLES = ("orchestrator", "transcoder", "broadcaster")


def forms_of(role):
    """The two ways to start a role."""
    return [[BIN / role], [BIN / "livepeer", f"-{role}"]]


def role_flags(role):
    """Flags with which the role can run, on free ports."""
    def address():
        return f"127.0.0.1:{harness.free_port()}"

    return {
        "orchestrator": ["-serviceAddr", address(), "-orchSecret", "secret"],
        "transcoder": ["-orchAddr", address(), "-orchSecret", "secret"],
        "broadcaster": ["-rtmpAddr", address(), "-httpAddr", address()],
    }[role]


class Listener:
    """A port that somebody else has."""

    def __init__(self):
        self.port = harness.free_port()
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", self.port))
        self.socket.listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class Usage(harness.TestCase):
    def assert_usage(self, command, words):
        done = run(command)
        self.assertEqual(done.returncode, 2, f"{command}: {done.stderr}")
        self.assertIn("Usage:", done.stderr)
        self.assertIn(words, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_unknown_flags_and_abbreviations(self):
        for role in ROLES:
            for command in forms_of(role):
                self.assert_usage([*command, "-nonsense"], "-nonsense")
                self.assert_usage([*command, "--cliAdd", "x"], "-cliAdd")
                self.assert_usage([*command, "stray"], "stray")

    def test_bad_and_missing_values(self):
        for role in ROLES:
            self.assert_usage([BIN / role, "-v", "loud"], "-v")
            self.assert_usage([BIN / role, "-v=100"], "-v")
            self.assert_usage([BIN / role, "-version=perhaps"], "-version")
            self.assert_usage([BIN / role, "-cliAddr"], "-cliAddr")
        self.assert_usage([BIN / "broadcaster", "-currentManifest=perhaps"], "-currentManifest")
        self.assert_usage([BIN / "transcoder", "-maxSessions", "many"], "-maxSessions")

    def test_no_role(self):
        self.assert_usage([BIN / "livepeer"], "-orchestrator")
        self.assert_usage([BIN / "livepeer", "-v", "6"], "-broadcaster")

    def test_help_goes_to_stdout(self):
        for role in ROLES:
            for command in forms_of(role):
                for flag in ("-help", "-h"):
                    done = run([*command, flag])
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn("-cliAddr", done.stdout)
        self.assertEqual(run([BIN / "livepeer", "-h"]).returncode, 0)

    def test_version(self):
        for command in ([BIN / "livepeer"], *(c for r in ROLES for c in forms_of(r))):
            for flag in ("-version", "--version"):
                done = run([*command, flag])
                self.assertEqual((done.returncode, done.stderr), (0, ""), command)
                lines = done.stdout.splitlines()
                self.assertEqual(len(lines), 4)
                self.assertRegex(lines[0], r"^Livepeer Node Version: \S+$")
                self.assertRegex(lines[2], r"^Architecture: \S+$")
                self.assertEqual(lines[3], "Operating system: linux")


class Sentences(harness.TestCase):
    """Exit 1, and words on stderr that say what is wrong."""

    def assert_refused(self, role, flags, *words, forms=slice(1)):
        """forms: of the ways to start a role; what makes the sentence is the same in all."""
        for command in forms_of(role)[forms]:
            done = run([*command, *flags, "-datadir", temp_dir(),
                        "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
            self.assertEqual(done.returncode, 1, f"{command} {flags}: {done.stderr}")
            for word in words:
                self.assertIn(word, done.stderr)
            self.assertEqual(done.stderr.count(f" error {role} "), 1, done.stderr)
            self.assertEqual(done.stderr.splitlines()[-1].split()[1], "error", done.stderr)

    def test_transcoder_needs_an_orchestrator_and_its_secret(self):
        self.assert_refused("transcoder", ["-orchSecret", "x"], "-orchAddr")
        self.assert_refused("transcoder", ["-orchAddr", "127.0.0.1:1"], "-orchSecret")

    def test_an_orchestrators_secret_file_holds_a_secret(self):
        path = temp_dir() / "secret"
        path.write_text("\n")
        self.assert_refused("orchestrator", ["-serviceAddr", "127.0.0.1:1", "-orchSecret", path],
                            "-orchSecret")

    def test_unknown_rungs_are_named_and_the_known_ones_listed(self):
        flags = [*role_flags("broadcaster"), "-transcodingOptions", "P144p30fps16x9,P999p"]
        self.assert_refused("broadcaster", flags, "P999p", "P144p30fps16x9", "P720p60fps16x9")

    def test_origins_that_no_browser_sends(self):
        for text, reason in (("https://a.example/", "no slash"), ("*,https://a.example", "alone"),
                             ("a.example", "scheme")):
            self.assert_refused("broadcaster", [*role_flags("broadcaster"), "-corsOrigins", text],
                                "-corsOrigins", reason)

    def test_a_rung_twice(self):
        twice = "P144p30fps16x9,P144p30fps16x9"
        self.assert_refused("broadcaster", [*role_flags("broadcaster"), "-transcodingOptions",
                                            twice], "P144p30fps16x9")

    def test_bad_addresses(self):
        for text in ("127.0.0.1:99999", "127.0.0.1:x", "a b:1", "[::1:8935"):
            self.assert_refused("orchestrator", ["-serviceAddr", text, "-orchSecret", "x"],
                                "-serviceAddr")
            self.assert_refused("transcoder", ["-orchAddr", text, "-orchSecret", "x"], "-orchAddr")
            http = f"127.0.0.1:{harness.free_port()}"
            self.assert_refused("broadcaster", ["-rtmpAddr", text, "-httpAddr", http], "-rtmpAddr")
            self.assert_refused("broadcaster", ["-httpAddr", text], "-httpAddr")

    def test_unknown_network(self):
        for role in ROLES:
            self.assert_refused(role, [*role_flags(role), "-network", "mainnet"], "-network",
                                forms=slice(2))

    def test_data_directory_that_cannot_be_made(self):
        for role in ROLES:
            done = run([BIN / role, *role_flags(role), "-datadir", "/proc/nowhere"])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("-datadir", done.stderr)

    def test_port_in_use_says_which_and_by_which_flag_to_change_it(self):
        for role, flag in (("orchestrator", "-serviceAddr"), ("broadcaster", "-rtmpAddr"),
                           ("broadcaster", "-httpAddr")):
            with Listener() as taken:
                flags = [*role_flags(role), flag, f"127.0.0.1:{taken.port}"]
                self.assert_refused(role, flags, str(taken.port), flag)
        for role in ROLES:
            with Listener() as taken:
                done = run([BIN / role, *role_flags(role), "-datadir", temp_dir(),
                            "-cliAddr", f"127.0.0.1:{taken.port}"])
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(str(taken.port), done.stderr)
                self.assertIn("-cliAddr", done.stderr)


class Running(harness.TestCase):
    def test_both_forms_and_all_ways_to_write_a_flag(self):
        """Each role in both forms, each form with each way to write."""
        for i, role in enumerate(ROLES):
            for j, command in enumerate(forms_of(role)):
                port = harness.free_port()
                address = f"127.0.0.1:{port}"
                cli = [[f"-cliAddr={address}"], ["--cliAddr", address],
                       [f"--cliAddr={address}"]][(i + j) % 3]
                with harness.Process([*command, *role_flags(role), *cli, "-datadir", temp_dir(),
                                      "-v", "99", *harness.unmeasured(role, ())],
                                     temp_dir() / "role.log") as process:
                    url = f"http://{address}/healthz"
                    harness.wait_for(lambda: harness.http_get(url).status == 200, 10, url)
                    number = (signal.SIGTERM, signal.SIGINT)[(i + j) % 2]
                    self.assertEqual(process.stop(number), 0, process.tail())

    def test_a_hangup_is_no_end(self):
        for role in ROLES:
            with Role(role, role_flags(role)) as process:
                process.popen.send_signal(signal.SIGHUP)
                process.wait_log(r"daemon .*reload .*SIGHUP")
                self.assertEqual(process.control("/healthz").status, 200)
                self.assertEqual(process.stop(), 0, process.tail())

    def test_a_terminal_that_is_closed_ends_it_in_order(self):
        log = temp_dir() / "role.log"
        port = harness.free_port()
        command = [BIN / "broadcaster", *role_flags("broadcaster"), "-datadir", temp_dir(),
                   "-runDir", temp_dir(), "-cliAddr", f"127.0.0.1:{port}"]
        child, terminal = pty.fork()
        if child == 0:
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT), 2)
            os.execv(command[0], [str(c) for c in command])
        try:
            url = f"http://127.0.0.1:{port}/healthz"
            harness.wait_for(lambda: harness.http_get(url).status == 200, 10, url)
            os.kill(child, signal.SIGHUP)
            harness.wait_for(lambda: "reload" in log.read_text(), 10, "the reload in the log")
            os.close(terminal)
            harness.wait_for(lambda: os.waitpid(child, os.WNOHANG)[0] == child, 15, "its end")
            self.assertIn("the terminal is gone", log.read_text())
            self.assertIn("status=0", log.read_text())
            child = None
        finally:
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

    def test_partial_addresses(self):
        # ":N" stands for every address of the broadcaster's doors or for loopback; either way
        # loopback must be served. The control server's own host is loopback alone.
        rtmp, http, cli = (harness.free_port() for _ in range(3))
        with Role("broadcaster", ["-rtmpAddr", f":{rtmp}", "-httpAddr", f":{http}",
                                  f"-cliAddr=:{cli}"], wait=False):
            for port in (rtmp, http):
                harness.wait_for(lambda p=port: connects("127.0.0.1", p), 10, f"port {port}")

    def test_ipv6(self):
        if not harness.has_ipv6():
            self.skipTest("no IPv6 on this machine")
        rtmp, http = harness.free_port(), harness.free_port()
        with Role("broadcaster", ["-rtmpAddr", f"[::1]:{rtmp}", "-httpAddr", f"[::1]:{http}"]):
            self.assertTrue(connects("::1", rtmp))
            answer = harness.http_get(f"http://[::1]:{http}/stream/nobody.m3u8")
            self.assertEqual(answer.status, 404)
            self.assertFalse(connects("127.0.0.1", rtmp))

    def test_unused_addresses_are_accepted_and_logged_once(self):
        flags = role_flags("orchestrator")
        with Role("orchestrator", [*flags, "-httpAddr", flags[1]]) as role:
            self.assertEqual(role.log().count("-httpAddr"), 1, role.log())
        unused = f"127.0.0.1:{harness.free_port()}"
        with Role("transcoder", [*role_flags("transcoder"), "-httpAddr", unused]) as role:
            self.assertEqual(role.log().count("-httpAddr"), 1, role.log())

    def test_a_weak_secret_that_others_could_guess_is_warned_of(self):
        for host, secret, warned in (("0.0.0.0", "secret", 1), ("127.0.0.1", "secret", 0),
                                     ("0.0.0.0", "sixteen letters.", 0)):
            flags = ["-serviceAddr", f"{host}:{harness.free_port()}", "-orchSecret", secret]
            with Role("orchestrator", flags) as role:
                role.wait_log(" listening ")
                self.assertEqual(role.log().count(" weak_secret "), warned, role.log())

    def test_the_secret_is_never_printed(self):
        secret = "correct horse battery staple"
        for role in ("orchestrator", "transcoder"):
            with Role(role, [*role_flags(role), "-orchSecret", secret]) as process:
                self.assertNotIn(secret, process.control("/status").text)
                self.assertEqual(process.stop(), 0)
                self.assertNotIn(secret, process.log())


def connects(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    harness.main()
