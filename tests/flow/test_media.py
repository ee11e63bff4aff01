"""Media files from outside: curl, ffmpeg and a browser that seek in them, what the list says, how
changes come into it, and requests that try to get out of the folder."""
# usual time: 21 s
import contextlib
import json
import os
import socket
import struct
import sys
import time
import urllib.parse
from pathlib import Path

import harness
from browser import Browser
from harness import (BIN, Recipe, TestCase, ffprobe, free_port, http_get, main, run, temp_dir,
                     wait_for)
from openapi import OpenApi

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))
import media_clips

FILM = "Filme & mehr/Über 100%.mp4"
CHUNK = 50_000
SIZES = [131_000, *range(131_200, 460_000, 11_000)]  # one and more of the pieces that are sent at once
TRIES, HELD_BACK_S = 8, 0.15
TCPI_DATA_SEGS_IN = 152  # in struct tcp_info (linux/tcp.h)
VIDEO = "document.querySelector('video')"


def url_of(name):
    return "/media/" + urllib.parse.quote(name)


def ranged(recipe, path, value, **headers):
    return recipe.get(path, headers={"Range": f"bytes={value}", **headers})


class World:
    """One film for all tests, and a broadcaster on its folder."""

    def __init__(self):
        self.folder = temp_dir()
        (self.folder / "Filme & mehr").mkdir()
        self.film = media_clips.video(self.folder / FILM, title='Ein "Film"')
        self.song = media_clips.audio(self.folder / "song.mp3", seconds=20)
        self.late = self.folder / "late.mp4"  # its head is at its end
        run(["ffmpeg", "-v", "error", "-i", self.film, "-c", "copy", self.late])
        self.recipe = Recipe(order="B", broadcaster_flags=[
            "-mediaPath", self.folder, "-videoChunkBytes", CHUNK]).start()
        wait_for(lambda: self.listed()[FILM]["state"] == "ready", 15, "the film is listed")

    def listed(self):
        answer = self.recipe.get("/media.json")
        return {m["name"]: m for m in json.loads(answer.text)["media"]}

    def url(self, name):
        return self.recipe.url(url_of(name))


