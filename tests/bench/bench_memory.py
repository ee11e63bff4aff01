"""Resident memory of each role in the recipe, and on the way how far its rung is behind.

The recipe word for word (but for the ports), with one viewer each of the source and of the rung.
"""
import contextlib
import sys
import time
from pathlib import Path

import bench_latency
import harness
import measure

TITLE = "Memory, and the rung behind the source, in the recipe"
AIM_MB = 250
FLAT_MB = 5
FIRST_S = 60
SAMPLE_S = 5


def sample(roles, seconds):
    """[(second, [MB of each role])]"""
    found, started = [], time.monotonic()
    while (now := time.monotonic() - started) < seconds + 1:
        found.append((now, [measure.rss_mb(r.pid) for r in roles]))
        time.sleep(SAMPLE_S)
    return found


def mean(samples, begin, end):
    """Of each role, and of their sum, over these seconds."""
    chosen = [s + [sum(s)] for t, s in samples if begin <= t <= end]
    return [sum(column) / len(column) for column in zip(*chosen)]


def run(quick):
    section = measure.Section(TITLE)
    seconds = FIRST_S + 10 if quick else 600
    rungs = [harness.RUNG]
    with contextlib.ExitStack() as stack:
        recipe = stack.enter_context(harness.Recipe(rungs=harness.RUNG, separate=False))
        urls = bench_latency.lag_urls(recipe, "hello_world", rungs)
        poller = stack.enter_context(bench_latency.Poller(bench_latency.RUNG_POLL_MS, *urls))
        publisher = stack.enter_context(harness.ffmpeg_publish(
            recipe.rtmp("hello_world"), size="640x480", bitrate="10000k"))
        for url in urls:
            harness.wait_for(lambda: harness.http_get(url).status == 200, 15, f"{url} is there")
        stack.enter_context(harness.Process(
            [sys.executable, Path(__file__).parent / "pull.py", seconds + 60, *urls],
            harness.temp_dir() / "pull.log"))
        roles = recipe.roles()
        samples = sample(roles, seconds)
        command = publisher.args
    names = [r.role for r in roles] + ["together"]
    first = mean(samples, FIRST_S, FIRST_S + 10)
    section.figure("three roles together after 1 minute", f"{first[-1]:.0f} MB", f"< {AIM_MB} MB",
                   first[-1] < AIM_MB)
    heads, columns = ["role", "MB after 1 minute"], [names, [f"{v:.1f}" for v in first]]
    if not quick:
        last = mean(samples, seconds - 30, seconds + SAMPLE_S)
        grown = [b - a for a, b in zip(first, last)]
        section.figure("their growth from minute 1 to minute 10", f"{grown[-1]:+.1f} MB",
                       f"< {FLAT_MB} MB", grown[-1] < FLAT_MB)
        heads += ["after 10 minutes", "growth"]
        columns += [[f"{v:.1f}" for v in last], [f"{v:+.1f}" for v in grown]]
    section.text("Resident memory (VmRSS) in MB of 10^6 bytes; one viewer each of source and rung:")
    section.table(heads, zip(*columns))
    section.command(command)
    lags = poller.behind_ms(1)
    section.figure("the recipe's rung behind the source (p50, p95)",
                   f"{measure.median(lags):.0f} ms, {measure.percentile(lags, 95):.0f} ms")
    section.text(f"Source segment listed → rung segment listed, in ms, over {seconds} s (gaps: "
                 f"{poller.gaps}):")
    section.table(bench_latency.LAG_HEADS, bench_latency.lag_rows(poller, rungs))
    return section
