"""The table: JSON for machines, Markdown for readers, and the limit for each number."""

from __future__ import annotations

import json
import os
import platform
import statistics
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
GROWTH = (
    ((30, 30), (300, 30)),
    ((30, 300), (300, 300)),
    ((30, 30), (30, 300)),
    ((300, 30), (300, 300)),
    ((30, 30), (300, 300)),
    ((300, 300), (1000, 1000)),
)
COLUMNS = (
    ("targets", "targets", "d"),
    ("members", "members", "d"),
    ("MB fetched", "mb", ".0f"),
    ("CPU s", "cpu", ".2f"),
    ("wall s", "wall", ".2f"),
    ("× floor", "per_floor", ".2f"),
    ("curl+jq ×", "curl_per_exporter", ".0f"),
    ("CPU ms per process", "ms_per_process", ".2f"),
    ("Prometheus ms", "prometheus_ms", ".2f"),
    ("peak MB", "peak_mb", ".0f"),
    ("stall ms", "stall_ms", ".0f"),
    ("floor's stall ms", "floor_stall_ms", ".0f"),
    ("series", "series", "d"),
    ("render ms", "render_ms", ".0f"),
    ("answer ms", "answer_ms", ".1f"),
    ("sweep s", "sweep", ".0f"),
    ("MB/min a process", "process_mb", ".2f"),
    ("MB/min the fleet", "fleet_mb", ".0f"),
    ("gate: sweep s", "gate_sweep", ".0f"),
    ("gate: CPU s", "gate_cpu", ".2f"),
    ("gate: CPU of a core", "gate_share", ".0%"),
    ("gate: peak MB", "gate_peak_mb", ".0f"),
    ("gate: MB/min a process", "gate_process_mb", ".2f"),
    ("gate: MB/min the fleet", "gate_fleet_mb", ".0f"),
)
INTERVAL = 15.0


def row_of(result: dict[str, Any]) -> dict[str, Any]:
    """One size's numbers: medians over the cycles after the first, which stands apart as `first`."""
    steady, floor = result["cycles"][1:], result["floor"][1:]
    cpu = statistics.median(c["cpu"] for c in steady)
    targets = result["size"]["targets"]
    curl, prom = result["curl"].get("cpu_per_process"), result["prometheus"].get("cpu_per_process")
    return {
        "targets": targets,
        "members": result["size"]["members"],
        "mb": statistics.median(c["bytes"] for c in steady) / 1e6,
        "cpu": cpu,
        "wall": statistics.median(c["wall"] for c in steady),
        "floor_cpu": statistics.median(c["cpu"] for c in floor),
        "per_floor": cpu / statistics.median(c["cpu"] for c in floor),
        "curl_per_exporter": curl * targets / cpu if curl else None,
        "ms_per_process": cpu / targets * 1000,
        "prometheus_ms": prom * 1000 if prom else None,
        "peak_mb": max(c["peak_mb"] for c in steady),
        "stall_ms": statistics.median(c["stall_cpu"] for c in steady) * 1000,
        "stall_wall_ms": statistics.median(c["stall"] for c in steady) * 1000,
        "floor_stall_ms": statistics.median(c["stall_cpu"] for c in floor) * 1000,
        "above_idle_mb": max(c["peak_mb"] for c in steady) - result["idle"]["peak_mb"],
        "series": result["series"]["series"],
        "large_series": result["large"]["series"],
        "large_render_ms": result["large"]["render_cpu"] * 1000,
        "large_answer_ms": result["large"]["answer_cpu"] * 1000,
        "render_ms": result["scrape"]["cpu"] * 1000,
        "answer_ms": result["again"]["cpu"] * 1000,
        "sweep": steady[-1]["sweep"],
        "first_cpu": result["cycles"][0]["cpu"],
        "first_wall": result["cycles"][0]["wall"],
        **{f"{name}_mb": mb for name, mb in _per_minute(steady, targets).items()},
        **_under_gate(result["gate"][2:], targets),
    }


def _per_minute(cycles: list[dict[str, Any]], targets: int) -> dict[str, float]:
    """Megabytes that the exporter is sent in a minute."""
    fleet = statistics.median(c["wire"] for c in cycles) / 1e6 * 60 / INTERVAL
    return {"process": fleet / targets, "fleet": fleet}


def _under_gate(steady: list[dict[str, Any]], targets: int) -> dict[str, float]:
    """What the cycles cost in which a step is next, after the first two: the first has no step yet."""
    cpu = statistics.median(c["cpu"] for c in steady)
    found = {
        "sweep": steady[-1]["sweep"],
        "cpu": cpu,
        "share": cpu / INTERVAL,
        "peak_mb": max(c["peak_mb"] for c in steady),
        **{f"{name}_mb": mb for name, mb in _per_minute(steady, targets).items()},
    }
    return {f"gate_{name}": value for name, value in found.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["| " + " | ".join(title for title, _, _ in COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for row in rows:
        cells = ("–" if row[key] is None else format(row[key], form) for _, key, form in COLUMNS)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def growth(rows: list[dict[str, Any]]) -> str:
    """How the costs grow from one size to another that is larger in one dimension, or in both."""
    by_size = {(row["targets"], row["members"]): row for row in rows}
    lines = [
        "| from | to | targets × | members × | product × | CPU × | memory × | series × |",
        "|---" * 8 + "|",
    ]
    for one, other in GROWTH:
        if one in by_size and other in by_size:
            small, large = by_size[one], by_size[other]
            wider, longer = other[0] / one[0], other[1] / one[1]
            costs = " | ".join(f"{large[key] / small[key]:.1f}" for key in ("cpu", "above_idle_mb", "series"))
            lines.append(
                f"| {one[0]} × {one[1]} | {other[0]} × {other[1]} | {wider:.1f} | {longer:.1f} "
                f"| {wider * longer:.1f} | {costs} |"
            )
    return "\n".join(lines)


def single_process(rows: list[dict[str, Any]], value: dict[str, Any]) -> str:
    """The numbers that stand for themselves, with the limit of each."""
    last, spent = rows[-1], value["cpu"] * 1000
    size = f"{value['members']} members × {value['tokens']} tokens"
    many, answer, first = (last[f"large_{name}"] for name in ("series", "answer_ms", "render_ms"))
    work = "decoded, compared with the primary, searched for token conflicts"
    return "\n".join(
        (
            "| what | CPU ms | limit |",
            "|---|---|---|",
            f"| a gossip value of {size} that is new: {work} | {spent:.0f} | 250 |",
            f"| a scrape of {many} series, gzip | {answer:.1f} | 20 |",
            f"| the first scrape of as many after a cycle, in a thread | {first:.0f} | 500 |",
        )
    )


def save(rows: list[dict[str, Any]], raw: list[dict[str, Any]], notes: str, value: dict[str, Any]) -> Path:
    """Write `bench/results/last.json`, `last.md` and the profile; gives the second."""
    RESULTS.mkdir(exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    for result in raw:
        if profile := result.pop("profile", ""):
            (RESULTS / "profile.txt").write_text(profile)
    document = {"at": at, "machine": machine, "rows": rows, "value": value, "raw": raw}
    (RESULTS / "last.json").write_text(json.dumps(document, indent=1) + "\n")
    where = RESULTS / "last.md"
    head = f"# Last results\n\n{at}, {machine['cores']} cores, Python {machine['python']}."
    parts = (
        head,
        table(rows),
        single_process(rows, value),
        value["deviations"],
        f"Growth:\n\n{growth(rows)}",
        notes,
    )
    where.write_text("\n\n".join(parts) + "\n")
    return where
