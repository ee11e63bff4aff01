"""-config, -printConfig and -sampleConfig of the real programs: the recipe from the sample files,
flags that win, what is printed, and the words and exit statuses for files that are wrong."""
# usual time: 12 s
import os
import re

import harness
from harness import BIN, ROOT, RUNG, Process, ffmpeg_publish, free_port, run, temp_dir

ROLES = ("orchestrator", "transcoder", "broadcaster")
LINE = re.compile(r"^(#?)(\w+): (.*?) +# (default|flag|\S+:\d+)(?:; (.+))?$")


def forms_of(role):
    """The two ways to start a role."""
    return [[BIN / role], [BIN / "livepeer", f"-{role}"]]


def write(text, mode=0o600):
    path = temp_dir() / "file.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.chmod(path, mode)
    return path


def sample(role):
    return (ROOT / "deploy/config" / f"{role}.yaml").read_text(encoding="utf-8")


def with_values(text, **values):
    """A sample with these lines in earnest."""
    for key, value in values.items():
        text, n = re.subn(rf"^#?{key}: .*$", f"{key}: {value}", text, flags=re.M)
        assert n == 1, f"{key} stands {n} times in the sample"
    return text


def printed(text):
    """What -printConfig wrote: {flag: (value, origin, remark)}; a commented line's value is None."""
    found = {}
    for line in text.splitlines():
        if not line or line.startswith("# "):
            continue
        m = LINE.match(line)
        assert m, f"not a line of -printConfig: {line!r}"
        hidden, name, value, origin, remark = m.groups()
        found[name] = (None if hidden else value, origin, remark)
    return found


