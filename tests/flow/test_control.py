"""The control API of each role: every answer is as deploy/openapi.yaml has it, settings take
effect, and only those may ask who should."""
# usual time: 16 s
import json
import re
import socket
import urllib.parse

import harness
from harness import BIN, RUNG, Recipe, Role, TestCase, ffmpeg_publish, main, playlist, run, temp_dir
import openapi
from openapi import OpenApi

API = OpenApi()
OTHER_RUNG = "P240p30fps16x9"
TOKEN = "correct-horse-battery-staple"


def ask(role, method, path, body=None, headers=None, **query):
    """One request to a role's control server."""
    target = path + ("?" + urllib.parse.urlencode(query) if query else "")
    headers = dict(headers or {})
    if body is not None:
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    return role.control(target, method=method, body=body, headers=headers)


def setting(path):
    """Parameters with which a path can be asked, when it needs some."""
    return {"/setLogLevel": {"loglevel": 99}, "/setMaxSessions": {"maxSessions": 10},
            "/clearBans": {"address": "192.0.2.1"},
            "/grant": {"account": "viewer:a", "amount": 5},
            "/credit": {"account": "viewer:a", "source": "s", "total": 2},
            "/spend": {"account": "viewer:a", "to": "b", "amount": 1, "key": "k"},
            "/freezeAccount": {"account": "viewer:a"}, "/thawAccount": {"account": "viewer:a"},
            "/account": {"account": "viewer:a"},
            "/setBroadcastConfig": {"transcodingOptions": RUNG}}.get(path, {})


class File(TestCase):
    def test_the_file_is_well_formed(self):
        self.assertEqual(API.faults(), [])

    def test_faults_would_be_found(self):
        text = openapi.FILE.read_text(encoding="utf-8")
        for old, new in (("operationId: healthz", "operationId: status"),
                         ("responses/NoStream", "responses/Nobody"),
                         ("    Line:\n      type: string", "    Line:\n      type: strung"),
                         ("      x-roles: [broadcaster]", "      x-rolls: [broadcaster]"),
                         ("tags: [process]", "tags: [nowhere]"),
                         ("    Unix:", "    Unux:")):
            self.assertIn(old, text)
            self.assertNotEqual(OpenApi(text.replace(old, new, 1)).faults(), [], new)


class Idle(TestCase):
    """A broadcaster alone, without orchestrator and streams."""

    @classmethod
    def setUpClass(cls):
        address = f"127.0.0.1:{harness.free_port()}"
        cls.role = Role("broadcaster", ["-rtmpAddr", address, "-httpAddr",
                                        f"127.0.0.1:{harness.free_port()}"])

    @classmethod
    def tearDownClass(cls):
        cls.role.kill()

    def test_what_is_not_there_is_said(self):
        for path in ("/manifestID", "/streamID", "/debug", "/orchestratorInfo"):
            answer = ask(self.role, "GET", path)
            self.assertEqual(answer.status, 404, path)
            API.judge("GET", path, answer)
        self.assertEqual(json.loads(ask(self.role, "GET", "/localStreams").text), [])
        self.assertEqual(json.loads(ask(self.role, "GET", "/registeredOrchestrators").text), [])
        status = ask(self.role, "GET", "/status")
        API.judge("GET", "/status", status)
        self.assertEqual(json.loads(status.text)["OrchestratorPool"], [])

    def test_a_ladder_without_orchestrator(self):
        config = ask(self.role, "GET", "/getBroadcastConfig")
        self.assertEqual(json.loads(config.text)["TranscodingOptions"], "")
        answer = ask(self.role, "POST", "/setBroadcastConfig", transcodingOptions=RUNG)
        self.assertEqual(answer.status, 409)
        API.judge("POST", "/setBroadcastConfig", answer)

    def test_the_log_level(self):
        rtmp = f"127.0.0.1:{harness.free_port()}"
        with Role("broadcaster", ["-rtmpAddr", rtmp, "-httpAddr",
                                  f"127.0.0.1:{harness.free_port()}"]) as role:
            self.assertEqual(ask(role, "GET", "/getLogLevel").text, "99\n")
            mark = role.log_mark()
            self.assertEqual(ask(role, "POST", "/setLogLevel", loglevel=0).status, 200)
            self.assertEqual(ask(role, "GET", "/getLogLevel").text, "0\n")
            publish = [BIN / "publish", "-test", "-seconds", 1, f"rtmp://{rtmp}/quiet"]
            self.assertEqual(run(publish).returncode, 0)
            self.assertEqual(role.log()[mark:], "")
            answer = ask(role, "POST", "/setLogLevel", body="loglevel=99")
            self.assertEqual(answer.status, 200, answer.text)
            role.wait_log("log_level v=99", since=mark)


