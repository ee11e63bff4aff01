"""From the first byte of a TCP connection to NetStream.Publish.Start, against nginx's rtmp module:
the same small client, by turns."""
import sys
import time

import harness
import measure
import servers

sys.path.insert(0, str(harness.ROOT / "tests/support"))
import rtmp_client  # noqa: E402

TITLE = "From connecting to publishing"
AIM_MS = 10


def connect_ms(server, times):
    """The median of so many; each publisher leaves before the next one comes."""
    found = []
    for i in range(times):
        url = server.rtmp(f"connect{i}")
        began = time.monotonic()
        publisher = rtmp_client.RtmpPublisher(url)
        found.append((time.monotonic() - began) * 1000)
        publisher.close()
    return measure.median(found)


def run(quick):
    section = measure.Section(TITLE)
    rounds, times = (2, 20) if quick else (5, 50)
    with servers.Ours() as ours, servers.Nginx() as theirs:
        a, b = measure.pairs(rounds, lambda: connect_ms(ours, times),
                             lambda: connect_ms(theirs, times), "connecting")
    ratios = [x / y for x, y in zip(a, b)]
    median_ms = measure.median(a)
    section.figure("connect to publish, loopback", f"{median_ms:.2f} ms", f"< {AIM_MS} ms",
                   median_ms < AIM_MS)
    section.figure("broadcaster / nginx-rtmp: connect to publish",
                   f"{measure.median(ratios):.3f}")
    section.text(f"Medians of {times} publishers one after another, {rounds} pairs by turns: "
                 f"{measure.spread(a)} ms against {measure.spread(b)} ms. The client is "
                 "`tests/support/rtmp_client.py`.")
    return section
