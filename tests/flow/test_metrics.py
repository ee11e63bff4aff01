"""What /metrics says: promtool finds nothing wrong with it, histograms add up, streams leave no
series behind, and the dashboard uses what there is."""
# usual time: 16 s
import json
import re
import shutil
import subprocess

import harness
from harness import BIN, ROOT, RUNG, Recipe, Role, TestCase, ffmpeg_publish, main, run, temp_dir

DASHBOARD = ROOT / "deploy" / "grafana" / "streaming-back-end.json"

# The field's own names, which its dashboards use; what promtool says of them is known.
FIELD_COMPLAINTS = {
    f'{name} non-counter metrics should not have "_total" suffix'
    for name in ("livepeer_current_sessions_total", "livepeer_max_sessions_total")
}


def promtool():
    """make deps-test puts it into build/tools; an installed one will do."""
    found = shutil.which("promtool") or ROOT / "build" / "tools" / "promtool"
    assert shutil.which(str(found)), "there is no promtool: run make deps-test"
    return found


def complaints(text):
    """What promtool says of a scrape, as a set of lines."""
    done = subprocess.run([promtool(), "check", "metrics"], input=text, capture_output=True,
                          text=True, timeout=60 * harness.TIME_SCALE)
    lines = set(filter(None, (done.stdout + done.stderr).splitlines()))
    assert (done.returncode == 0) == (not lines), (done.returncode, lines)
    return lines


