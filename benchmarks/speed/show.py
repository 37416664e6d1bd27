"""The tables of `python -m benchmarks speed`, from what --json prints."""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

WORDS = {True: "yes", False: "NO", None: ""}
SECTIONS = {
    "training": "Training: samples per second, their ratio to a bare loop's of one seed (at least the target). "
    "Allowed: the share that the arithmetic which a method adds leaves.",
    "importance": "Importance: a pass in epochs of the bare loop, of as many seeds (at most).",
    "evaluation": "Evaluation: images per second, their ratio to a bare loop's, share of a task's time.",
    "together": "Seeds at once: their time over one seed's, and seconds of an epoch of 60,000 images (at most).",
    "all cores": "All cores, clbench train --workers auto: share of the peak of matrix products (at least).",
    "start-up": "Start-up: whole processes.",
    "memory": "Peak memory of a whole clbench train, less that of an interpreter that has imported torch.",
}
SI = "si gathers its importance while it trains; its pass only divides."


def table(found: dict[str, Any]) -> str:
    """Every section that was measured, targets beside what was measured."""
    parts = []
    for name, words in SECTIONS.items():
        if found.get(name):
            parts += [words, rows_of(found[name]), ""]
        if name == "importance" and any(row["importance"] == "si" for row in found.get(name, [])):
            parts += [SI, ""]
    return "\n".join([*parts, footing(found)])


def rows_of(rows: list[dict[str, Any]]) -> str:
    return tabulate([{**row, **({"ok": WORDS[row["ok"]]} if "ok" in row else {})} for row in rows], headers="keys")


def footing(found: dict[str, Any]) -> str:
    here = found["environment"]
    threads = f"{here['threads']} thread{'s' * (here['threads'] > 1)}"
    words = f"torch {here['torch']}, {here['device_name']}, {threads}, load of the machine {here['load'][0]:.1f}"
    if peak := found.get("peak"):
        words += f"; matrix products {peak['GFLOP/s']:.1f} GFLOP/s ({peak['lowest']:.1f} to {peak['highest']:.1f})"
    return words