class Samples(harness.TestCase):
    def test_the_committed_files_are_those_generated(self):
        for role in ROLES:
            for command in forms_of(role):
                done = run([*command, "-sampleConfig"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(done.stdout, sample(role),
                                 f"deploy/config/{role}.yaml is old: run `make samples`")

    def test_each_holds_every_flag_and_can_be_read(self):
        for role in ROLES:
            usage = run([BIN / role, "-help"]).stdout
            path = write(re.sub(r"^#(?=\w+:)", "", sample(role), flags=re.M))
            done = run([BIN / role, "-config", path, "-printConfig"])
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            flags = printed(done.stdout)
            for name in flags:
                self.assertIn(f"  -{name}", usage)
                self.assertEqual(flags[name][1].rsplit(":", 1)[0], str(path), name)
            for name in ("v", "cliAddr", "datadir", "orchSecret", "maxSessions"):
                self.assertIn(name, flags)
            commands = set(re.findall(r"^  -(\w+)", usage, re.M)) - set(flags)
            self.assertLessEqual({"help", "version", "config", "printConfig", "sampleConfig"},
                                 commands)

    def test_the_recipe_from_the_sample_files(self):
        data, service = temp_dir(), free_port()
        cli = {role: free_port() for role in ROLES}
        rtmp, http = free_port(), free_port()
        own = {
            "orchestrator": {"serviceAddr": f"127.0.0.1:{service}", "orchSecret": "'s3cret: # x'"},
            "transcoder": {"orchAddr": f"127.0.0.1:{service}", "orchSecret": "\"s3cret: # x\""},
            "broadcaster": {"orchAddr": f"[127.0.0.1:{service}]", "rtmpAddr": f"127.0.0.1:{rtmp}",
                            "httpAddr": f"127.0.0.1:{http}"},
        }
        processes = []
        try:
            for role, command in zip(ROLES, (forms_of(r)[i % 2] for i, r in enumerate(ROLES))):
                text = with_values(sample(role), **own[role], cliAddr=f"127.0.0.1:{cli[role]}",
                                   datadir=data, runDir=data, v=99)
                processes.append(Process([*command, "-config", write(text)],
                                         temp_dir() / f"{role}.log"))
            with ffmpeg_publish(f"rtmp://127.0.0.1:{rtmp}/hello_world", size="160x120",
                                bitrate="500k"):
                url = f"http://127.0.0.1:{http}/stream/hello_world/{RUNG}.m3u8"
                harness.wait_for(lambda: harness.http_get(url).status == 200, 20, url)
                master = harness.http_get(f"http://127.0.0.1:{http}/stream/current.m3u8")
                self.assertEqual([u.rsplit("/", 1)[-1] for _, u in harness.variants(master.text)],
                                 ["source.m3u8", f"{RUNG}.m3u8"])
            for role in ROLES:
                answer = harness.http_get(f"http://127.0.0.1:{cli[role]}/healthz")
                self.assertEqual(answer.status, 200, role)
            for process in reversed(processes):
                self.assertEqual(process.stop(), 0, process.tail())
                self.assertNotIn("s3cret", process.log())
        except BaseException:
            for process in processes:
                print(process.tail())
            raise
        finally:
            for process in processes:
                process.kill()


class Printed(harness.TestCase):
    def test_values_and_where_they_came_from(self):
        path = write("# ours\nv: 1\norchSecret: hush\nmaxSessions: 7\n")
        for role in ROLES:
            for command in forms_of(role):
                done = run([*command, "-v", "2", "-config", path, "-printConfig", "-name=x y"])
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertNotIn("hush", done.stdout)
                found = printed(done.stdout)
                self.assertEqual(found["v"], ("2", "flag", None))
                self.assertEqual(found["name"], ('"x y"', "flag", None))
                self.assertEqual(found["maxSessions"], ("7", f"{path}:4", None))
                self.assertEqual(found["network"], ("offchain", "default", None))
                self.assertEqual(found["orchSecret"], (None, f"{path}:3", "a secret is not shown"))
                self.assertIn('#orchSecret: "***" ', done.stdout)

    def test_what_is_printed_is_a_file(self):
        first = write("transcodingOptions:\n- P144p30fps16x9\n- P240p30fps16x9\n"
                      "currentManifest: true\nreconnectGrace: 0\nname: \"Z\\u00fcrich \\\"1\\\"\"\n")
        done = run([BIN / "broadcaster", "-config", first, "-lingerMs=5", "-printConfig"])
        again = write(done.stdout)
        back = run([BIN / "broadcaster", "-config", again, "-printConfig"])
        self.assertEqual((back.returncode, back.stderr), (0, ""))
        one, two = printed(done.stdout), printed(back.stdout)
        self.assertEqual({k: v[0] for k, v in one.items()}, {k: v[0] for k, v in two.items()})
        self.assertEqual(one["transcodingOptions"][0], "P144p30fps16x9,P240p30fps16x9")
        self.assertEqual(one["name"][0], '"Zürich \\"1\\""')
        self.assertEqual(two["lingerMs"][:2], ("5", two["lingerMs"][1]))
        self.assertRegex(two["lingerMs"][1], rf"^{re.escape(str(again))}:\d+$")

    def test_without_a_file(self):
        for role in ROLES:
            done = run([BIN / role, "-printConfig"])
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual({v[1] for v in printed(done.stdout).values()}, {"default"})

    def test_help_and_version_need_no_good_file(self):
        for flag in ("-help", "-version", "-sampleConfig"):
            done = run([BIN / "broadcaster", "-config", "/no/such/file", flag])
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = harness.subprocess.run([BIN / "broadcaster", "-printConfig"], stdout=full,
                                          stderr=harness.subprocess.PIPE, timeout=30)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"printed", done.stderr)

    def test_the_environment_is_no_source(self):
        env = dict(os.environ, v="7", V="7", LP_V="7", LP_MAXSESSIONS="3", CONFIG="/no/such/file")
        done = run([BIN / "broadcaster", "-printConfig"], env=env)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual({v[1] for v in printed(done.stdout).values()}, {"default"})


class Wrong(harness.TestCase):
    def assert_refused(self, role, text, line, *words):
        path = write(text)
        where = f"{role}: {path}:{line}: " if line else f"{role}: {path}: "
        own, common = forms_of(role)
        for command in (own, [*common, "-printConfig"], [*own, "-v", "3"]):
            done = run([*command, "-config", path])
            self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertEqual(done.stderr[:len(where)], where)
            for word in words:
                self.assertIn(word, done.stderr)

    def test_one_line_with_file_line_key_and_a_sentence(self):
        self.assert_refused("broadcaster", "v: 3\nhttpAdr: x\n", 2, "httpAdr: ", "httpAddr?")
        self.assert_refused("broadcaster", "v: 3\nname: x\nv: 4\n", 3, "v: ", "line 1")
        self.assert_refused("transcoder", "maxSessions: many\n", 1, "maxSessions: ", "many")
        self.assert_refused("orchestrator", "heartbeatMs: 5\n", 1, "heartbeatMs: ", "10 to 60000")
        self.assert_refused("orchestrator", "v: '3'\n", 1, "v: ", "quotes")
        self.assert_refused("broadcaster", "currentManifest: yes\n", 1, "true or false")
        self.assert_refused("orchestrator", "cliAddr: &a x\nname: *a\n", 1, "cliAddr: ", "anchors")
        self.assert_refused("transcoder", "orchAddr:\n- - a\n", 2, "orchAddr: ", "names only")
        self.assert_refused("broadcaster", "v: 3\n\tname: x\n", 2, "tab")
        self.assert_refused("broadcaster", "v: 3\n---\nv: 4\n", 2, "second document")
        self.assert_refused("broadcaster", b"v: 3\nname: \xff\n", 2, "UTF-8")
        self.assert_refused("broadcaster", "#" * 65537, 0, "64 KiB")
        self.assert_refused("broadcaster", "rungs: " + "[" * 20000, 1, "rungs: ", "no flag")
        self.assert_refused("broadcaster", "config: other.yaml\n", 1, "config: ", "command line")
        self.assert_refused("broadcaster", "orchSecret: '***'\n", 1, "orchSecret: ", "not shown")

    def test_the_role_is_chosen_on_the_command_line(self):
        self.assert_refused("transcoder", "transcoder: true\n", 1, "transcoder: ", "no flag")
        done = run([BIN / "livepeer", "-config", write("broadcaster: true\n")])
        self.assertEqual(done.returncode, 2)

    def test_a_bad_file_is_refused_though_a_flag_would_win(self):
        done = run([BIN / "broadcaster", "-config", write("v: x\n"), "-v", "3"])
        self.assertEqual(done.returncode, 1)

    def test_files_that_cannot_be_read(self):
        for path in ("/no/such/file", temp_dir(), ""):
            done = run([BIN / "broadcaster", "-config", path])
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn("-config", done.stderr)
        self.assertEqual(run([BIN / "broadcaster", "-config"]).returncode, 2)

    def test_what_only_the_role_can_judge_says_where_to_look(self):
        path = write(f"cliAddr: 127.0.0.1:{free_port()}\ndatadir: {temp_dir()}\n"
                     "httpAddr: 127.0.0.1:x\n")
        done = run([BIN / "broadcaster", "-config", path])
        self.assertEqual(done.returncode, 1)
        self.assertIn('-httpAddr "127.0.0.1:x" is not host:port', done.stderr)
        self.assertIn(str(path), done.stderr)
        self.assertIn("-printConfig", done.stderr)


class Secrets(harness.TestCase):
    def warned(self, text, mode):
        path = write(text, mode)
        done = run([BIN / "orchestrator", "-config", path, "-printConfig"])
        self.assertEqual(done.returncode, 0)
        self.assertNotIn("hush", done.stdout + done.stderr)
        if done.stderr:
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertIn(f"{path}:1: orchSecret: ", done.stderr)
            self.assertIn("chmod 600", done.stderr)
        return done.stderr != ""

    def test_a_file_that_others_can_read(self):
        self.assertTrue(self.warned("orchSecret: hush\n", 0o644))
        self.assertTrue(self.warned("orchSecret: hush\n", 0o640))
        self.assertFalse(self.warned("orchSecret: hush\n", 0o600))
        self.assertFalse(self.warned("v: 3\n", 0o644))
        # The name of a file with a secret is none.
        self.assertFalse(self.warned(f"orchSecret: {write('hush')}\n", 0o644))


if __name__ == "__main__":
    harness.main()