class Running(TestCase):
    """The recipe with a stream."""

    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(orchestrator_flags=["-payments"], broadcaster_flags=[
            "-reconnectGrace", "300ms", "-lingerMs", 300]).start()
        assert ask(cls.recipe.orchestrator, "POST", "/grant", **setting("/grant")).status == 200
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("hello_world"), size="320x240",
                                       bitrate="500k")
        cls.recipe.wait_playlist(f"/stream/hello_world/{RUNG}.m3u8", 1)
        cls.broadcaster = cls.recipe.broadcaster

    @classmethod
    def tearDownClass(cls):
        cls.publisher.kill()
        for role in cls.recipe.roles():
            role.kill()

    def test_every_path_of_every_role_answers_as_described(self):
        for role in self.recipe.roles():
            paths = set()
            for method, path, _ in API.operations(role.role):
                paths.add(path)
                query = setting(path)
                answer = ask(role, method, path, **query)
                self.assertEqual(answer.status, 200, f"{role.role} {path}: {answer.text}")
                API.judge(method, path, answer)
                other = "POST" if method == "GET" else "GET"
                answer = ask(role, other, path, **query)
                self.assertEqual(answer.status, 405, f"{role.role} {other} {path}")
                self.assertIn(method, answer.headers["allow"])
                if method == "GET":
                    self.assertEqual(ask(role, "HEAD", path, **query).status, 200)
            for method, path, _ in API.operations():
                if path not in paths:
                    self.assertEqual(ask(role, method, path).status, 404, f"{role.role} {path}")
            listed = ask(role, "GET", "/nope")
            self.assertEqual(listed.status, 404)
            self.assertEqual(set(re.findall(r"/\w+", listed.text)), paths)

    def test_parameters_that_do_not_fit(self):
        for method, path, operation in API.operations("broadcaster"):
            answer = ask(self.broadcaster, method, path, nonsense=1)
            self.assertEqual(answer.status, 400, path)
            self.assertIn("nonsense", answer.text)
            API.judge(method, path, answer)
            for parameter in operation.get("parameters", ()):
                if parameter.get("required"):
                    answer = ask(self.broadcaster, method, path)
                    self.assertEqual(answer.status, 400, path)
                    self.assertIn(parameter["name"], answer.text)
        for path, query in (("/setLogLevel", {"loglevel": 100}),
                            ("/setLogLevel", {"loglevel": "x"}),
                            ("/setMaxSessions", {"maxSessions": 0}),
                            ("/setMaxSessions", {"maxSessions": -1}),
                            ("/setBroadcastConfig", {"transcodingOptions": "P999p"}),
                            ("/setBroadcastConfig", {"transcodingOptions": ""}),
                            ("/setBroadcastConfig", {"transcodingOptions": f"{RUNG},{RUNG}"}),
                            ("/setBroadcastConfig", {"transcodingOptions": RUNG,
                                                     "maxPricePerUnit": "x"}),
                            ("/setBroadcastConfig", {"maxPricePerUnit": -1}),
                            ("/setBroadcastConfig", {"maxPricePerUnit": "9" * 17}),
                            ("/setBroadcastConfig", {"maxPricePerUnit": 1, "pixelsPerUnit": 0}),
                            ("/setBroadcastConfig", {})):
            answer = ask(self.broadcaster, "POST", path, **query)
            self.assertEqual(answer.status, 400, f"{path} {query}")
            API.judge("POST", path, answer)
        config = json.loads(ask(self.broadcaster, "GET", "/getBroadcastConfig").text)
        self.assertEqual(config, {"MaxPrice": None, "TranscodingOptions": RUNG})

    def test_bodies(self):
        answer = ask(self.broadcaster, "POST", "/setLogLevel", body='{"loglevel": 99}',
                     headers={"Content-Type": "application/json"})
        self.assertEqual(answer.status, 415)
        answer = ask(self.broadcaster, "POST", "/setLogLevel", body="loglevel=" + "9" * 70000)
        self.assertEqual(answer.status, 413)
        answer = ask(self.broadcaster, "POST", "/setLogLevel", body="loglevel=%zz")
        self.assertEqual(answer.status, 400)

    def test_what_the_known_tools_read(self):
        status = self.broadcaster.status()
        variants = status["Manifests"]["hello_world"]["Variants"]
        self.assertEqual([v["URI"] for v in variants],
                         ["hello_world/source.m3u8", f"hello_world/{RUNG}.m3u8"])
        self.assertEqual(variants[0]["Resolution"], "320x240")
        service = f"tcp://127.0.0.1:{self.recipe.service_port}"
        self.assertEqual(status["OrchestratorPool"], [service])
        orchestrator = self.recipe.orchestrator.status()
        self.assertEqual(orchestrator["RegisteredTranscodersNumber"], 1)
        self.assertEqual(orchestrator["RegisteredTranscoders"][0]["Capacity"],
                         orchestrator["transcoders"][0]["capacity"])
        self.assertEqual(ask(self.broadcaster, "GET", "/manifestID").text, "hello_world\n")
        self.assertEqual(ask(self.broadcaster, "GET", "/streamID").text, "hello_world/source\n")
        streams = json.loads(ask(self.broadcaster, "GET", "/localStreams").text)
        self.assertIn("hello_world", streams)
        debug = playlist(ask(self.broadcaster, "GET", "/debug").text)
        self.assertTrue(debug.segments[0].uri.startswith("/stream/hello_world/source/"))
        for role in self.recipe.roles():
            info = json.loads(ask(role, "GET", "/orchestratorInfo").text)
            self.assertEqual((info["ServiceURI"], info["Active"]), (service, True), role.role)
            is_one = json.loads(ask(role, "GET", "/IsOrchestrator").text)
            self.assertEqual(is_one, role.role == "orchestrator")
            self.assertEqual(ask(role, "GET", "/EthChainID").text, "0\n")
        options = json.loads(ask(self.broadcaster, "GET", "/getAvailableTranscodingOptions").text)
        self.assertIn(RUNG, options)

    def rungs(self, stream):
        found = [s for s in self.broadcaster.status()["streams"] if s["id"] == stream]
        return [r["name"] for r in found[0]["rungs"][1:]] if found else None

    def test_a_new_ladder_is_for_new_streams(self):
        answer = ask(self.broadcaster, "POST", "/setBroadcastConfig",
                     body=f"maxPricePerUnit=0&pixelsPerUnit=1&transcodingOptions={OTHER_RUNG}")
        self.assertEqual(answer.status, 200, answer.text)
        API.judge("POST", "/setBroadcastConfig", answer)
        self.assertEqual(json.loads(answer.text)["TranscodingOptions"], OTHER_RUNG)
        with ffmpeg_publish(self.recipe.rtmp("second"), size="320x240", bitrate="500k"):
            self.recipe.wait_playlist(f"/stream/second/{OTHER_RUNG}.m3u8", 1)
            self.assertEqual(self.rungs("second"), [OTHER_RUNG])
            self.assertEqual(self.rungs("hello_world"), [RUNG])
            # The first goes on with the rung it has.
            before = playlist(self.recipe.get(f"/stream/hello_world/{RUNG}.m3u8").text)
            harness.wait_for(
                lambda: playlist(self.recipe.get(f"/stream/hello_world/{RUNG}.m3u8").text)
                .segments[-1].number > before.segments[-1].number, 10, "a further segment")
        # The ended stream takes its rungs with it, whatever the setting is by then.
        ask(self.broadcaster, "POST", "/setBroadcastConfig", transcodingOptions=RUNG)
        harness.wait_for(lambda: self.rungs("second") is None, 10, "the second stream is gone")

    def test_max_sessions_of_each_role(self):
        ask(self.broadcaster, "POST", "/setMaxSessions", maxSessions=1)
        done = run([BIN / "publish", "-test", "-seconds", 5, self.recipe.rtmp("toomany")])
        self.assertEqual(done.returncode, 1, done.stderr)
        ask(self.broadcaster, "POST", "/setMaxSessions", maxSessions=10)
        done = run([BIN / "publish", "-test", "-seconds", 1, self.recipe.rtmp("notanymore")])
        self.assertEqual(done.returncode, 0, done.stderr)

        answer = ask(self.recipe.orchestrator, "POST", "/setMaxSessions", maxSessions=7)
        self.assertEqual(json.loads(answer.text), {"maxSessions": 7})
        self.assertEqual(self.recipe.orchestrator.status()["max_sessions"], 7)

        transcoder = self.recipe.transcoders[0]
        self.assertEqual(ask(transcoder, "POST", "/setMaxSessions", maxSessions=1001).status, 400)
        ask(transcoder, "POST", "/setMaxSessions", maxSessions=4)
        self.assertEqual(transcoder.status()["capacity"], 4)
        orchestrator = self.recipe.orchestrator
        harness.wait_for(lambda: orchestrator.status()["transcoders"][0]["capacity"] == 4, 5,
                         "the orchestrator knows the new capacity")

    def test_names_that_do_not_lead_here(self):
        for role in self.recipe.roles():
            for host in ("evil.example", f"evil.example:{role.cli_port}", "127.0.0.1.evil.example"):
                for path in ("/status", "/metrics", "/nope"):
                    answer = ask(role, "GET", path, headers={"Host": host})
                    self.assertEqual(answer.status, 403, f"{role.role} {host} {path}")
                    self.assertNotIn("hello_world", answer.text)
            self.assertEqual(ask(role, "GET", "/healthz", headers={"Host": "any"}).status, 200)
            self.assertEqual(ask(role, "GET", "/status", headers={"Host": "localhost"}).status, 200)

    def test_pages_of_other_sites(self):
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Sec-Fetch-Site": "cross-site"}):
            answer = ask(self.broadcaster, "POST", "/setLogLevel", headers=headers, loglevel=0)
            self.assertEqual(answer.status, 403, headers)
        self.assertEqual(ask(self.broadcaster, "GET", "/getLogLevel").text, "99\n")
        answer = ask(self.broadcaster, "GET", "/status", headers={"Origin": "http://evil.example"})
        self.assertNotIn("access-control-allow-origin", answer.headers)
        self.assertEqual(ask(self.broadcaster, "OPTIONS", "/setLogLevel").status, 405)


