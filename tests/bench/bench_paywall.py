"""The paywall: what paid streams cost a broadcaster beyond the same free ones, and how soon who
waits for money goes on when it comes.

Viewers are connections of this process that fetch each new segment of a live stream; all have
accounts of their own. Who waits is a transfer of a media file, of an account that is empty; the
time is from the ledger's answer to the grant to the first byte.
"""
import asyncio
import socket
import threading
import time
import urllib.parse

import harness
import measure

TITLE = "Paywall"
VIEWERS = 1000
AIM_CORE = 0.25
AIM_WAKE_MS = 100
GRANT = 10 ** 12


def grant(recipe, viewer, amount=GRANT):
    name = urllib.parse.quote(f"viewer:user-{viewer}")
    answer = recipe.orchestrator.control(f"/grant?account={name}&amount={amount}", method="POST",
                                         body=b"")
    assert answer.status == 200, answer.text


async def fetch(reader, writer, path):
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    return int(head.split()[1]), body


async def view(port, stream, viewer, until, seen):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    last = None
    while time.monotonic() < until:
        newest = seen["newest"].get(stream)
        if newest and newest != last:
            last = newest
            status, body = await fetch(reader, writer, f"{newest}?userId={viewer}")
            seen["segments"] += status == 200
            seen["bytes"] += len(body)
            seen["refused"] += status != 200
        await asyncio.sleep(0.25)
    writer.close()


async def newest(port, streams, until, seen):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < until:
        for stream in streams:
            status, body = await fetch(reader, writer, f"/stream/{stream}/source.m3u8")
            if status == 200:
                seen["newest"][stream] = body.decode().strip().splitlines()[-1].split("?")[0]
        await asyncio.sleep(0.25)
    writer.close()


async def watch(recipe, stream, seconds):
    """The broadcaster's share of a core while all watch, and what they got."""
    seen = {"newest": {}, "segments": 0, "bytes": 0, "refused": 0}
    until = time.monotonic() + seconds + 3
    tasks = [asyncio.create_task(newest(recipe.http_port, [stream], until, seen))]
    tasks += [asyncio.create_task(view(recipe.http_port, stream, f"v{i}", until, seen))
              for i in range(VIEWERS)]
    await asyncio.sleep(3)  # all are connected, and have their first lease
    begin, cpu = time.monotonic(), measure.cpu_s(recipe.broadcaster.pid)
    before = dict(seen)
    await asyncio.sleep(seconds)
    used, took = measure.cpu_s(recipe.broadcaster.pid) - cpu, time.monotonic() - begin
    got = {k: seen[k] - before[k] for k in ("segments", "bytes", "refused")}
    await asyncio.gather(*tasks)
    return used / took, got


def wake_times(recipe, n):
    """Milliseconds from a grant's answer to bytes, of transfers that wait all at once."""
    times = []
    lock = threading.Lock()
    came = {}

    def read(viewer, stream):
        stream.recv(1)
        with lock:
            came[viewer] = time.monotonic()

    streams = []
    for i in range(n):
        viewer = f"w{i}"
        s = socket.create_connection(("127.0.0.1", recipe.http_port), 60)
        s.sendall(f"GET /media/film.bin?userId={viewer} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += s.recv(1)
        streams.append((viewer, s))
    harness.wait_for(lambda: recipe.broadcaster.status()["paywall"]["waiting"] >= n, 30, "all wait")
    for viewer, s in streams:
        thread = threading.Thread(target=read, args=(viewer, s))
        thread.start()
        grant(recipe, viewer)
        paid = time.monotonic()
        thread.join(30)
        times.append(max(0.0, (came[viewer] - paid) * 1000))
        s.close()
    return times


def run(quick):
    section = measure.Section(TITLE)
    rounds, seconds, waits = (1, 8, 100) if quick else (3, 20, 500)
    media = harness.temp_dir()
    (media / "film.bin").write_bytes(bytes(10_000_000))
    prices = harness.temp_dir() / "prices.yaml"
    prices.write_text("streams:\n  free: free\nfiles:\n  \"*\": {perMB: 1}\n", encoding="utf-8")
    flags = ["-pricePerMinute", "0.001", "-prices", prices, "-mediaPath", media, "-allowUserId",
             "-payRate", "0", "-maxConnectionsPerAddress", "0"]
    shares = {"free": [], "paid": []}
    with harness.Recipe(transcoders=0, orchestrator_flags=["-payments"],
                        broadcaster_flags=flags) as recipe, \
            harness.ffmpeg_publish(recipe.rtmp("paid"), size="320x240", bitrate="200k"), \
            harness.ffmpeg_publish(recipe.rtmp("free"), size="320x240", bitrate="200k"):
        for name in shares:
            recipe.wait_playlist(f"/stream/{name}/source.m3u8", 2, timeout=20)
        for i in range(VIEWERS):
            grant(recipe, f"v{i}")
        for _ in range(rounds):
            for name in shares:
                share, got = asyncio.run(watch(recipe, name, seconds))
                assert got["refused"] == 0 and got["segments"] > VIEWERS, (name, got)
                shares[name].append(share)
        times = wake_times(recipe, waits)
    paid, free = measure.median(shares["paid"]), measure.median(shares["free"])
    section.figure(f"{VIEWERS} paid streams, of a core beyond the same free ones",
                   f"{paid - free:.3f}", f"at most {AIM_CORE}", paid - free <= AIM_CORE)
    p99 = measure.percentile(times, 99)
    section.figure("from the ledger's answer to a grant to the waiting transfer's bytes, p99, ms",
                   f"{p99:.1f}", f"at most {AIM_WAKE_MS}", p99 <= AIM_WAKE_MS)
    section.text(f"{rounds} rounds of {seconds} s by turns; {waits} transfers wait at once and are "
                 "paid for one by one.")
    section.table(["stream", "share of a core", "lowest to highest"],
                  [[n, f"{measure.median(s):.3f}", measure.spread(s, 3)] for n, s in shares.items()])
    section.table(["to the first byte, ms", "median", "p90", "p99", "longest"],
                  [["", *(f"{measure.percentile(times, p):.1f}" for p in (50, 90, 99, 100))]])
    section.command(["tests/bench/bench.py", "-k", "paywall"])
    return section