class Media(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.addClassCleanup(cls.world.recipe.__exit__, None, None, None)
        cls.recipe = cls.world.recipe
        cls.film = cls.world.film.read_bytes()

    def test_the_list(self):
        files = wait_for(lambda: all(m["state"] == "ready" for m in self.world.listed().values())
                         and self.world.listed(), 15, "all files are read")
        self.assertEqual(list(files), [FILM, "late.mp4", "song.mp3"])
        film = files[FILM]
        told = ffprobe(self.world.film, "-show_format")["format"]
        self.assertEqual(film["url"], "/media/Filme%20%26%20mehr/%C3%9Cber%20100%25.mp4")
        self.assertEqual(film["title"], 'Ein "Film"')
        self.assertEqual(film["size"], len(self.film))
        self.assertAlmostEqual(film["duration_s"], float(told["duration"]), delta=0.002)
        self.assertAlmostEqual(film["bandwidth"], int(told["bit_rate"]), delta=20)
        self.assertEqual((film["width"], film["height"], film["fps"]), (320, 180, 15.0))
        self.assertEqual((film["video_codec"], film["audio_codec"]), ("h264", "aac"))
        self.assertEqual(film["type"], "video/mp4")
        self.assertEqual(files["song.mp3"]["audio_codec"], "mp3")
        self.assertAlmostEqual(files["song.mp3"]["duration_s"], 20, delta=0.2)
        self.assertIsNone(files["song.mp3"]["width"])
        OpenApi().judge("GET", "/status", self.recipe.broadcaster.control("/status"))
        status = self.recipe.broadcaster.status()["media"]
        self.assertEqual((status["files"], status["folders"], status["unreadable"]), (3, 2, 0))
        self.assertEqual(self.recipe.broadcaster.metrics()["sbe_media_files"], 3)

    def test_curl(self):
        out = temp_dir() / "out"
        url = self.world.url(FILM)
        curl = ["curl", "-sS", "--max-time", 60, "-o", out]
        for value, wanted in (("0-99", self.film[:100]), ("1000-1999", self.film[1000:2000]),
                              ("-500", self.film[-500:]), ("5000-", self.film[5000:])):
            done = run([*curl, "-r", value, "-w", "%{http_code}", url])
            self.assertEqual(done.stdout, "206", value)
            self.assertEqual(out.read_bytes(), wanted, value)
        out.write_bytes(self.film[:12345])  # a download that was broken off
        done = run([*curl, "-C", "-", "-w", "%{http_code}", url])
        self.assertEqual((done.stdout, out.read_bytes()), ("206", self.film))
        done = run([*curl, "-z", self.world.film, "-w", "%{http_code}", url])
        self.assertEqual(done.stdout, "304")
        done = run([*curl, "--compressed", "-w", "%{http_code}", url + "?userId=a-b&x=%2F"])
        self.assertEqual((done.stdout, out.read_bytes()), ("200", self.film))
        done = run([*curl, "-r", "0-1,5-6", "-w", "%{http_code}", url])  # several: the whole
        self.assertEqual((done.stdout, out.read_bytes()), ("200", self.film))
        done = run(["curl", "-sSI", url])
        self.assertRegex(done.stdout, rf"(?i)content-length: {len(self.film)}\n")
        self.assertRegex(done.stdout, "(?i)accept-ranges: bytes\n")

    def test_ffmpeg_seeks(self):
        def frame(source, second):
            done = run(["ffmpeg", "-v", "error", "-ss", second, "-i", source, "-frames:v", 1,
                        "-f", "framemd5", "-"], timeout=60)
            return done.stdout.split()[-1]

        for name in (FILM, "late.mp4"):
            for second in (2, 45.5):
                self.assertEqual(frame(self.world.url(name), second),
                                 frame(self.world.folder / name, second), f"{name} at {second} s")
        # VLC and the like: the sound, and how long it is, from an address alone.
        told = ffprobe(self.world.url("song.mp3"), "-show_format")
        self.assertAlmostEqual(float(told["format"]["duration"]), 20, delta=0.2)

    def test_video_in_chunks(self):
        got = b""
        while len(got) < len(self.film):
            a = ranged(self.recipe, "/video", f"{len(got)}-")
            self.assertEqual(a.status, 206)
            self.assertEqual(len(a.body), min(CHUNK, len(self.film) - len(got)))
            last = len(got) + len(a.body) - 1
            self.assertEqual(a.headers["content-range"],
                             f"bytes {len(got)}-{last}/{len(self.film)}")
            got += a.body
        self.assertEqual(got, self.film)
        self.assertEqual(ranged(self.recipe, "/video", f"{len(got)}-").status, 416)
        whole = self.recipe.get("/video")
        self.assertEqual((whole.status, whole.body), (200, self.film))
        exact = ranged(self.recipe, "/video", f"0-{CHUNK + 9}")
        self.assertEqual(len(exact.body), CHUNK + 10)
        self.assertEqual(len(ranged(self.recipe, url_of(FILM), "0-").body), len(self.film))

    def test_no_size_comes_late(self):
        """The kernel must not hold a body's end back. A timer of 200 ms is met each time, what else
        makes a viewer wait is not: the best of several first answers counts."""
        slow = {}
        for n in SIZES:
            seconds = []
            while len(seconds) < TRIES and (not seconds or min(seconds) > HELD_BACK_S):
                began = time.monotonic()
                answer = ranged(self.recipe, url_of(FILM), f"0-{n - 1}")  # on its own connection
                seconds.append(time.monotonic() - began)
                self.assertEqual((answer.status, answer.body), (206, self.film[:n]))
            if min(seconds) > HELD_BACK_S:
                slow[n] = seconds
        self.assertEqual(slow, {})

    def test_the_head_travels_with_the_first_bytes(self):
        """A packet of its own would wake the reader once more. On loopback a packet holds 64 kB. The
        library sets TCP_NODELAY, which sends the head, before a connection's first file."""
        packets = []
        with socket.create_connection(("127.0.0.1", self.recipe.http_port),
                                      10 * harness.TIME_SCALE) as s:
            for _ in range(6):  # a thread that stands still for 200 ms makes two of one
                s.sendall(f"GET {url_of(FILM)} HTTP/1.1\r\nHost: x\r\n"
                          "Range: bytes=0-9999\r\n\r\n".encode())
                answer = b""
                while len(answer.partition(b"\r\n\r\n")[2]) < 10_000:
                    piece = s.recv(65536)
                    self.assertTrue(piece)
                    answer += piece
                info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
                packets += struct.unpack_from("I", info, TCPI_DATA_SEGS_IN)
        self.assertEqual(min(b - a for a, b in zip(packets, packets[1:])), 1)

    def test_seeking_in_a_browser(self):
        with Browser() as browser:
            page = browser.open()
            self.assertEqual(page.goto(self.recipe.url("/watch/" + urllib.parse.quote(FILM))), 200)
            page.wait(f"() => {VIDEO}.readyState >= 1")
            self.assertAlmostEqual(page.evaluate(f"() => {VIDEO}.duration"), 60, delta=0.3)
            self.assertIn('Ein "Film"', page.text())
            self.assertIn("1:00", page.text())
            self.assertEqual(page.barriers(), [])
            for source in (None, "/video"):  # by ranges as wanted; as the server cuts them
                if source:
                    page.evaluate(f"(s) => {{ {VIDEO}.src = s; }}", source)
                    page.wait(f"() => {VIDEO}.readyState >= 1")
                for at in (50, 20):
                    page.evaluate(f"(at) => {{ {VIDEO}.muted = true; {VIDEO}.currentTime = at; "
                                  f"return {VIDEO}.play(); }}", at)
                    page.wait(f"(at) => !{VIDEO}.seeking && {VIDEO}.currentTime > at + 0.5 && "
                              f"{VIDEO}.currentTime < at + 30", 30, at)
            self.assertEqual(page.faults(), [])
            page.goto(self.recipe.url("/watch/none.mp4"))
            page.wait("() => document.body.innerText.includes('no media file \"none.mp4\"')")
            page.goto(self.recipe.url("/"))
            page.wait("() => document.querySelectorAll('#media .tile').length === 3")
            page.click("#media .tile:last-child a")
            page.wait(f"() => location.pathname === '/watch/song.mp3' && {VIDEO}.duration > 19")

    def test_other_sites_read_it(self):
        a = ranged(self.recipe, url_of(FILM), "0-9", Origin="https://a.example")
        self.assertEqual(a.headers["access-control-allow-origin"], "*")
        self.assertIn("Content-Range", a.headers["access-control-expose-headers"])
        a = self.recipe.get(url_of(FILM), method="OPTIONS")
        self.assertEqual(a.status, 204)
        self.assertIn("Range", a.headers["access-control-allow-headers"])


class Changes(TestCase):
    """A folder of its own for each test."""

    def setUp(self):
        self.folder = temp_dir() / "media"
        self.folder.mkdir()

    def start(self, *flags):
        recipe = Recipe(order="B", broadcaster_flags=["-mediaPath", self.folder, *flags]).start()
        self.addCleanup(recipe.__exit__, None, None, None)
        wait_for(lambda: recipe.get("/media.json").status == 200, 10, "the folder is looked through")
        return recipe

    @staticmethod
    def states(recipe):
        media = json.loads(recipe.get("/media.json").text)["media"]
        return {m["name"]: m["state"] for m in media}

    def become(self, recipe, wanted):
        wait_for(lambda: self.states(recipe) == wanted, 15, f"the list is {wanted}")

    def test_a_file_that_is_still_being_copied(self):
        film = media_clips.video(temp_dir() / "a.mp4", seconds=4, head_first=False).read_bytes()
        recipe = self.start()
        with open(self.folder / "a.mp4", "wb") as f:
            f.write(film[:len(film) // 2])
            f.flush()
            self.become(recipe, {"a.mp4": "unreadable"})  # it stood still, and has no head
            f.write(film[len(film) // 2:])
        self.become(recipe, {"a.mp4": "ready"})
        self.assertEqual(recipe.get("/video").body, film)
        (self.folder / "a.mp4").rename(self.folder / "b.mp4")
        self.become(recipe, {"b.mp4": "ready"})
        self.assertEqual(recipe.get("/media/a.mp4").status, 404)
        (self.folder / "b.mp4").unlink()
        self.become(recipe, {})
        self.assertEqual(recipe.get("/video").status, 404)

    def test_the_folder_is_renamed_away_and_back(self):
        media_clips.audio(self.folder / "a.mp3", seconds=1)
        recipe = self.start()
        self.become(recipe, {"a.mp3": "ready"})
        away = self.folder.with_name("away")
        self.folder.rename(away)
        self.become(recipe, {})
        self.assertEqual(recipe.get("/media/a.mp3").status, 404)
        self.assertTrue(recipe.broadcaster.status()["media"]["folder_missing"])
        recipe.broadcaster.wait_log("folder_gone")
        away.rename(self.folder)
        self.become(recipe, {"a.mp3": "ready"})
        self.assertEqual(recipe.get("/media/a.mp3").status, 200)

    def test_a_file_that_is_replaced_while_it_is_sent(self):
        old = os.urandom(1 << 20) * 32  # more than sockets take at once
        (self.folder / "a.bin").write_bytes(old)
        recipe = self.start()
        with socket.create_connection(("127.0.0.1", recipe.http_port),
                                      30 * harness.TIME_SCALE) as s:
            s.sendall(b"GET /media/a.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            got = s.recv(1000)
            (self.folder / "new").write_bytes(b"new")
            (self.folder / "new").rename(self.folder / "a.bin")
            while piece := s.recv(1 << 20):
                got += piece
        self.assertEqual(got.partition(b"\r\n\r\n")[2], old)
        self.assertEqual(recipe.get("/media/a.bin").body, b"new")

    def test_who_reads_too_slowly_is_cut(self):
        with open(self.folder / "a.bin", "wb") as f:
            f.truncate(8 << 30)
        recipe = self.start("-viewerTimeout", "3s", "-viewerMinRate", 1_000_000)
        with socket.create_connection(("127.0.0.1", recipe.http_port),
                                      30 * harness.TIME_SCALE) as s:
            s.sendall(b"GET /media/a.bin HTTP/1.1\r\nHost: x\r\nRange: bytes=0-99999999\r\n\r\n")
            def read_a_little():  # often enough not to count as silent
                s.recv(100_000)
                return recipe.broadcaster.status()["viewers"]["slow"] == 1

            wait_for(read_a_little, 15, "it is cut")
        wait_for(lambda: recipe.broadcaster.status()["media"]["open"] == 0, 15, "the file is closed")

    def test_hostile_requests(self):
        (self.folder.parent / "secret").write_text("secret")
        (self.folder / "up").symlink_to("..")
        (self.folder / "link.mp4").symlink_to("../secret")
        os.mkfifo(self.folder / "pipe.mp4")
        (self.folder / "a.mp4").write_bytes(b"good")
        recipe = self.start()
        hostile = [b"/media/../secret", b"/media/%2e%2e/secret", b"/media/..%2fsecret",
                   b"/media/%2e%2e%2fsecret", b"/media/..%5csecret", b"/media/..\\secret",
                   b"/media/up/secret", b"/media/link.mp4", b"/media//secret", b"/media/./a.mp4",
                   b"/media/%c0%ae%c0%ae/secret", b"/media/%c0%ae%c0%ae%c0%afsecret",
                   b"/media/a.mp4%00", b"/media/a.mp4%00.txt", b"/media/%", b"/media/%zz",
                   b"/media/\xff\xfe", b"/media/pipe.mp4", b"/media/.", b"/media/..", b"/media/...",
                   b"/media/" + b"a" * 3000, b"/media/" + b"%61" * 1500, b"/media/" + b"a/" * 1000,
                   b"/media/" + b"x" * 10_000, b"/media/a.mp4?" + b"x" * 10_000,
                   b"http://h/media/../secret"]
        for target in hostile:
            with socket.create_connection(("127.0.0.1", recipe.http_port),
                                          10 * harness.TIME_SCALE) as s:
                s.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                answer = b""
                try:
                    while piece := s.recv(65536):
                        answer += piece
                except ConnectionResetError:
                    pass
            self.assertNotIn(b"secret\n", answer.partition(b"\r\n\r\n")[2][:7])
            if answer:  # of what is far too long the connection ends without one
                status = int(answer.split()[1])
                self.assertIn(status, (400, 404, 413, 414, 431), target[:60])
                self.assertNotEqual(answer.partition(b"\r\n\r\n")[2].strip(), b"secret", target[:60])
            else:
                self.assertGreater(len(target), 5000, target[:60])
        self.assertEqual(recipe.get("/media/a.mp4").body, b"good")
        self.assertTrue(recipe.broadcaster.alive())

    def test_a_way_out_that_is_opened_in_a_race(self):
        """A folder and a link out take turns at one name, while the file below it is asked for."""
        (self.folder.parent / "out").mkdir()
        (self.folder.parent / "out" / "a.txt").write_text("outside")
        (self.folder / "x").mkdir()
        (self.folder / "x" / "a.txt").write_text("inside")
        (self.folder / "y").symlink_to("../out")
        recipe = self.start()
        script = ("import os, ctypes, sys\n"
                  "libc = ctypes.CDLL(None)\n"
                  f"os.chdir({str(self.folder)!r})\n"
                  "while os.getppid() != 1:\n"
                  "    libc.renameat2(-100, b'x', -100, b'y', 2)\n")
        racer = harness.Process([sys.executable, "-c", script], temp_dir() / "racer.log")
        with racer:
            found = {recipe.get("/media/x/a.txt").text for _ in range(150)}
        self.assertIn("inside", found)
        self.assertFalse(any("outside" in text for text in found), found)


class Flags(TestCase):
    def test_a_folder_that_is_not_there(self):
        done = run([BIN / "broadcaster", "-mediaPath", "/nowhere/at/all", "-datadir", temp_dir(),
                    "-cliAddr", f"127.0.0.1:{free_port()}", "-rtmpAddr", f"127.0.0.1:{free_port()}",
                    "-httpAddr", f"127.0.0.1:{free_port()}"])
        self.assertEqual(done.returncode, 1)
        self.assertIn('-mediaPath: the folder "/nowhere/at/all" is not there', done.stderr)

    def test_without_media_nothing_is_there(self):
        with Recipe(order="B") as recipe:
            for path in ("/media/a.mp4", "/media.json", "/video"):
                a = recipe.get(path)
                self.assertEqual(a.status, 404)
                self.assertIn("no media files", a.text)
            self.assertNotIn("media", recipe.broadcaster.status())

    def test_few_files_may_be_open(self):
        folder = temp_dir()
        with open(folder / "a.bin", "wb") as f:
            f.truncate(1 << 30)
        port, control = free_port(), free_port()
        role = harness.Process(
            ["sh", "-c", 'ulimit -n 128 && exec "$@"', "sh", BIN / "broadcaster", "-mediaPath",
             folder, "-rtmpAddr", f"127.0.0.1:{free_port()}", "-httpAddr", f"127.0.0.1:{port}",
             "-cliAddr", f"127.0.0.1:{control}", "-datadir", temp_dir(), "-runDir", temp_dir()],
            temp_dir() / "broadcaster.log")
        with role:
            wait_for(lambda: http_get(f"http://127.0.0.1:{port}/healthz").status == 200, 10,
                     "it answers")
            with contextlib.ExitStack() as readers:
                for i in range(8):
                    s = readers.enter_context(socket.create_connection(
                        ("127.0.0.1", port), 10 * harness.TIME_SCALE))
                    s.sendall(b"GET /media/a.bin HTTP/1.1\r\nHost: x\r\n\r\n")
                    self.assertIn(b" 200 ", s.recv(100), f"reader {i}")
                media = json.loads(http_get(f"http://127.0.0.1:{control}/status").text)["media"]
                self.assertEqual((media["open"], media["refused"]), (8, 0))


if __name__ == "__main__":
    main()
