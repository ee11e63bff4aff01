"""bin/watch -judge: finds each fault that is put into sound HLS, by its name, and nothing else, and
none in sound HLS. (test_live.py has it judge this project's own ladders.)"""
# time limit: 180 s
# usual time: 20 s
import concurrent.futures
import itertools
import json
import re
import time

import harness
from harness import BIN, TestCase, run
from hls_world import FAR_PARTS, PARTS, WINDOW, World

AT_ONCE = 16  # judges that run side by side
HELD_MAX_S = 4  # of a reload: three target durations, and slack
TRIES = 3  # one behind the other: where the machine was too busy for so many to keep their times


def judge(url, seconds=3, *flags):
    done = run([BIN / "watch", "-judge", "-json", "-seconds", seconds, *flags, url], timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done, [x for x in lines if x["kind"] == "finding"], lines


def names(findings, severity):
    return {f["rule"] for f in findings if f["severity"] == severity}


# --- faults -------------------------------------------------------------------------------------

def swap(a, b, only=None, times=1):
    """A playlist with a turned into b; only: of the playlist of that name."""
    def change(text, ctx):
        if only is not None and ctx.path != f"{only}.m3u8":
            return text
        return text.replace(a, b, times)
    return change


def in_master(a, b):
    def change(text):
        assert a in text, text
        return text.replace(a, b, 1)
    return change


def late(change, after=0.8):
    return lambda text, ctx: change(text, ctx) if ctx.elapsed > after else text


def parts_of_whole_segments_gone(text, ctx):
    head, _, tail = text.rpartition("#EXTINF")
    return re.sub(r"#EXT-X-PART:[^\n]*\n", "", head) + "#EXTINF" + tail


def on(path, change, nth=1):
    """Changes the answer for a path from its nth plain GET on."""
    def answer(reply, ctx):
        if re.fullmatch(path, ctx.path) and ctx.hits >= nth and reply.status == 200:
            change(reply)
    return answer


def header(name, value):
    return lambda reply: reply.headers.__setitem__(name, value)


def absent(reply):
    reply.status, reply.body = 404, b""
    reply.headers.pop("Cache-Control", None)


def null_packets(reply):
    reply.body += b"\x47\x1f\xff\x10" + b"\xff" * 184


def spoil_pictures(reply):
    body, n = bytearray(reply.body), 0
    for at in range(0, len(body), 188):
        pid = (body[at + 1] & 0x1f) << 8 | body[at + 2]
        if pid == 0x100 and not body[at + 1] & 0x40 and not body[at + 3] & 0x20:
            n += 1
            if 10 < n < 60:
                body[at + 4:at + 188] = bytes((i * 37 + n) & 0xff | 1 for i in range(184))
    reply.body = bytes(body)


def jump_counter(reply):
    body = bytearray(reply.body)
    for at in range(0, len(body), 188):
        if (body[at + 1] & 0x1f) << 8 | body[at + 2] == 0x11:  # the service's name
            body[at + 1] |= 0x01
            body[at + 2] = 0xf0
    first = body[:188]
    other = bytearray(first)
    first[1:4], other[1:4] = b"\x10\x33\x11", b"\x10\x33\x15"
    reply.body = bytes(body + first + other)


def zeros(reply):
    reply.body = bytes(188 * 20)


def free_box(reply):
    reply.body += b"\0\0\0\x08free"


def first_line(pattern, change):
    """The first line that fits, or each when change gives None for no more."""
    def edit(text, ctx):
        lines = text.split("\n")
        for i, line in enumerate(lines):
            if re.search(pattern, line):
                lines[i] = change(line)
                return "\n".join(line for line in lines if line is not None)
        return text
    return edit


def part_seconds(scale):
    def edit(text, ctx):
        return re.sub(r'DURATION=([\d.]+),URI="v/8.1.m4s"',
                      lambda m: f'DURATION={float(m[1]) * scale:.5f},URI="v/8.1.m4s"', text)
    return edit


def early(text, ctx):
    """Answers a blocked reload with what was there before."""
    if "_HLS_part" not in ctx.query or ctx.path != "v.m3u8" or ctx.hits % 2:
        return text
    asked = int(ctx.query["_HLS_msn"]) * PARTS + int(ctx.query["_HLS_part"])
    return ctx.world.low_latency_text(ctx.case, "v", asked, False)


def back_in_number(text, ctx):
    return ctx.world.live("a", 0) if ctx.elapsed > 2.3 else text


def frozen(text, ctx):
    ctx.case.text = getattr(ctx.case, "text", text)
    return ctx.case.text


def short_window(text, ctx):
    """Two segments, from the second second on."""
    return ctx.world.live("a", ctx.elapsed, left_out=WINDOW - 2) if ctx.elapsed > 1.2 else text


def without_sequence(text, ctx):
    return re.sub(r"#EXT-X-DISCONTINUITY-SEQUENCE:\d+\n", "", text)


def gone(reply, ctx):
    number = re.match(r"a/(\d+)\.ts", ctx.path)
    if number and int(number[1]) < ctx.world.first_live(ctx.elapsed):
        absent(reply)


def delta_with_other_segment(text, ctx):
    if "SKIPPED" in text:
        lines = text.split("\n")
        at = next(i for i, line in enumerate(lines) if line.startswith("#EXTINF"))
        lines[at + 1] += "?other"
        return "\n".join(lines)
    return text


def skips_too_much(text, ctx):
    if "SKIPPED" not in text:
        return text
    head, _, rest = text.partition("SKIPPED-SEGMENTS=1\n")
    blocks = re.split(r"(?<=\.m4s\n)(?=#EXT-X-PROGRAM)", rest)
    return head + "SKIPPED-SEGMENTS=3\n" + "".join(blocks[2:])


def other_hint(text, ctx):
    return re.sub(r'HINT:TYPE=PART,URI="v/[^"]+"',
                  f'HINT:TYPE=PART,URI="v/{ctx.hits % 5}.0.m4s"', text)


def status_of_far(reply, ctx):
    if reply.status == 400 and "_HLS_msn" in ctx.query:
        reply.status = 404


def far_parts_wait(reply, ctx):
    if reply.status == 400 and int(ctx.query.get("_HLS_part", 0)) > FAR_PARTS:
        reply.status = 503


def held_for_long(reply, ctx):
    """Once, what only a player asks for."""
    reload = ctx.path == "v.m3u8" and {"_HLS_part", "_HLS_skip"} <= ctx.query.keys()
    if reload and not hasattr(ctx.case, "held"):
        ctx.case.held = True
        time.sleep(HELD_MAX_S + 0.3)


def part_alone(reply, ctx):
    if "_HLS_part" in ctx.query and "_HLS_msn" not in ctx.query:
        text = ctx.world.low_latency_text(ctx.case, ctx.path[0], ctx.made, False)
        ctx.world.text(reply, text, "max-age=0")


def no_head(reply, ctx):
    if ctx.command == "HEAD":
        reply.status, reply.body = 405, b""


def old_parts(text, ctx):
    """Parts of a segment that is far from the end."""
    name, number = ctx.path[0], WINDOW // 2
    at = re.search(rf"#EXTINF:[^\n]*\n{name}/{number}\.m4s", text)
    if not at:
        return text
    parts = ctx.world.track(ctx.case, name).parts[number * PARTS:][:PARTS]
    return text[:at.start()] + "".join(
        f'#EXT-X-PART:DURATION={part[1]:.5f},URI="{name}/{number}.{i}.m4s"'
        f'{",INDEPENDENT=YES" if i == 0 or name == "s" else ""}\n'
        for i, part in enumerate(parts)) + text[at.start():]


def ends_and_goes_on(text, ctx):
    return text + "#EXT-X-ENDLIST\n" if ctx.hits == 3 else text


def refuse_blocked(reply, ctx):
    if "_HLS_msn" in ctx.query and reply.status == 200:
        reply.status, reply.body = 500, b"no"


def hint_absent(reply, ctx):
    found = re.match(r"v/(\d+)\.(\d)\.m4s", ctx.path)
    if found and int(found[1]) * PARTS + int(found[2]) >= ctx.made:
        absent(reply)


def other_part(reply, ctx):
    """The third part of each segment is the second once more."""
    found = re.match(r"v/(\d+)\.2\.m4s", ctx.path)
    if found:
        reply.body = ctx.world.tracks["v"].parts[int(found[1]) * PARTS + 1][0]


DATES = [f"#EXT-X-PROGRAM-DATE-TIME:2026-01-31T12:00:0{i}.000Z\n" for i in range(9)]


def dated(shift=0, second=0, only=("a", "b"), shifted=("b",)):
    """Dates on the first two segments; of the playlists in shifted, later by shift and second."""
    def edit(text, ctx):
        name = ctx.path[0]
        if name not in only:
            return text
        off = shift if name in shifted else 0
        more = second if name in shifted else 0
        blocks = text.split("#EXTINF")
        blocks[0] += DATES[off]
        blocks[1] += DATES[1 + off + more]
        return "#EXTINF".join(blocks)
    return edit


ERRORS = [
    ("playlist-syntax", "ts", {"playlist": swap("#EXTM3U", "#EXTM3")}),
    ("version-too-low", "ts", {"playlist": swap("VERSION:7", "VERSION:2", "a")}),
    ("target-duration-missing", "ts",
     {"playlist": swap("#EXT-X-TARGETDURATION:1\n", "", "a")}, "single"),
    ("extinf-over-target", "ts", {"playlist": swap("DURATION:1", "DURATION:0")}),
    ("uri", "ts", {"playlist": swap("a/4.ts", "ftp://host/4.ts", "a")}),
    ("hls-query-leaked", "ts", {"playlist": swap("a/4.ts", "a/4.ts?_HLS_msn=4", "a")}),
    ("content-type", "ts", {"answer": on("a.m3u8", header("Content-Type", "text/plain"))}),
    ("segment-unreachable", "ts", {"answer": on(r"a/3\.ts", absent)}),
    ("segment-changed-bytes", "ts", {"answer": on(r"a/1\.ts", null_packets, nth=2)}),
    ("segment-unreadable", "ts", {"answer": on(r"b/4\.ts", zeros)}),
    ("decode-error", "ts", {"answer": on(r"a/2\.ts", spoil_pictures)}),
    ("ts-form", "ts", {"answer": on(r"a/2\.ts", jump_counter)}),
    ("frames-lost", "ts", {"media": {"a": "holes"}}),
    ("extinf-wrong", "ts", {"playlist": swap("1.00000,\na/2", "1.30000,\na/2")}),
    ("timestamps-not-rising", "ts", {"playlist": swap("a/4.ts", "a/3.ts", "a")}),
    ("timestamp-gap-at-join", "ts",
     {"playlist": lambda t, c: re.sub(r"#EXTINF:1.00000,\n./2.ts\n", "", t)}),
    ("tracks-changed", "ts", {"playlist": swap("a/4.ts", "b/4.ts", "a")}),
    ("independent-claim-false", "ts", {"media": {"a": "long_gop"}}),
    ("bandwidth-exceeded", "ts", {"master": in_master(":BANDWIDTH=", ":BANDWIDTH=1,X=")}),
    ("bandwidth-missing", "ts", {"master": in_master(":BANDWIDTH=", ":X=")}),
    ("codecs-wrong", "ts", {"master": in_master("avc1.42c00a", "avc1.640028")}),
    ("resolution-wrong", "ts", {"master": in_master("160x90", "320x180")}),
    ("frame-rate-wrong", "ts", {"master": in_master("24.000", "30.000")}),
    ("captions-differ", "ts", {"master": in_master(",CLOSED-CAPTIONS=NONE\nb", "\nb")}),
    ("rendition-group", "ts", {"master": in_master("CLOSED", 'AUDIO="none",CLOSED')}),
    ("variants-not-aligned", "ts", {"media": {"b": "late"}}),
    ("variants-target-differs", "ts", {"playlist": swap("DURATION:1", "DURATION:2", "b")}),
    ("variants-discontinuities-differ", "ts",
     {"playlist": swap("#EXTINF:1.00000,\nb/2", "#EXT-X-DISCONTINUITY\n#EXTINF:1.00000,\nb/2",
                       "b")}),
    ("pdt-differs", "ts", {"playlist": dated(shift=2)}),
    ("pdt-drift", "ts", {"playlist": dated(second=1, only=("b",))}, "single b"),
    ("map-missing", "fmp4", {"playlist": swap('#EXT-X-MAP:URI="v/init.mp4"\n', "", "v")}),
    ("map-same-uri-new-bytes", "fmp4", {"answer": on("v/init.mp4", free_box, nth=2)}),
    ("audio-video-apart", "fmp4", {"media": {"s": "s_late"}}),
    ("target-duration-changed", "live", {"playlist": late(swap("DURATION:1", "DURATION:2"))}),
    ("media-sequence-went-back", "live", {"playlist": back_in_number}, "long"),
    ("discontinuity-sequence", "live", {"playlist": without_sequence}, "long"),
    ("segment-removed-too-early", "live", {"playlist": short_window}),
    ("segment-gone-too-early", "live", {"answer": gone}),
    ("playlist-stale", "live", {"playlist": frozen}, "long"),
    ("part-too-long", "ll", {"playlist": part_seconds(1.1)}),
    ("part-too-short", "ll", {"playlist": part_seconds(0.82)}),
    ("part-target-missing", "ll",
     {"playlist": first_line("PART-INF", lambda line: None)}, "single"),
    ("part-target-changed", "ll", {"playlist": late(lambda t, c: re.sub(
        r"PART-TARGET=[\d.]+", "PART-TARGET=0.26", t))}),
    ("part-hold-back-missing", "ll", {"playlist": lambda t, c: re.sub(
        r",PART-HOLD-BACK=[\d.]+", "", t)}),
    ("part-hold-back-too-small", "ll", {"playlist": lambda t, c: re.sub(
        r"PART-HOLD-BACK=[\d.]+", "PART-HOLD-BACK=0.4", t)}),
    ("hold-back-too-small", "ll", {"playlist": swap("CAN-SKIP", "HOLD-BACK=2.5,CAN-SKIP")}),
    ("can-skip-until-too-small", "ll", {"playlist": swap("UNTIL=6.0", "UNTIL=5.0")}),
    ("can-block-reload-missing", "ll", {"playlist": swap("CAN-BLOCK-RELOAD=YES,", "")}),
    ("preload-hint-missing", "ll", {"playlist": first_line("PRELOAD-HINT", lambda line: None)}),
    ("preload-hint-not-held", "ll", {"answer": hint_absent}, "long"),
    ("rendition-report-missing", "ll", {"playlist": first_line("REPORT", lambda line: None)}),
    ("rendition-report-wrong", "ll", {"playlist": lambda t, c: re.sub(
        r"LAST-MSN=\d+", "LAST-MSN=99", t)}),
    ("blocking-reload-answers-early", "ll", {"playlist": early}),
    ("blocking-reload-refused", "ll", {"answer": refuse_blocked}),
    ("far-ahead-not-400", "ll", {"answer": status_of_far}),
    ("skip-window", "ll", {"playlist": skips_too_much}),
    ("delta-differs", "ll", {"playlist": delta_with_other_segment}),
    ("segment-rewritten", "ll", {"playlist": late(lambda t, c: re.sub(
        r"#EXTINF:(\d\.\d\d)\d*", r"#EXTINF:\g<1>1", t), after=2.5)}, "long"),
    ("segment-vanished", "ll", {"playlist": late(parts_of_whole_segments_gone)}),
    ("parts-differ-from-segment", "ll", {"answer": other_part}),
    ("parts-differ-from-extinf", "ll", {"playlist": lambda t, c: re.sub(
        r'DURATION=([\d.]+),URI="v', lambda m: f'DURATION={float(m[1]) * 0.92:.5f},URI="v', t)}),
    ("blocking-reload-held-too-long", "ll", {"answer": held_for_long}, "single long"),
    ("far-ahead-not-400", "ll", {"answer": far_parts_wait}),
    ("endlist-taken-back", "live", {"playlist": ends_and_goes_on}),
    ("playlist-unreachable", "ts", {"answer": on("b.m3u8", absent)}),
    ("video-range-missing", "ts", {"media": {"a": "hdr"}}),
]

WARNINGS = [
    ("average-bandwidth-missing", "ts", {"master": in_master("AVERAGE-BANDWIDTH", "X")}),
    ("codecs-missing", "ts", {"master": in_master("CODECS", "X")}),
    ("resolution-missing", "ts", {"master": in_master("RESOLUTION", "X")}),
    ("frame-rate-missing", "ts", {"master": in_master("FRAME-RATE", "X")}),
    ("captions-not-told", "ts", {"master": lambda text: text.replace("CLOSED-CAPTIONS", "X")}),
    ("cors-missing", "ts", {"answer": lambda r, c: r.headers.pop(
        "Access-Control-Allow-Origin", None)}),
    ("cache-control", "ts", {"answer": on(r"a/\d\.ts", header("Cache-Control", "no-cache"))}),
    ("gzip-missing", "ll", {"answer": on("v.m3u8", header("X-Plain", "1"))}),
    ("range-refused", "ts", {"answer": on(r"a/\d\.ts", header("X-Whole", "1"))}),
    ("gap", "ts", {"playlist": swap("a/4.ts", "#EXT-X-GAP\na/4.ts")}),
    ("program-date-time-missing", "ll", {"playlist": lambda t, c: re.sub(
        r"#EXT-X-PROGRAM[^\n]*\n", "", t)}),
    ("part-hold-back-tight", "ll", {"playlist": lambda t, c: re.sub(
        r"PART-HOLD-BACK=[\d.]+", "PART-HOLD-BACK=0.6", t)}),
    ("preload-hint-broken", "ll", {"playlist": other_hint}),
    ("independent-not-told", "ll", {"playlist": swap(",INDEPENDENT=YES", "", times=99)}),
    ("average-bandwidth-exceeded", "ts", {"master": in_master("AVERAGE-BANDWIDTH=",
                                                              "AVERAGE-BANDWIDTH=1,X=")}),
    ("bandwidth-too-high", "ts", {"master": in_master(":BANDWIDTH=", ":BANDWIDTH=1")}),
    ("etag-missing", "ts", {"answer": lambda r, c: r.headers.update({"ETag": None})}),
    ("head-refused", "ts", {"answer": no_head}),
    ("parts-too-old", "ll", {"playlist": old_parts}),
    ("part-without-msn-not-400", "ll", {"answer": part_alone}),
    ("playlist-late", "live", {"playlist": lambda t, c: frozen(t, c) if c.elapsed < 2.9 else t},
     "long"),
]


class Faults(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.count = itertools.count()

    @classmethod
    def tearDownClass(cls):
        cls.world.__exit__()

    def look(self, case):
        rule, kind, faults, *more = case
        how = more[0] if more else ""
        url = self.world.case(f"{rule}-{next(self.count)}", kind, single="single" in how, **faults)
        if how == "single b":
            url = url.replace("/a.m3u8", "/b.m3u8")
        seconds = 5 if "long" in how else 3 if kind in ("live", "ll") else 2
        return case, judge(url, seconds)

    def look_again(self, case, fits, seen):
        for _ in range(TRIES):
            if fits(seen[1]):
                break
            _, seen = self.look(case)
        return seen

    def look_at_all(self, cases):
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(self.look, sorted(cases, key=lambda c: c[1] not in ("live", "ll")))

    def test_sound_streams_have_no_finding(self):
        sound = [(kind, kind, {}) for kind in ("ts", "fmp4", "live", "ll")]
        for case, seen in list(self.look_at_all(sound)):
            kind = case[0]
            with self.subTest(kind):
                done, findings, lines = self.look_again(case, lambda found: found == [], seen)
                self.assertEqual(findings, [])
                self.assertEqual(done.returncode, 0, done.stderr)
                if kind == "ll":
                    lists = [x for x in lines if x["kind"] == "playlist"]
                    for x in lists:
                        self.assertGreater(x["parts"], 6)
                        self.assertLess(x["latency_p50_ms"], 1500)
                        self.assertLessEqual(x["latency_p50_ms"], x["latency_p95_ms"])

    def test_each_fault_is_found_by_its_name(self):
        for case, seen in list(self.look_at_all(ERRORS + WARNINGS)):
            rule, error = case[0], case in ERRORS
            errors = {rule} if error else set()
            with self.subTest(rule):
                done, findings, _ = self.look_again(
                    case, lambda found: names(found, "error") == errors
                    and (error or rule in names(found, "warning")), seen)
                self.assertEqual(names(findings, "error"), errors,
                                 [(f["rule"], f["words"]) for f in findings][:6])
                self.assertIn(rule, names(findings, "error" if error else "warning"))
                self.assertEqual(done.returncode, int(error))

    def test_a_finding_says_where(self):
        url = self.world.case("where", "ts", playlist=swap("DURATION:1", "DURATION:2", "b"))
        done, findings, _ = judge(url, 2, "-strict")
        (found,) = findings
        self.assertEqual((found["line"], found["text"]), (3, "#EXT-X-TARGETDURATION:2"))
        self.assertTrue(found["url"].endswith("/where/b.m3u8"), found)
        self.assertEqual(found["section"], "6.2.4")
        self.assertEqual(done.returncode, 1)

    def test_a_variant_is_found_once(self):
        """Though what its line says of bits a second is another figure each time it is read."""
        reads = itertools.count()

        def master(text):
            n = next(reads)
            return re.sub(r"BANDWIDTH=(\d+)", lambda m: f"BANDWIDTH={int(m[1]) + n}",
                          re.sub(r',CODECS="[^"]*"', "", text))

        _, findings, _ = judge(self.world.case("grows", "ll", master=master), 3)
        lines = [f["line"] for f in findings if f["rule"] == "codecs-missing"]
        self.assertGreater(next(reads), 1)
        self.assertGreater(len(lines), 0)
        self.assertEqual(len(lines), len(set(lines)), findings)

    def test_what_cannot_be_judged(self):
        url = self.world.case("none", "ts").replace("master", "no-such")
        done, findings, _ = judge(url.replace("/none/", "/nobody/"), 1)
        self.assertEqual((done.returncode, findings), (2, []))
        self.assertIn("status 404", done.stderr)
        self.assertEqual(run([BIN / "watch", "-judge", "-all", url]).returncode, 2)


class Words(TestCase):
    def test_each_rule_is_documented(self):
        tools = harness.ROOT / "publisher-tools"
        rules = re.findall(r'X\(\w+, "([a-z0-9-]+)"', (tools / "judge_rule.h").read_text())
        self.assertGreater(len(rules), 80)
        documented = re.findall(r"^\| `([a-z0-9-]+)` \| (?:error|warning)",
                                (tools / "README.md").read_text(), re.M)
        self.assertEqual(sorted(rules), sorted(documented))
        known = {case[0] for case in ERRORS + WARNINGS}
        self.assertEqual(known, set(rules), "rules without a fault that they find")


if __name__ == "__main__":
    harness.main()
