#!/usr/bin/env python3
"""Measures, by turns with public tools, and writes the figures down.

  make bench              everything, about 25 minutes: writes tests/bench/RESULTS.md
  make bench QUICK=1      about 5 minutes: fewer and shorter rounds, into build/bench/RESULTS.md
  make bench K=link       only what has "link" in its name, into build/bench/RESULTS.md
  make bench K=quality CASE=natural,P360p,low   of quality, only the cases with all these words
  tests/bench/bench.py [-k NAME] [-quick] [-case WORD,...]

The first run makes the clips too (build/bench/clips), which takes two or three minutes.
"""
import argparse
import datetime
import importlib
import sys
import time

sys.dont_write_bytecode = True

import measure  # noqa: E402  (first: it tells where the harness is)
import clips  # noqa: E402
import harness  # noqa: E402

NAMES = ["transcoder", "quality", "ingest", "connect", "latency", "memory", "link", "dispatch",
         "delivery", "media", "glass", "payments", "paywall", "paywall_files"]
HERE = harness.ROOT / "tests/bench"


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", dest="name", help="one of " + ", ".join(NAMES))
    parser.add_argument("-quick", action="store_true")
    parser.add_argument("-case", type=lambda t: t.split(","), default=[], help="words, of quality")
    return parser.parse_args()


def head(args, load_before, minutes):
    facts = measure.machine() + [("load before and after",
                                  f"{load_before:.2f}, {measure.load_average():.2f}"),
                                 ("minutes", f"{minutes:.0f}")]
    how = "make bench" + (" QUICK=1" if args.quick else "") + (f" K={args.name}" if args.name
                                                              else "")
    lines = ["# Figures", "",
             f"Written by `{how}` on {datetime.date.today().isoformat()}; every figure was "
             "measured in that run.", "",
             "; ".join(f"{k}: {v}" for k, v in facts), "",
             "; ".join(f"{k} {v}" for k, v in measure.versions()), ""]
    return lines


def summary(sections):
    lines = ["| what | figure | aim | met |", "|---|---|---|---|"]
    for section in sections:
        for what, figure, aim, met in section.summary:
            word = "" if met is None else "yes" if met else "**no**"
            lines.append(f"| {what} | {figure} | {aim} | {word} |")
    return lines + [""]


def document(args, sections, load_before, minutes):
    lines = head(args, load_before, minutes) + summary(sections)
    for section in sections:
        lines += [f"## {section.title}", "", *section.lines]
    lines += ["## The sources", "", (clips.__doc__ or "").partition("\n\n")[2].strip(), "",
              *(f"    {measure.plain_command(clips.command(n))}" for n in clips.COMMANDS), "",
              (HERE / "NOTES.md").read_text().strip()]
    return "\n".join(lines) + "\n"


def main():
    args = arguments()
    chosen = [n for n in NAMES if args.name is None or args.name in n]
    if not chosen:
        sys.exit(f"there is no benchmark '{args.name}': {', '.join(NAMES)}")
    for name in clips.COMMANDS:
        clips.clip(name)
    importlib.import_module("bench_quality").WORDS[:] = args.case
    load_before, started = measure.load_average(), time.monotonic()
    sections = []
    for name in chosen:
        measure.say(f"--- {name} (load {measure.load_average():.2f})")
        sections.append(importlib.import_module(f"bench_{name}").run(args.quick))
    text = document(args, sections, load_before, (time.monotonic() - started) / 60)
    whole = not args.quick and args.name is None
    path = (HERE if whole else harness.ROOT / "build/bench") / "RESULTS.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    print("\n".join(["", *summary(sections), ""]) + f"written to {path.relative_to(harness.ROOT)}")


if __name__ == "__main__":
    main()