class Token(TestCase):
    def flags(self):
        return ["-rtmpAddr", f"127.0.0.1:{harness.free_port()}",
                "-httpAddr", f"127.0.0.1:{harness.free_port()}"]

    def token_file(self, text=TOKEN + "\n", mode=0o600):
        path = temp_dir() / "token"
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_off_loopback_a_token_is_needed(self):
        for role, flags in (("broadcaster", self.flags()),
                            ("orchestrator", ["-serviceAddr",
                                              f"127.0.0.1:{harness.free_port()}",
                                              "-orchSecret", "s"]),
                            ("transcoder", ["-orchAddr", "127.0.0.1:1", "-orchSecret", "s"])):
            for host in {"0.0.0.0", "[::]", own_address()} - {"127.0.0.1"}:
                done = run([BIN / role, *flags, "-datadir", temp_dir(), "-cliAddr",
                            f"{host}:{harness.free_port()}"])
                self.assertEqual(done.returncode, 1, f"{role} {host}: {done.stderr}")
                self.assertIn("-cliToken", done.stderr)
                self.assertEqual(done.stderr.count(" error "), 1, done.stderr)

    def test_files_that_have_no_token(self):
        for path in (temp_dir() / "nowhere", temp_dir(), self.token_file(""),
                     self.token_file("short\n"), self.token_file("\n" + TOKEN),
                     self.token_file("with a blank inside it\n"), self.token_file("x" * 300)):
            done = run([BIN / "broadcaster", *self.flags(), "-datadir", temp_dir(), "-cliAddr",
                        f"127.0.0.1:{harness.free_port()}", "-cliToken", path])
            self.assertEqual(done.returncode, 1, f"{path}: {done.stderr}")
            self.assertIn("-cliToken", done.stderr)
            self.assertNotIn("with a blank", done.stderr)

    def ask(self, port, path, host="127.0.0.1", method="GET", **headers):
        return harness.http_get(f"http://{host}:{port}{path}", method=method, headers=headers)

    def test_who_has_it_may_ask(self):
        port = harness.free_port()
        log = temp_dir() / "role.log"
        data = temp_dir()
        command = [BIN / "broadcaster", *self.flags(), "-datadir", data, "-runDir", data,
                   "-cliAddr", f"0.0.0.0:{port}", "-cliToken", self.token_file()]
        with harness.Process(command, log) as role:
            harness.wait_for(lambda: self.ask(port, "/healthz").status == 200, 10, "it runs")
            right = {"Authorization": f"Bearer {TOKEN}"}
            for host in ("127.0.0.1", own_address()):
                for path in ("/status", "/metrics", "/getLogLevel", "/nope"):
                    for wrong in ({}, {"Authorization": "Bearer " + TOKEN[:-1]},
                                  {"Authorization": f"Basic {TOKEN}"}):
                        answer = self.ask(port, path, host, **wrong)
                        self.assertEqual(answer.status, 401, f"{host} {path}")
                        self.assertEqual(answer.headers["www-authenticate"], "Bearer")
                        self.assertIn("-cliToken", answer.text)
                self.assertEqual(self.ask(port, "/status", host, **right).status, 200)
                self.assertEqual(self.ask(port, "/nope", host, **right).status, 404)
                self.assertEqual(self.ask(port, "/healthz", host).status, 200)
            named = self.ask(port, "/status", Host=f"control.example:{port}", **right)
            self.assertEqual(named.status, 200)
            metrics = self.ask(port, "/metrics", **right).text
            self.assertIn('sbe_control_refused_total{reason="no_token"} 16\n', metrics)
            self.assertIn('sbe_control_refused_total{reason="wrong_token"} 8\n', metrics)
            self.assertIn(" control refused ", role.log())
            self.assertNotIn(TOKEN, role.log())
            self.assertNotIn(TOKEN, metrics)
            self.assertEqual(role.stop(), 0)

    def test_a_file_that_others_can_read(self):
        data = temp_dir()
        port = harness.free_port()
        command = [BIN / "broadcaster", *self.flags(), "-datadir", data, "-runDir", data,
                   "-cliAddr", f"127.0.0.1:{port}", "-cliToken", self.token_file(mode=0o644)]
        with harness.Process(command, temp_dir() / "role.log") as role:
            role.wait_log("chmod 600")
            # With a token given, loopback wants it too.
            harness.wait_for(lambda: self.ask(port, "/status").status == 401, 10, "it runs")


def own_address():
    """An address of this host that is not loopback, or 127.0.0.1 when there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))  # sends nothing
            return s.getsockname()[0]
        except OSError:
            return "127.0.0.1"


if __name__ == "__main__":
    main()
