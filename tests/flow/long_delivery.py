"""A real stream's playlists over a minute and a half, in both trees: its publisher leaves and comes
back, its transcoder is lost and another one comes. What was said stays so: the target duration, each
segment's number and discontinuity number, and each address ever listed has the same bytes for its
segment's duration and the playlist's after it left, or after the end; each part for three target
durations after it left."""
import hashlib
import re
import time
import urllib.parse

import harness
from harness import Recipe, TestCase, ffmpeg_publish, wait_for

RUNG = "P144p30fps16x9"
LISTS = {f"/stream/x/{name}{end}": end for name in ("source", RUNG) for end in (".m3u8", "/live.m3u8")}
LISTS["/stream/x/audio/live.m3u8"] = "/live.m3u8"
AT_ONCE_MAX = 6  # what was behind comes at once when there is a transcoder again: a window's length
ASKED_LEAST = 0.9  # of the addresses
EARLY_S = 0.3  # before its time is up, each address is asked for again
PUBLISHERS_S = 22, 70
LOST_AT_S, BACK_AT_S = 36, 56
PART = re.compile(r'#EXT-X-PART:.*URI="([^"]+)"')
PART_TARGETS = 3  # draft-pantos-hls-rfc8216bis, 6.2.2


class Address:
    def __init__(self, segment, uri, digest):
        self.segment = segment
        self.uri = uri
        self.digest = digest
        self.seen = self.longest = 0
        self.asked = False

    def due(self):
        return self.seen + self.segment.duration + self.longest - EARLY_S


class Part:
    """Of a playlist whose target duration is so long."""

    def __init__(self, uri, digest, target):
        self.uri, self.digest, self.target = uri, digest, target
        self.seen, self.asked = 0, False

    def due(self):
        return self.seen + PART_TARGETS * self.target - EARLY_S


class Watched:
    """One playlist, polled."""

    def __init__(self, recipe, path):
        self.recipe, self.path = recipe, path
        self.found = {}  # by number
        self.parts = {}  # by address
        self.discontinuity = {}
        self.targets, self.wrong = set(), []
        self.sequence = self.gaps = self.asked_again = self.parts_again = 0
        self.ended = False

    def say(self, text):
        self.wrong.append(f"{self.path}: {text}")

    def fetch(self, uri):
        answer = self.recipe.get(uri)
        return answer.status, hashlib.sha256(answer.body).digest()

    def poll(self):
        answer = self.recipe.get(self.path)
        now = time.monotonic()
        if answer.status == 200:
            self.read(answer.text, now)
        for a in self.found.values():
            if a.digest and not a.asked and now >= a.due():
                a.asked = True
                self.asked_again += self.again(a)
        for p in self.parts.values():
            if not self.ended and not p.asked and now >= p.due():
                p.asked = True
                self.parts_again += self.again(p)

    def again(self, a):
        """Whether it was asked for in its time."""
        late = time.monotonic() - a.due() - EARLY_S
        status, digest = self.fetch(a.uri)
        if status != 200 and late < 0:
            self.say(f"{a.uri} answers {status} {-late:.2f} s too early")
        elif status == 200 and digest != a.digest:
            self.say(f"{a.uri} has other bytes than before")
        return late < 0

    def read(self, text, now):
        listed = harness.playlist(text)
        self.targets.add(listed.target_duration)
        self.ended = listed.ended
        if listed.media_sequence < self.sequence:
            self.say(f"the media sequence goes back from {self.sequence} to {listed.media_sequence}")
        self.sequence = listed.media_sequence
        number = int((re.findall(r"#EXT-X-DISCONTINUITY-SEQUENCE:(\d+)", text) or [0])[0])
        longest = sum(s.duration for s in listed.segments)
        for s in listed.segments:
            number += s.discontinuity
            if self.discontinuity.setdefault(s.number, number) != number:
                self.say(f"{s.number} has discontinuity {number}, not {self.discontinuity[s.number]}")
            if int(s.duration + 0.5) > listed.target_duration:
                self.say(f"{s.number} lasts {s.duration}")
            self.see(s, now, longest)
        for uri in PART.findall(text):
            self.see_part(urllib.parse.urljoin(self.path, uri), now, listed.target_duration)

    def see_part(self, uri, now, target):
        if uri not in self.parts:
            status, digest = self.fetch(uri)
            if status != 200:
                self.say(f"{uri} is listed and answers {status}")
            self.parts[uri] = Part(uri, digest, target)
        self.parts[uri].seen = now

    def see(self, s, now, longest):
        a = self.found.get(s.number)
        if a is None:
            uri, digest = urllib.parse.urljoin(self.path, s.uri), None
            if s.gap:
                self.gaps += 1
            else:
                status, digest = self.fetch(uri)
                if status != 200:
                    self.say(f"{uri} is listed and answers {status}")
            a = self.found[s.number] = Address(s, uri, digest)
        if not self.ended or not a.seen:  # behind EXT-X-ENDLIST nothing more leaves: all of it does
            a.seen = now
        a.longest = max(a.longest, longest)


