"""A small HLS server for judging the judge: media made by ffmpeg, playlists written here, classic
and low-latency, right in all things but the one that a case asks to be wrong.

    with World() as world:
        url = world.case("name", "ll", playlist=lambda text, ctx: text.replace(...))

Kinds: "ts" and "fmp4" (whole, ended; the latter with an audio rendition), "live" (a sliding window
of MPEG-TS) and "ll" (low latency, with an audio rendition). A case changes what is served through
  playlist(text, ctx) -> text    of each media playlist; ctx has path, query, elapsed, hits, made
  master(text) -> text
  answer(reply, ctx)             of anything: reply.status, reply.headers, reply.body
  media={"a": "other"}           which encoding stands behind a rendition
"""
import concurrent.futures
import gzip
import http.server
import itertools
import re
import struct
import threading
import time
import types
import urllib.parse
import zlib
from datetime import datetime, timezone

import harness
from harness import run

RATE = 24
SECONDS = 17  # of media; a low-latency case begins with HEAD of it made
HEAD = 9
LIVE_FIRST = 4  # number that the sliding window begins with
WINDOW = 8
PARTS = 4
FAR_PARTS = 4 * PARTS  # ahead of any segment's first: too far to wait for
TS_LENGTH = 5  # segments of the ended playlists
HDR = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]


def encode(folder, name, size="160x90", gop=RATE, ts_offset=0, video_filter=None, sound=True,
           split=False, colours=()):
    """MPEG-TS segments of a second: [bytes]."""
    out = folder / name
    out.mkdir()
    source = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={RATE}"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-b:a",
            "64k"]
    run(["ffmpeg", "-v", "error", *source, *(tone if sound else []),
         *(["-vf", video_filter, "-vsync", "vfr"] if video_filter else []),
         "-t", TS_LENGTH, "-c:v", "libx264", "-preset", "ultrafast",
         "-tune", "zerolatency", "-g", 999, "-sc_threshold", 0, "-force_key_frames",
         f"expr:gte(t,n_forced*{gop // RATE})", "-pix_fmt", "yuv420p", *colours, "-threads", 1,
         "-output_ts_offset", ts_offset, "-f", "hls", "-hls_time", 1,
         "-hls_list_size", 0, *(["-hls_flags", "split_by_time"] if split else []),
         "-hls_segment_filename", out / "%d.ts", out / "list.m3u8"], timeout=60)
    return [(out / f"{i}.ts").read_bytes() for i in range(TS_LENGTH)]


def boxes(data):
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at:at + size]
        at += size


def later(frame, ticks):
    """A fragment whose media is decoded so much later (its tfdt box, with 64 bits)."""
    at = frame.index(b"tfdt") + 8
    (was,) = struct.unpack(">Q", frame[at:at + 8])
    return frame[:at] + struct.pack(">Q", was + ticks) + frame[at + 8:]


def fragments(folder, name, *options):
    """fMP4: the initialisation section, and each frame as a fragment of its own."""
    path = folder / f"{name}.mp4"
    run(["ffmpeg", "-v", "error", *options, "-t", SECONDS, "-movflags",
         "empty_moov+default_base_moof+frag_every_frame", "-f", "mp4", path], timeout=60)
    init, frames = b"", []
    for kind, box in boxes(path.read_bytes()):
        if kind in (b"ftyp", b"moov"):
            init += box
        elif kind == b"moof":
            frames.append(box)
        elif kind == b"mdat":
            frames[-1] += box
    return init, frames


class Track:
    """Fragments grouped into parts of a quarter second and segments of four of those."""

    def __init__(self, init, frames, frame_s):
        self.init = init
        self.parts = []  # (bytes, seconds)
        per_second = 1 / frame_s
        bounds = [round(i * per_second / PARTS + 0.499999) for i in range(SECONDS * PARTS + 1)]
        for a, b in zip(bounds, bounds[1:]):
            chosen = frames[a:b]
            self.parts.append((b"".join(chosen), len(chosen) * frame_s))
        self.target = max(s for _, s in self.parts)

    def segment(self, n):
        mine = self.parts[n * PARTS:(n + 1) * PARTS]
        return b"".join(b for b, _ in mine), sum(s for _, s in mine)


