"""Role credentials: minted, listed and revoked by commands, with other hosts played by data
directories of their own."""
# time limit: 300 s
# usual time: 44 s
import hashlib
import json
import os
import re
import subprocess
import time

import harness
from harness import BIN, ROOT, RUNG, Follower, Recipe, Role, TestCase, ffmpeg_publish, run, wait_for

STREAM = "hello_world"
SOURCE_PATH = f"/stream/{STREAM}/source.m3u8"
RUNG_PATH = f"/stream/{STREAM}/{RUNG}.m3u8"
HEARTBEAT_MS = 200
ORCHESTRATOR = ["-heartbeatMs", HEARTBEAT_MS, "-peerTimeoutMs", "1500"]


def command(data_dir, *flags):
    return run([BIN / "orchestrator", *flags, "-datadir", data_dir])


def mint(data_dir, role, name, *flags):
    """The path of the new credential's file, in a folder of its own."""
    path = harness.temp_dir() / f"{name}.credential"
    with open(path, "w", encoding="ascii") as out:
        done = subprocess.run(
            [str(a) for a in (BIN / "orchestrator", "-mint", role, name, *flags, "-datadir",
                              data_dir)],
            stdout=out, stderr=subprocess.PIPE, text=True, timeout=30 * harness.TIME_SCALE)
    assert done.returncode == 0, done.stderr
    assert "minted" in done.stderr, done.stderr
    return path


def listed(data_dir):
    """The credentials by name."""
    done = command(data_dir, "-listCredentials", "-json")
    assert done.returncode == 0, done.stderr
    return {c["name"]: c for c in json.loads(done.stdout)["credentials"]}


def resealed(path, old, new):
    """A copy with a change and a right checksum, as somebody would make who has the file."""
    text = path.read_text().replace(old, new)
    body = text[:text.rindex("check ")]
    check = hashlib.blake2b(body.encode(), digest_size=16).hexdigest()
    other = harness.temp_dir() / "resealed"
    other.write_text(f"{body}check {check}\n")
    other.chmod(0o600)
    return other


def secret_of(path):
    return re.search(r"^secret (\w+)$", path.read_text(), re.M).group(1)


class Hosts(Recipe):
    """The recipe without a shared secret (unless one is given): each role has a data directory of
    its own, and a credential where credentials says so; None: none."""

    def __init__(self, transcoders=("edge-1",), broadcaster="cam", secret="", order="OTB", **more):
        super().__init__(secret=secret, order=order, transcoders=len(transcoders),
                         orchestrator_flags=ORCHESTRATOR, **more)
        self.files = {name: mint(self.data_dir, "transcoder", name, "-orchSecret", secret)
                      for name in transcoders}
        self.names = list(transcoders)
        if broadcaster:
            self.files[broadcaster] = mint(self.data_dir, "broadcaster", broadcaster,
                                           "-orchSecret", secret)
            self.flags["B"] += ["-orchSecret", self.files[broadcaster]]
        self.elsewhere = broadcaster is not None

    def transcoder_flags(self, path):
        return ["-orchAddr", f"{self.host}:{self.service_port}", "-orchSecret", path]

    def start_transcoder(self, **more):
        path = self.files[self.names[len(self.transcoders)]]
        role = Role("transcoder", self.transcoder_flags(path), **more)
        self.transcoders.append(role)
        return role

    def start_broadcaster(self, **more):
        self.broadcaster = Role("broadcaster", self.flags["B"],
                                None if self.elsewhere else self.data_dir, **more)
        return self.broadcaster

    def connected(self, role="transcoders"):
        """The proven names of those connected, and None for those with the secret."""
        return sorted((p["credential"] for p in self.orchestrator.status()[role]), key=str)

    def wait_connected(self, names, role="transcoders", timeout=10):
        wait_for(lambda: self.connected(role) == sorted(names, key=str), timeout,
                 f"{role} {names} are connected")

    def seen(self):
        return {s["name"]: s for s in self.orchestrator.status()["credentials"]["seen"]}

    def everything_printed(self):
        return "".join(r.log() + r.control("/status").text + r.control("/metrics").text
                       for r in self.roles())