def samples(text):
    """{(name, labels as a frozenset of pairs): value}"""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            m = re.fullmatch(r'(\w+)(?:\{(.*)\})? (\S+)', line)
            labels = frozenset(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', m[2] or ""))
            key = (m[1], labels)
            assert key not in found, f"{line} is there twice"
            found[key] = float(m[3])
    return found


def families(text):
    """{name: type}"""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def value(text, name, **labels):
    """The sum of the samples that have these labels."""
    return sum(v for (n, have), v in samples(text).items()
               if n == name and set(labels.items()) <= have)


class Scrapes(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(broadcaster_flags=["-reconnectGrace", "200ms", "-lingerMs", 200,
                                               "-name", 'a "quoted" name']).start()
        cls.publisher = ffmpeg_publish(cls.recipe.rtmp("hello_world"), size="160x120",
                                       bitrate="500k")
        cls.recipe.wait_playlist(f"/stream/hello_world/{RUNG}.m3u8", 3)
        cls.scrapes = {r.role: r.control("/metrics").text for r in cls.recipe.roles()}

    @classmethod
    def tearDownClass(cls):
        cls.publisher.kill()
        for role in cls.recipe.roles():
            role.kill()

    def test_promtool_finds_nothing_else(self):
        for role, text in self.scrapes.items():
            self.assertLessEqual(complaints(text), FIELD_COMPLAINTS, role)

    def test_promtool_would_find_faults(self):
        text = self.scrapes["transcoder"]
        self.assertNotEqual(complaints(text.replace("# HELP sbe_transcoder_load", "# HELPE x", 1)
                                       .replace("sbe_transcoder_load ", "sbe_transcoder_load{ ")),
                            set())

    def test_every_sample_has_a_family_with_help(self):
        for role, text in self.scrapes.items():
            types = families(text)
            for name, _ in samples(text):
                base = re.sub(r"_(bucket|sum|count)$", "", name)
                self.assertTrue(name in types or types.get(base) == "histogram", f"{role} {name}")
                help_of = name if name in types else base
                self.assertRegex(text, rf"(?m)^# HELP {help_of} \S.+\.$")

    def test_histograms_add_up(self):
        seen = 0
        for role, text in self.scrapes.items():
            found = samples(text)
            for name in (n for n, t in families(text).items() if t == "histogram"):
                for (n, labels), count in list(found.items()):
                    if n != f"{name}_count":
                        continue
                    buckets = sorted(
                        (float(dict(have)["le"]), v) for (b, have), v in found.items()
                        if b == f"{name}_bucket"
                        and frozenset(p for p in have if p[0] != "le") == labels)
                    self.assertEqual(buckets[-1], (float("inf"), count), f"{role} {name}")
                    values = [v for _, v in buckets]
                    self.assertEqual(values, sorted(values), f"{role} {name}")
                    total = found[(f"{name}_sum", labels)]
                    self.assertTrue(total >= 0 and (count > 0 or total == 0), f"{role} {name}")
                    seen += 1
        self.assertGreaterEqual(seen, 7)

    def test_the_recipe_in_numbers(self):
        b, o, t = (self.scrapes[r] for r in ("broadcaster", "orchestrator", "transcoder"))
        self.assertGreaterEqual(value(b, "livepeer_segment_source_appeared_total",
                                      profile="source"), 3)
        self.assertGreaterEqual(value(b, "livepeer_segment_transcoded_appeared_total",
                                      profile=RUNG), 3)
        self.assertGreaterEqual(value(b, "livepeer_transcode_latency_seconds_count",
                                      profile=RUNG), 3)
        lag = (value(b, "livepeer_transcode_latency_seconds_sum", profile=RUNG)
               / value(b, "livepeer_transcode_latency_seconds_count", profile=RUNG))
        self.assertTrue(0 < lag < 5 * harness.TIME_SCALE, lag)
        self.assertGreaterEqual(value(b, "sbe_segment_listed_delay_seconds_count"), 3)
        self.assertEqual(value(b, "livepeer_success_rate"), 1)
        self.assertEqual(value(b, "livepeer_segment_transcode_failed_total"), 0)
        self.assertEqual(value(b, "livepeer_current_sessions_total"), 1)
        self.assertEqual(value(b, "livepeer_max_sessions_total"), 10)
        self.assertEqual(value(b, "livepeer_stream_started_total"), 1)
        self.assertGreaterEqual(value(o, "sbe_orchestrator_queue_wait_seconds_count"), 3)
        self.assertGreaterEqual(value(o, "livepeer_transcode_time_seconds_count"), 3)
        self.assertEqual(value(o, "livepeer_transcoders_number"), 1)
        for name in ("livepeer_transcode_time_seconds", "sbe_transcoder_finish_seconds",
                     "sbe_transcoder_segment_cpu_seconds"):
            self.assertGreaterEqual(value(t, f"{name}_count"), 3, name)
        self.assertGreater(value(t, "sbe_transcoder_segment_cpu_seconds_sum"), 0)

    def test_who_says_it(self):
        kinds = {"broadcaster": "bctr", "orchestrator": "orch", "transcoder": "trcr"}
        for role in self.recipe.roles():
            text = self.scrapes[role.role]
            name = role.status()["name"].replace('"', '\\"')
            field = [(n, dict(have)) for n, have in samples(text) if n.startswith("livepeer_")]
            self.assertGreater(len(field), 3)
            for n, labels in field:
                self.assertEqual(labels.get("node_type"), kinds[role.role], n)
                self.assertEqual(labels.get("node_id"), name, n)

    def test_the_process(self):
        for role in self.recipe.roles():
            text = role.control("/metrics").text
            self.assertGreater(value(text, "process_cpu_seconds_total"), 0)
            status = (harness.Path("/proc") / str(role.pid) / "status").read_text()
            resident = int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024
            self.assertAlmostEqual(value(text, "process_resident_memory_bytes") / resident, 1,
                                   delta=0.3)
            fds = len(list((harness.Path("/proc") / str(role.pid) / "fd").iterdir()))
            self.assertAlmostEqual(value(text, "process_open_fds"), fds, delta=5)
            self.assertGreater(value(text, "process_max_fds"), 10)
            started = value(text, "process_start_time_seconds")
            uptime = value(text, "sbe_uptime_seconds")
            self.assertAlmostEqual(started + uptime, harness.time.time(), delta=5)

    def test_the_dashboard_uses_what_there_is(self):
        board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
        there = {n for text in self.scrapes.values() for n, _ in samples(text)}
        used, ids, places = set(), [], []
        for panel in board["panels"]:
            ids.append(panel["id"])
            places.append((panel["gridPos"]["x"], panel["gridPos"]["y"]))
            for target in panel.get("targets", ()):
                expression = target["expr"]
                found = set(re.findall(r"\b(?:livepeer|sbe|process)_\w+", expression))
                self.assertTrue(found, expression)
                self.assertEqual(expression.count("("), expression.count(")"), expression)
                used |= found
        self.assertGreater(len(used), 15)
        self.assertEqual(used - there, set())
        self.assertEqual(len(ids), len(set(ids)))
        self.assertEqual(len(places), len(set(places)))


class Series(TestCase):
    def stream_series(self, text):
        return {n for n, labels in samples(text) if "stream" in dict(labels)}

    def test_streams_have_series_only_when_asked_for_and_leave_none(self):
        for asked in (False, True):
            flags = ["-reconnectGrace", "100ms", "-lingerMs", 100]
            recipe = Recipe(order="B", broadcaster_flags=flags
                            + (["-metricsPerStream"] if asked else []))
            with recipe as r:
                scrape = lambda: r.broadcaster.control("/metrics").text
                with ffmpeg_publish(r.rtmp("hello_world"), size="160x120", bitrate="500k"):
                    r.wait_playlist("/stream/hello_world/source.m3u8", 1)
                    text = scrape()
                    self.assertEqual("hello_world" in text, asked)
                    self.assertEqual(bool(self.stream_series(text)), asked)
                    mended = 'sbe_stream_repairs_total{stream="hello_world",kind="jump"} 0'
                    self.assertEqual(mended in text, asked)
                    self.assertLessEqual(complaints(text), FIELD_COMPLAINTS)
                harness.wait_for(lambda: value(scrape(), "livepeer_stream_ended_total") == 1, 10,
                                 "the stream has gone")
                text = scrape()
                self.assertNotIn("hello_world", text)
                # What was counted stays.
                self.assertGreaterEqual(value(text, "livepeer_segment_source_appeared_total"), 1)
                self.assertEqual(value(text, "livepeer_current_sessions_total"), 0)

    def test_failures_are_counted_by_what_they_were(self):
        flags = ["-rungDeadlineMs", 500]
        with Recipe(order="OB", broadcaster_flags=flags) as r:
            with ffmpeg_publish(r.rtmp("hello_world"), size="160x120", bitrate="500k"):
                def failed():
                    text = r.broadcaster.control("/metrics").text
                    return (value(text, "livepeer_segment_transcode_failed_total",
                                  error_code="LostSegment") > 0
                            and value(text, "livepeer_success_rate") == 0)

                harness.wait_for(failed, 15, "a segment is given up, because nobody transcodes")

    def test_another_prefix(self):
        address = ["-rtmpAddr", f"127.0.0.1:{harness.free_port()}",
                   "-httpAddr", f"127.0.0.1:{harness.free_port()}"]
        with Role("broadcaster", [*address, "-metricsPrefix", "video_"]) as role:
            text = role.control("/metrics").text
            self.assertIn("video_current_sessions_total{", text)
            self.assertNotIn("livepeer_", text)
            self.assertIn("sbe_build_info{", text)
        for bad in ("9x", "a-b", "a b", "x" * 100):
            done = run([BIN / "broadcaster", *address, "-datadir", temp_dir(), "-cliAddr",
                        f"127.0.0.1:{harness.free_port()}", "-metricsPrefix", bad])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("-metricsPrefix", done.stderr)


if __name__ == "__main__":
    main()