VIDEO = ["-f", "lavfi", "-i", f"testsrc2=size=160x90:rate={RATE}", "-c:v", "libx264", "-preset",
         "ultrafast", "-tune", "zerolatency", "-g", RATE, "-keyint_min", RATE, "-sc_threshold", 0,
         "-pix_fmt", "yuv420p", "-threads", 1]
AUDIO = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-c:a", "aac", "-b:a", "64k"]


def date(at):
    at = datetime.fromtimestamp(at, timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def peak(sizes):
    return max(sizes) * 8


class World:
    def __init__(self):
        folder = harness.temp_dir()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            sound = pool.submit(fragments, folder, "s", *AUDIO)
            video = pool.submit(fragments, folder, "v", *VIDEO)
            small = {"size": "128x72"}
            made = {
                "a": pool.submit(encode, folder, "a"),
                "b": pool.submit(encode, folder, "b", **small),
                "late": pool.submit(encode, folder, "late", ts_offset=0.3, **small),
                "long_gop": pool.submit(encode, folder, "long_gop", gop=RATE * 2, split=True),
                "holes": pool.submit(encode, folder, "holes",
                                     video_filter="select='not(between(n,54,57))'"),
                "hdr": pool.submit(encode, folder, "hdr", colours=HDR),
            }
        self.ts = {name: segments.result() for name, segments in made.items()}
        init, frames = sound.result()
        self.tracks = {
            "v": Track(*video.result(), 1 / RATE),
            "s": Track(init, frames, 1024 / 48000),
            "s_late": Track(init, [later(f, 48000 * 4 // 10) for f in frames], 1024 / 48000),
        }
        self.cases = {}
        world = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                world.serve(self)

            do_HEAD = do_OPTIONS = do_GET

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def case(self, name, kind, single=False, **faults):
        """The URL to judge. single: of a media playlist instead of the master's."""
        self.cases[name] = types.SimpleNamespace(
            kind=kind, started=None, hits={}, lock=threading.Lock(),
            media=faults.pop("media", {}), playlist=faults.pop("playlist", None),
            master=faults.pop("master", None), answer=faults.pop("answer", None))
        assert not faults, faults
        first = {"ts": "a", "fmp4": "v", "live": "a", "ll": "v"}[kind]
        return f"http://127.0.0.1:{self.port}/{name}/" + (
            f"{first}.m3u8" if single or kind == "live" else "master.m3u8")

    # --- requests ---

    def serve(self, request):
        path, _, query = request.path.partition("?")
        _, name, rest = (path.split("/", 2) + ["", ""])[:3]
        case = self.cases.get(name)
        reply = types.SimpleNamespace(status=404, headers={}, body=b"no such thing")
        if case is not None:
            self.reply(case, request, rest, dict(urllib.parse.parse_qsl(query)), reply)
        self.send(request, reply)

    def reply(self, case, request, path, query, reply):
        with case.lock:
            if case.started is None:
                case.started = time.monotonic()
                case.epoch = time.time() - HEAD  # when the media began
            plain = request.command == "GET" and "Range" not in request.headers
            case.hits[path] = case.hits.get(path, 0) + plain
        ctx = types.SimpleNamespace(
            path=path, query=query, hits=case.hits[path], command=request.command, case=case,
            elapsed=time.monotonic() - case.started, made=self.made(case), world=self)
        reply.headers = {"Access-Control-Allow-Origin": "*"}
        if request.command == "OPTIONS":
            reply.status, reply.body = 204, b""
            reply.headers["Access-Control-Allow-Headers"] = "range"
        elif path == "master.m3u8":
            text = self.master(case)
            self.text(reply, case.master(text) if case.master else text, "max-age=1")
        elif path.endswith(".m3u8"):
            self.media_playlist(case, path[:-5], query, ctx, reply)
        else:
            self.bytes(case, path, reply)
        if case.answer:
            case.answer(reply, ctx)
        if reply.status == 404:
            reply.headers.setdefault("Cache-Control", "max-age=1")

    @staticmethod
    def text(reply, text, cache):
        reply.status, reply.body = 200, text.encode()
        reply.headers["Content-Type"] = "application/vnd.apple.mpegurl"
        reply.headers["Cache-Control"] = cache

    def send(self, request, reply):
        body, headers = reply.body, reply.headers
        if reply.status == 200 and "mpegurl" in headers.get("Content-Type", "") and \
                "gzip" in request.headers.get("Accept-Encoding", "") and \
                headers.pop("X-Plain", None) is None:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        asked = re.match(r"bytes=(\d+)-(\d+)$", request.headers.get("Range", ""))
        if asked and reply.status == 200 and headers.pop("X-Whole", None) is None:
            reply.status, body = 206, body[int(asked[1]):int(asked[2]) + 1]
        if reply.status in (200, 206):
            headers.setdefault("ETag", f'"{zlib.crc32(body):08x}"')
        try:
            request.send_response(reply.status)
            for key, value in headers.items():
                if not key.startswith("X-") and value is not None:
                    request.send_header(key, value)
            if reply.status != 204:
                request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(body)
        except OSError:
            request.close_connection = True

    # --- what is served ---

    def ts_of(self, case, name):
        return self.ts[case.media.get(name, name)]

    def track(self, case, name):
        return self.tracks[case.media.get(name, name)]

    def bytes(self, case, path, reply):
        found = re.match(r"(\w+)/(\d+)(?:\.(\d+))?\.(ts|m4s)$|(\w+)/init\.mp4$", path)
        if not found:
            return
        name, number, part, form, init = found.groups()
        try:
            if init:
                reply.body = self.track(case, init).init
            elif form == "ts":
                segments = self.ts_of(case, name)
                live = case.kind == "live"
                reply.body = segments[int(number) % TS_LENGTH if live else int(number)]
            elif part is not None:
                index = int(number) * PARTS + int(part)
                self.wait_for(case, index)
                reply.body = self.track(case, name).parts[index][0]
            else:
                reply.body = self.track(case, name).segment(int(number))[0]
        except (IndexError, KeyError):
            return
        reply.status = 200
        reply.headers["Content-Type"] = "video/mp2t" if form == "ts" else "video/mp4"
        reply.headers["Cache-Control"] = "public, max-age=31536000, immutable"

    def master(self, case):
        if case.kind == "ts":
            lines = ["#EXTM3U", "#EXT-X-VERSION:3"]
            for name, size in (("a", "160x90"), ("b", "128x72")):
                sizes = [len(s) for s in self.ts_of(case, name)]
                lines += [f"#EXT-X-STREAM-INF:BANDWIDTH={peak(sizes)},AVERAGE-BANDWIDTH="
                          f"{sum(sizes) * 8 // len(sizes)},"
                          'CODECS="avc1.42c00a,mp4a.40.2",'
                          f"RESOLUTION={size},FRAME-RATE={RATE}.000,CLOSED-CAPTIONS=NONE",
                          f"{name}.m3u8"]
            return "\n".join(lines) + "\n"
        sizes = [len(self.track(case, "v").segment(i)[0]) + len(self.track(case, "s").segment(i)[0])
                 for i in range(SECONDS)]
        return "\n".join([
            "#EXTM3U", "#EXT-X-VERSION:7",
            '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="sound",NAME="Sound",DEFAULT=YES,URI="s.m3u8"',
            f"#EXT-X-STREAM-INF:BANDWIDTH={peak(sizes)},AVERAGE-BANDWIDTH={peak(sizes)},"
            'CODECS="avc1.42c00a,mp4a.40.2",AUDIO="sound",'
            f"RESOLUTION=160x90,FRAME-RATE={RATE}.000,CLOSED-CAPTIONS=NONE", "v.m3u8"]) + "\n"

    def media_playlist(self, case, name, query, ctx, reply):
        if case.kind == "ll":
            status, text = self.low_latency(case, name, query, ctx)
            if status != 200:
                reply.status, reply.body = status, b"not now"
                return
            cache = "max-age=6" if "_HLS_msn" in query else "max-age=0"
        elif case.kind == "live":
            text, cache = self.live(name, ctx.elapsed), "max-age=1"
        else:
            text, cache = self.ended(case, name), "max-age=3600"
        if case.playlist:
            text = case.playlist(text, ctx)
        self.text(reply, text, cache)

    def ended(self, case, name):
        lines = ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-TARGETDURATION:1",
                 "#EXT-X-PLAYLIST-TYPE:VOD", "#EXT-X-INDEPENDENT-SEGMENTS"]
        if case.kind == "fmp4":
            lines.append(f'#EXT-X-MAP:URI="{name}/init.mp4"')
        for i in range(TS_LENGTH):
            seconds = 1.0 if case.kind == "ts" else self.track(case, name).segment(i)[1]
            lines += [f"#EXTINF:{seconds:.5f},",
                      f"{name}/{i}.{'ts' if case.kind == 'ts' else 'm4s'}"]
        return "\n".join(lines + ["#EXT-X-ENDLIST"]) + "\n"

    @staticmethod
    def first_live(elapsed):
        return LIVE_FIRST + int(elapsed)

    @staticmethod
    def live(name, elapsed, left_out=0):
        """A second of MPEG-TS each second; behind its end it begins again, with a discontinuity."""
        end = World.first_live(elapsed) + WINDOW
        first = end - WINDOW + left_out
        breaks = len([i for i in range(1, first) if i % TS_LENGTH == 0])
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1",
                 f"#EXT-X-MEDIA-SEQUENCE:{first}", f"#EXT-X-DISCONTINUITY-SEQUENCE:{breaks}"]
        for i in range(first, end):
            if i % TS_LENGTH == 0:
                lines.append("#EXT-X-DISCONTINUITY")
            lines += ["#EXTINF:1.000,", f"{name}/{i}.ts"]
        return "\n".join(lines) + "\n"

    @staticmethod
    def made(case):
        """Parts that are there by now."""
        return HEAD * PARTS + int((time.monotonic() - case.started) * PARTS)

    def wait_for(self, case, index):
        while self.made(case) <= index and case.kind == "ll":
            time.sleep(0.01)

    def low_latency(self, case, name, query, ctx):
        made = self.made(case)
        if "_HLS_msn" in query:
            asked = int(query["_HLS_msn"])
            part = int(query.get("_HLS_part", PARTS - 1))
            if asked > made // PARTS + 2 or part > FAR_PARTS:
                return 400, ""
            self.wait_for(case, asked * PARTS + part)
            made = self.made(case)
        elif "_HLS_part" in query:
            return 400, ""
        return 200, self.low_latency_text(case, name, made, "_HLS_skip" in query)

    def low_latency_text(self, case, name, made, skip):
        track = self.track(case, name)
        whole, rest = divmod(made, PARTS)
        first = whole - WINDOW
        other = "s" if name == "v" else "v"
        target = f"{track.target:.5f}"
        lines = ["#EXTM3U", "#EXT-X-VERSION:9", "#EXT-X-TARGETDURATION:1",
                 "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=6.0,"
                 f"PART-HOLD-BACK={3.1 * track.target:.5f}",
                 f"#EXT-X-PART-INF:PART-TARGET={target}", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        skipped = WINDOW - 7 if skip else 0
        if skipped:
            lines.append(f"#EXT-X-SKIP:SKIPPED-SEGMENTS={skipped}")
        else:
            lines.append(f'#EXT-X-MAP:URI="{name}/init.mp4"')
        lasts = list(itertools.accumulate(track.segment(n)[1] for n in range(whole)))
        for n in range(first + skipped, whole + 1):
            if n < whole or rest:
                lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date(case.epoch + lasts[n - 1])}")
            for p in range(PARTS if n < whole else rest) if n > whole - 4 else ():
                key = ",INDEPENDENT=YES" if p == 0 or name == "s" else ""
                lines.append(f"#EXT-X-PART:DURATION={track.parts[n * PARTS + p][1]:.5f},"
                             f'URI="{name}/{n}.{p}.m4s"{key}')
            if n < whole:
                lines += [f"#EXTINF:{track.segment(n)[1]:.5f},", f"{name}/{n}.m4s"]
        lines.append(f'#EXT-X-PRELOAD-HINT:TYPE=PART,URI="{name}/{whole}.{rest}.m4s"')
        lines.append(f'#EXT-X-RENDITION-REPORT:URI="{other}.m3u8",LAST-MSN='
                     f"{whole if rest else whole - 1},LAST-PART={rest - 1 if rest else PARTS - 1}")
        return "\n".join(lines) + "\n"