class Credentials(TestCase):
    def test_the_recipe_with_credentials_only(self):
        with Hosts() as r:
            with ffmpeg_publish(r.rtmp(STREAM), size="160x120", bitrate="500k"):
                r.wait_playlist(RUNG_PATH, 2, timeout=20)
                r.wait_connected(["edge-1"])
                r.wait_connected(["cam"], "broadcasters")
                seen = r.seen()
                self.assertEqual({n: s["role"] for n, s in seen.items()},
                                 {"edge-1": "transcoder", "cam": "broadcaster"})
                self.assertLess(abs(seen["cam"]["last_seen"] - time.time()), 30)
                # The self-given name stands beside the proven one.
                self.assertNotEqual(r.orchestrator.status()["transcoders"][0]["name"], "edge-1")
                printed = r.everything_printed()
            for path in r.files.values():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600)
                self.assertNotIn(secret_of(path), printed)
            self.assertNotIn(secret_of(r.data_dir / "admission" / "server-key"), printed)
            for path in (r.data_dir / "admission").iterdir():
                self.assertEqual(path.stat().st_mode & 0o777, 0o600, path)
            r.transcoders[0].stop()
            wait_for(lambda: r.seen()["edge-1"]["connected"] == 0, 10, "edge-1 is seen to go")
            self.assertGreater(r.seen()["edge-1"]["last_seen"], 0)

    def test_word_for_word_in_the_home_directory(self):
        home = harness.temp_dir()
        for text, status in (("bin/orchestrator -mint transcoder NAME > FILE", 0),
                             ("bin/orchestrator -mint transcoder NAME > FILE2", 1),
                             ("bin/orchestrator -listCredentials", 0),
                             ("bin/orchestrator -revoke NAME", 0),
                             ("bin/livepeer -orchestrator -mint broadcaster -mintName B > FILE3", 0),
                             ("bin/orchestrator -revoke NOBODY", 1)):
            text = text.replace("bin/", f"{BIN}/").replace("FILE", f"{home}/FILE")
            done = run(["sh", "-c", text], cwd=ROOT, env=dict(os.environ, HOME=str(home)))
            self.assertEqual(done.returncode, status, done.stderr)
        self.assertIn("role transcoder\nname NAME\n", (home / "FILE").read_text())
        self.assertEqual((home / "FILE2").read_text(), "")
        states = {n: c["state"] for n, c in listed(home / ".lpData" / "offchain").items()}
        self.assertEqual(states, {"NAME": "revoked", "B": "admitted"})

    def test_the_broadcaster_on_the_same_host_needs_none(self):
        with Hosts(broadcaster=None) as r:
            r.wait_connected(["local"], "broadcasters")
            # And again after a restart, without having been dropped for good.
            r.orchestrator.stop()
            r.orchestrator = r.orchestrator.again()
            r.wait_connected(["local"], "broadcasters")
            r.wait_connected(["edge-1"])
            self.assertEqual(listed(r.data_dir)["local"]["state"], "admitted")

    def test_both_kinds_at_once_and_minted_while_it_runs(self):
        with Hosts(transcoders=(), broadcaster=None, secret="a shared secret") as r:
            r.wait_connected(["local"], "broadcasters")
            # Without -orchSecret: for the orchestrator that runs here.
            minted = mint(r.data_dir, "transcoder", "edge-2")
            with Role("transcoder", r.transcoder_flags(minted)), \
                    Role("transcoder", r.transcoder_flags("a shared secret")):
                r.wait_connected([None, "edge-2"], timeout=5)
                with ffmpeg_publish(r.rtmp(STREAM), size="160x120", bitrate="500k"):
                    r.wait_playlist(RUNG_PATH, timeout=20)
                self.assertEqual(r.orchestrator.status()["link"]["refused"], 0)


