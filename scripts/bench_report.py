#!/usr/bin/env python3
"""Gathers the rows that the benchmarks wrote: one JSON file, a summary, and a roofline picture.

    scripts/bench_report.py FOLDER --json FILE --svg FILE
"""
import argparse
import json
import math
import pathlib
import statistics
from xml.sax.saxutils import escape


def read_rows(folder):
    return [json.loads(line) for path in sorted(pathlib.Path(folder).glob("*.jsonl"))
            for line in path.read_text().splitlines() if line.strip()]


def best_rows(rows):
    """A row for each workload and shape: against its fastest peer."""
    best = {}
    for row in rows:
        key = row["workload"], row["shape"]
        if key not in best or (row["ratio"] or math.inf) < (best[key]["ratio"] or math.inf):
            best[key] = row
    return list(best.values())


def summary(rows):
    lines = ["", f"{'workload':<18} {'shapes':>6} {'ratio: median':>13} {'worst':>6} {'limit: median':>13} {'worst':>6}"]
    for workload in dict.fromkeys(r["workload"] for r in rows):
        mine = [r for r in rows if r["workload"] == workload]
        ratios = [r["ratio"] for r in mine if r["ratio"]]
        shares = [r["limit_fraction"] for r in mine]
        ratio = (f"{statistics.median(ratios):>13.2f} {min(ratios):>6.2f}" if ratios else
                 f"{'no peer':>13} {'':>6}")
        lines.append(f"{workload:<18} {len(mine):>6} {ratio} {100 * statistics.median(shares):>11.0f} % "
                     f"{100 * min(shares):>4.0f} %")
    return "\n".join(lines)


def roofline(rows):
    """Work per byte against speed, both logarithmic; the roof is the limit measured beside the rows."""
    points = [r for r in rows if r["limit"] == "multiply-add" and r["intensity"]]
    if not points:
        return None
    width, height, left, bottom = 760, 460, 70, 50
    peak = statistics.median(r["rate"] / r["limit_fraction"] for r in points)
    streams = [r["rate"] / r["limit_fraction"] for r in rows if r["limit"] == "bandwidth"]
    bandwidth = statistics.median(streams) if streams else None
    xs = [r["intensity"] for r in points]
    low = math.floor(math.log2(min(xs + ([peak / bandwidth / 4] if bandwidth else []))))
    high = math.ceil(math.log2(max(xs)))
    floor = math.floor(math.log2(min(r["rate"] for r in points) / 1e9)) - 1
    top = math.ceil(math.log2(peak / 1e9))

    def x(v):
        return left + (math.log2(v) - low) / (high - low) * (width - left - 20)

    def y(v):
        return height - bottom - (math.log2(v / 1e9) - floor) / (top - floor) * (height - bottom - 40)

    colors = ["#1b6ca8", "#c8553d", "#3b8e5a", "#8a5fa8", "#b8860b", "#555555", "#d47fa6", "#3aa6a6", "#7a4a1e",
              "#9aa832", "#e08a2e", "#2f3e9e"]
    families = list(dict.fromkeys(r["workload"] for r in points))
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'font-family="sans-serif" font-size="12"><rect width="{width}" height="{height}" fill="white"/>']
    for e in range(low, high + 1):
        out.append(f'<line x1="{x(2.0 ** e):.1f}" y1="40" x2="{x(2.0 ** e):.1f}" y2="{height - bottom}" stroke="#eee"/>'
                   f'<text x="{x(2.0 ** e):.1f}" y="{height - bottom + 16}" text-anchor="middle">{2.0 ** e:g}</text>')
    for e in range(floor, top + 1):
        at = y(2.0 ** e * 1e9)
        out.append(f'<line x1="{left}" y1="{at:.1f}" x2="{width - 20}" y2="{at:.1f}" stroke="#eee"/>'
                   f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{2.0 ** e:g}</text>')
    ridge = peak / bandwidth if bandwidth else 2.0 ** low
    roof = [(max(ridge, 2.0 ** low), peak), (2.0 ** high, peak)]
    if bandwidth and ridge > 2.0 ** low:
        start = max(2.0 ** low, 2.0 ** floor * 1e9 / bandwidth)
        roof.insert(0, (start, start * bandwidth))
    out.append('<polyline fill="none" stroke="black" stroke-width="1.5" points="' +
               " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in roof) + '"/>')
    for r in points:
        color = colors[families.index(r["workload"]) % len(colors)]
        title = escape(f'{r["workload"]} {r["shape"]}: {r["rate"] / 1e9:.1f} GFLOP/s')
        out.append(f'<circle cx="{x(r["intensity"]):.1f}" cy="{y(r["rate"]):.1f}" r="4" fill="{color}" '
                   f'fill-opacity="0.7"><title>{title}</title></circle>')
    for i, family in enumerate(families):
        at = height - bottom - 12 - 18 * (len(families) - 1 - i)
        out.append(f'<circle cx="{width - 180}" cy="{at - 4}" r="4" fill="{colors[i % len(colors)]}"/>'
                   f'<text x="{width - 170}" y="{at}">{escape(family)}</text>')
    out.append(f'<text x="{width / 2}" y="22" text-anchor="middle" font-size="14">cfm on one thread: GFLOP/s against '
               f'operations per byte; the roof was measured beside it</text>'
               f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">operations per byte</text></svg>')
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--json", required=True)
    parser.add_argument("--svg", required=True)
    args = parser.parse_args()
    rows = read_rows(args.folder)
    for path in args.json, args.svg:
        pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(args.json).write_text("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
    print(summary(best_rows(rows)))
    print(f"wrote {args.json}")
    picture = roofline(best_rows(rows))
    if picture:
        pathlib.Path(args.svg).write_text(picture)
        print(f"wrote {args.svg}")


if __name__ == "__main__":
    main()