class Delivery(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.recipe = Recipe(rungs=RUNG, broadcaster_flags=["-reconnectGrace", "8s"]).start()
        cls.addClassCleanup(cls.recipe.stop)
        cls.lists = [Watched(cls.recipe, path) for path in LISTS]
        begun = time.monotonic()
        cls.publisher = cls.publish()
        cls.returned = cls.lost = cls.back = False

        def step():
            for w in cls.lists:
                w.poll()
            cls.act(time.monotonic() - begun)
            return all(w.ended and all(a.asked or not a.digest for a in w.found.values())
                       for w in cls.lists)

        wait_for(step, 150, "the end, and all addresses were asked for again", interval=0.2)

    @classmethod
    def publish(cls):
        return ffmpeg_publish(cls.recipe.rtmp("x"), size="320x240", rate=25, keyint=50, bitrate="400k")

    @classmethod
    def act(cls, since):
        if since > PUBLISHERS_S[0] and not cls.returned:
            cls.returned = True
            cls.publisher.kill()
            cls.publisher = cls.publish()
        if since > LOST_AT_S and not cls.lost:
            cls.lost = True
            cls.recipe.transcoders[0].kill()
        if since > BACK_AT_S and not cls.back:
            cls.back = True
            cls.recipe.start_transcoder()
        if since > PUBLISHERS_S[1] and cls.publisher.alive():
            cls.publisher.stop()

    def test_what_was_said_stays_so(self):
        self.assertEqual([t for w in self.lists for t in w.wrong], [])
        self.assertEqual([w.targets for w in self.lists], [{2}] * len(self.lists))

    def test_all_addresses_were_asked_for_again(self):
        for w in self.lists:
            there = [a for a in w.found.values() if a.digest]
            self.assertGreater(len(there), 20, w.path)
            self.assertGreater(w.asked_again, ASKED_LEAST * len(there), w.path)

    def test_parts_were_asked_for_after_they_had_left(self):
        for w in self.lists:
            if LISTS[w.path] == "/live.m3u8":
                self.assertGreater(w.parts_again, 50, w.path)

    def test_all_have_the_same_discontinuities(self):
        first = self.lists[0].discontinuity
        self.assertEqual(len(set(first.values())), 2)
        for w in self.lists[1:]:
            for number, discontinuity in w.discontinuity.items():
                self.assertEqual(first.get(number, discontinuity), discontinuity, w.path)

    def test_the_lost_rung_is_gaps_of_its_own(self):
        for w in self.lists:
            with self.subTest(w.path):
                numbers = sorted(w.found)
                missed = sorted(set(range(numbers[0], numbers[-1] + 1)) - set(numbers))
                if RUNG in w.path:
                    self.assertGreater(w.gaps, 0)
                    gaps = [n for n, a in w.found.items() if a.digest is None]
                    self.assertLess(len(missed), AT_ONCE_MAX)
                    self.assertTrue(all(gaps[0] < n <= gaps[-1] + AT_ONCE_MAX for n in missed), missed)
                    self.assertIsNotNone(w.found[numbers[-1]].digest)
                else:
                    self.assertEqual((w.gaps, missed), (0, []))


if __name__ == "__main__":
    harness.main()