class Refused(TestCase):
    def test_a_credential_serves_its_role_only(self):
        with Hosts() as r:
            for role, name, flags in (
                    ("transcoder", "cam", []),
                    ("broadcaster", "edge-1", ["-rtmpAddr", f"127.0.0.1:{harness.free_port()}",
                                               "-httpAddr", f"127.0.0.1:{harness.free_port()}"])):
                done = run([BIN / role, *flags, "-orchAddr", f"127.0.0.1:{r.service_port}",
                            "-orchSecret", r.files[name], "-datadir", harness.temp_dir(),
                            "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertRegex(done.stderr, f'"{name}" of -orchSecret is for a .*-mint {role}')
            # Whoever changes the file deceives the role, and not the orchestrator.
            r.wait_connected(["edge-1"])
            r.wait_connected(["cam"], "broadcasters")
            forged = resealed(r.files["cam"], "role broadcaster", "role transcoder")
            self.refused_by_both(r, Role("transcoder", r.transcoder_flags(forged)),
                                 "transcoder", "broadcaster")
            forged = resealed(r.files["edge-1"], "role transcoder", "role broadcaster")
            flags = ["-rtmpAddr", f"127.0.0.1:{harness.free_port()}", "-httpAddr",
                     f"127.0.0.1:{harness.free_port()}", *r.transcoder_flags(forged)]
            self.refused_by_both(r, Role("broadcaster", flags), "broadcaster", "transcoder")

    def refused_by_both(self, r, role, says, proves):
        words = f"says it is a {says}, but its key is that of a {proves}"
        with role:
            role.wait_log(words)
            r.orchestrator.wait_log(f"peer_rejected .*{words}")
            self.assertEqual(r.connected(), ["edge-1"])
            self.assertEqual(r.connected("broadcasters"), ["cam"])
            self.assertEqual(role.stop(), 0)

    def test_a_tampered_file_is_refused_in_words(self):
        data_dir = harness.temp_dir()
        good = mint(data_dir, "transcoder", "edge-1")
        text = good.read_text()
        for changed in (text.replace("edge-1", "edge-2"), text[:-1], text[:len(text) // 2],
                        text + "\n", text.replace("credential 1", "credential 9")):
            good.write_text(changed)
            done = run([BIN / "transcoder", "-orchAddr", "127.0.0.1:1", "-orchSecret", good,
                        "-datadir", harness.temp_dir(),
                        "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stderr, "credential file of -orchSecret cannot be used: it .*"
                                          "copy it again")
        good.write_text(text)
        good.chmod(0o666)
        done = run([BIN / "transcoder", "-orchAddr", "127.0.0.1:1", "-orchSecret", good, "-datadir",
                    harness.temp_dir(), "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("chmod 600", done.stderr)
        # And no orchestrator takes that well-known first line for its secret.
        done = run([BIN / "orchestrator", "-orchSecret", good, "-datadir", data_dir,
                    "-serviceAddr", f"127.0.0.1:{harness.free_port()}",
                    "-cliAddr", f"127.0.0.1:{harness.free_port()}"])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("holds no shared secret", done.stderr)

    def test_another_secret_is_another_orchestrator(self):
        with Hosts(broadcaster=None, order="OT", secret="the former secret") as r:
            r.wait_connected(["edge-1"])
            r.orchestrator.stop()
            r.flags["O"][r.flags["O"].index("-orchSecret") + 1] = "the next secret"
            orchestrator = r.start_orchestrator()
            orchestrator.wait_log('1 credentials .such as "edge-1". were minted for another key')
            r.transcoders[0].wait_log('does not have the key that the credential "edge-1" was '
                                      'minted for.*-mint transcoder', timeout=20)
            orchestrator.wait_log("its credential was minted for another orchestrator")
            self.assertEqual(listed(r.data_dir)["edge-1"]["state"], "other-key")
            self.assertEqual(listed(r.data_dir)["local"]["state"], "admitted")
            self.assertNotIn("former secret", r.everything_printed())

    def test_a_key_that_is_in_no_list(self):
        with Hosts(broadcaster=None, order="O") as r:
            key = listed(r.data_dir)["edge-1"]
            stranger = mint(harness.temp_dir(), "transcoder", "stranger")
            server = re.search(r"^server \w+$", r.files["edge-1"].read_text(), re.M).group(0)
            mine = re.search(r"^server \w+$", stranger.read_text(), re.M).group(0)
            with Role("transcoder", r.transcoder_flags(resealed(stranger, mine, server))) as role:
                role.wait_log('does not admit the credential "stranger"')
                r.orchestrator.wait_log("refused a connection from 127.0.0.1: its key is not one of")
                self.assertEqual(r.connected(), [])
            self.assertEqual(key["state"], "admitted")


class Revoked(TestCase):
    def test_out_within_a_heartbeat_and_the_work_goes_on(self):
        with Hosts(transcoders=("edge-1", "edge-2")) as r:
            with ffmpeg_publish(r.rtmp(STREAM), size="160x120", bitrate="500k"):
                r.wait_playlist(RUNG_PATH, 2, timeout=20)
                r.wait_connected(["edge-1", "edge-2"])
                follower = Follower(r.url(SOURCE_PATH), r.url(RUNG_PATH))
                follower.poll()

                def busy():
                    return [t["credential"] for t in r.orchestrator.status()["transcoders"]
                            if t["load"] > 0]

                name = wait_for(busy, 10, "a transcoder has work", interval=0.01)[0]
                other = {"edge-1": "edge-2", "edge-2": "edge-1"}[name]
                role = r.transcoders[r.names.index(name)]
                mark = r.orchestrator.log_mark()
                done = command(r.data_dir, "-revoke", name)
                self.assertEqual(done.returncode, 0, done.stderr)
                started = time.monotonic()
                wait_for(lambda: r.connected() == [other], 5, f"{name} is out", interval=0.02)
                # A heartbeat, and something for a busy machine.
                self.assertLess(time.monotonic() - started,
                                (HEARTBEAT_MS / 1000 + 0.8) * harness.TIME_SCALE)
                words = f'the credential "{name}" was revoked'
                r.orchestrator.wait_log(f"refused a connection from 127.0.0.1: {words}", since=mark)
                r.orchestrator.wait_log(f"transcoder_lost .*the credential '{name}' was revoked",
                                        since=mark)
                role.wait_log(f"the orchestrator says: {words}")
                role.wait_log(f'does not admit the credential "{name}": it was revoked', timeout=20)
                last = follower.numbers(r.url(SOURCE_PATH))[-1]
                follower.follow(
                    lambda: follower.numbers(r.url(RUNG_PATH))[-1] >= last + 4, timeout=30)
            url = r.url(RUNG_PATH)
            self.assert_rising(follower.numbers(url), "rung numbers", step=1)
            self.assertFalse([s for s in follower.segments[url] if s.gap], "the rung has a gap")
            self.assertTrue(role.alive())
            self.assertEqual(r.connected(), [other])
            status = r.orchestrator.status()
            self.assertGreater(status["jobs"]["redispatched"], 0)
            self.assertEqual(r.seen()[name]["connected"], 0)
            self.assertEqual(status["credentials"]["revoked"], 1)
            # The name is free: a new credential of it comes in, the old one does not.
            again = mint(r.data_dir, "transcoder", name)
            with Role("transcoder", r.transcoder_flags(again)):
                r.wait_connected(["edge-1", "edge-2"])

    def test_a_broadcaster_is_out_too_and_the_local_one(self):
        with Hosts(transcoders=()) as r:
            r.wait_connected(["cam"], "broadcasters")
            with Role("broadcaster", [f for f in r.flags["B"] if f not in (
                    "-orchSecret", r.files["cam"])] + [
                        "-rtmpAddr", f"127.0.0.1:{harness.free_port()}",
                        "-httpAddr", f"127.0.0.1:{harness.free_port()}"], r.data_dir) as local:
                r.wait_connected(["cam", "local"], "broadcasters")
                for name, role in (("cam", r.broadcaster), ("local", local)):
                    self.assertEqual(command(r.data_dir, "-revoke", name).returncode, 0)
                    role.wait_log(rf'the orchestrator 127\.0\.0\.1:\d+ says: the credential "{name}" '
                                  'was revoked')
                r.wait_connected([], "broadcasters")
                # The local one comes with the next start.
                r.orchestrator.stop()
                r.orchestrator = r.orchestrator.again()
                r.wait_connected(["local"], "broadcasters", timeout=20)

    def test_a_damaged_list_while_it_runs(self):
        with Hosts(broadcaster=None, order="OT") as r:
            r.wait_connected(["edge-1"])
            path = r.data_dir / "admission" / "credentials"
            text = path.read_text()
            path.write_text(text.replace("edge-1", "edge-9"))
            r.orchestrator.wait_log("checksum does not fit.*the list stays as it was")
            self.assertEqual(r.connected(), ["edge-1"])
            for flags in (["-listCredentials"], ["-revoke", "edge-1"]):
                done = command(r.data_dir, *flags)
                self.assertEqual(done.returncode, 1)
                self.assertIn(str(path), done.stderr)
            r.orchestrator.stop()
            done = run([BIN / "orchestrator", *r.flags["O"], "-datadir", r.data_dir, "-cliAddr",
                        f"127.0.0.1:{harness.free_port()}"])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn(str(path), done.stderr)
            path.write_text(text)
            r.orchestrator = r.orchestrator.again()
            r.wait_connected(["edge-1"], timeout=20)


class Commands(TestCase):
    def test_list(self):
        data_dir = harness.temp_dir()
        mint(data_dir, "transcoder", "edge-1")
        mint(data_dir, "broadcaster", "a.longer_name-2")
        self.assertEqual(command(data_dir, "-revoke", "edge-1").returncode, 0)
        done = command(data_dir, "-listCredentials")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = [line.split() for line in done.stdout.splitlines()]
        self.assertEqual(rows[0], ["NAME", "ROLE", "STATE", "MINTED", "REVOKED", "ORCHESTRATOR"])
        self.assertEqual([row[:3] for row in rows[1:]],
                         [["edge-1", "transcoder", "revoked"],
                          ["a.longer_name-2", "broadcaster", "admitted"]])
        self.assertEqual(rows[2][4], "-")
        self.assertRegex(rows[1][4], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        found = listed(data_dir)
        self.assertEqual(list(found), ["edge-1", "a.longer_name-2"])
        self.assertIsNone(found["a.longer_name-2"]["revoked"])
        self.assertEqual(found["edge-1"]["orchestrator"], rows[1][5])
        empty = command(harness.temp_dir(), "-listCredentials")
        self.assertEqual((empty.returncode, len(empty.stdout.splitlines())), (0, 1))

    def test_mints_at_the_same_time_lose_nothing(self):
        data_dir = harness.temp_dir()
        started = []
        for name in [*(f"edge-{i}" for i in range(8)), *["same"] * 4]:
            path = harness.temp_dir() / "file"
            with open(path, "wb") as out:
                started.append((name, path, subprocess.Popen(
                    [BIN / "orchestrator", "-mint", "transcoder", name, "-datadir", data_dir],
                    stdout=out, stderr=subprocess.DEVNULL)))
        won = {}
        for name, path, process in started:
            status = process.wait(60 * harness.TIME_SCALE)
            self.assertIn(status, (0, 1) if name == "same" else (0,), name)
            if status == 0:
                self.assertNotIn(name, won)
                won[name] = re.search(r"^public (\w+)$", path.read_text(), re.M).group(1)
        self.assertEqual(set(won), {*(f"edge-{i}" for i in range(8)), "same"})
        text = (data_dir / "admission" / "credentials").read_text()
        for name, key in won.items():
            self.assertIn(f"admitted transcoder {name} {key} ", text)

    def test_wrong_usage(self):
        data_dir = harness.temp_dir()
        for flags, words in (
                (["-mint", "orchestrator", "x"], "-mint takes transcoder or broadcaster"),
                (["-mint", "transcoder"], "needs a name"),
                (["-mint", "transcoder", "a b"], "a name has 1 to 64"),
                (["-mint", "transcoder", "n" * 65], "a name has 1 to 64"),
                (["-mint", "transcoder", "a", "b"], '"b" is not a flag'),
                (["-mint", "", "x"], "not empty"),
                (["-mintName", "x"], "-mintName goes with"),
                (["-revoke", ""], "not empty"),
                (["-revoke", "a/b"], "-revoke takes"),
                (["-revoke", "a", "b"], '"b" is not a flag'),
                (["-revoke", "a", "-listCredentials"], "one at a time"),
                (["-json"], "-json goes with")):
            done = command(data_dir, *flags)
            self.assertEqual(done.returncode, 2, (flags, done.stderr))
            self.assertIn(words, done.stderr)
            self.assertIn("Usage:", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_what_cannot_be_done(self):
        data_dir = harness.temp_dir()
        mint(data_dir, "transcoder", "edge-1")
        for flags, words in (
                (["-mint", "broadcaster", "edge-1"], 'a transcoder\'s credential "edge-1" already'),
                (["-mint", "broadcaster", "local"], "choose another name"),
                (["-revoke", "edge-2"], 'no credential "edge-2"')):
            done = command(data_dir, *flags)
            self.assertEqual((done.returncode, done.stdout), (1, ""), flags)
            self.assertIn(words, done.stderr)
        for _ in range(2):
            self.assertEqual(command(data_dir, "-revoke", "edge-1").returncode, 0)
        with open("/dev/full", "wb") as full:
            done = subprocess.run([BIN / "orchestrator", "-mint", "transcoder", "edge-3",
                                   "-datadir", data_dir], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=30 * harness.TIME_SCALE)
        self.assertEqual(done.returncode, 1)
        self.assertIn("was revoked again", done.stderr)
        self.assertEqual(listed(data_dir)["edge-3"]["state"], "revoked")


if __name__ == "__main__":
    harness.main()
