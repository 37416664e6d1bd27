"""clbench beside published numbers: runs what `benchmarks/published.yaml` names and prints theirs and ours.

The runs are ordinary ones, scored on test data as the published ones are; their result files stay in
`benchmarks/published/`, so that a second call runs only what is missing.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from clbench.config.files import Layer, read_yaml
from clbench.config.options import did_you_mean
from clbench.config.resolve import Config, resolve
from clbench.errors import UserError
from clbench.metrics import METRICS
from clbench.registry import strategies
from clbench.report.build.makers import not_published
from clbench.results import Result, load
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.progress import watcher
from clbench.run.schedule import run_all
from clbench.run.store import FINISHED

HERE = Path(__file__).parent
FIGURES, RECORD = HERE / "published.yaml", HERE / "published"
SECTIONS = ("stream", "network", "train", "strategy")
WANTED = ("source", "stream", "network", "scenario", "seeds", "common", "rows")  # of a table
OF_A_ROW = ("name", "method", "mean", "std")
MARGIN = 0.3  # points, beside two published standard deviations
Table = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What one call compares, and where it runs. table: one of the figures' tables, or None for all that fit."""

    table: str | None = None
    seeds: int | None = None
    workers: int = 1
    data_root: Path | None = None
    figures: Path = FIGURES
    record: Path = RECORD


def compared(options: Options) -> dict[str, list[Table]]:
    """Run what is missing; the rows of every table asked for.

    Of a table that `needs` more than any machine has, and is not asked for by its name, no row is run; those whose
    results are kept are compared all the same.
    """
    tables = read(options.figures)
    if options.table is not None and options.table not in tables:
        raise UserError(f"no table called {options.table!r}; {did_you_mean(options.table, tables)}")
    names = list(tables) if options.table is None else [options.table]
    configs = {name: [config(tables[name], row, options.seeds) for row in tables[name]["rows"]] for name in names}
    left = {name: not_run(name, tables[name]) if options.table is None else "" for name in names}
    asked = [
        c for name in names for c in configs[name] if c is not None and (not left[name] or kept(c, options.record))
    ]
    machine = Machine(data_root=options.data_root, keep="none")
    with watcher() as watch:
        done = run_all(asked, options.record, machine, executor=Local(options.workers), watch=watch)
    results = {(result.digest, frozenset(result.seeds)): result for _, result in done}
    return {
        name: [
            beside(row, None if c is None else results.get((c.digest, frozenset(c.seeds))), left[name])
            for row, c in zip(tables[name]["rows"], configs[name], strict=True)
        ]
        for name in names
    }


def not_run(name: str, table: Table) -> str:
    """Why a table is not run unless it is asked for; empty where it is."""
    return f"not run: needs {table['needs'].strip()}; --table {name} runs it" if table.get("needs") else ""


def kept(chosen: Config, record: Path) -> bool:
    """Whether the result of a configuration's seeds is there, with every one at its end."""
    path = record / chosen.path
    if not path.is_file():
        return False
    runs = {run.seed: run.status for run in load(path).runs}
    return all(runs.get(seed) in FINISHED for seed in chosen.seeds)


def read(figures: Path) -> dict[str, Table]:
    """The tables by name; a UserError says what one lacks or has too many."""
    tables = read_yaml(figures)[0]
    for name, table in tables.items():
        require(f"{figures}: {name}", table, WANTED, ("needs", "differs"))
        for row in table["rows"]:
            require(f"{figures}: {name}: row {row.get('name')}", row, OF_A_ROW, ("note", *SECTIONS))
    return tables


def require(where: str, table: Table, wanted: Sequence[str], also: Sequence[str]) -> None:
    if lacking := [key for key in wanted if key not in table]:
        raise UserError(f"{where} lacks {', '.join(lacking)}")
    if strange := [key for key in table if key not in (*wanted, *also)]:
        raise UserError(f"{where} has {strange[0]!r}; {did_you_mean(strange[0], [*wanted, *also])}")


def config(table: Table, row: Table, seeds: int | None = None) -> Config | None:
    """The run of one row, the first `seeds` seeds or as many as the table says; None without its method."""
    if row["method"] not in list(strategies):
        return None
    sections = {s: {**table["common"].get(s, {}), **row.get(s, {})} for s in SECTIONS}
    return resolve(
        row["method"],
        table["stream"],
        network=table["network"],
        scenario=table["scenario"],
        score="test",
        seeds=tuple(range(seeds or table["seeds"])),
        file=Layer("published figures", sections),
    )


def beside(row: Table, result: Result | None, left: str = "") -> Table:
    """Published and ours of one row, in percent and points; ours is None where nothing ran to its end.

    left: why nothing was to run.
    """
    values = [] if result is None else accuracies(result)
    ours = statistics.fmean(values) if values else None
    return {
        "method": row["name"],
        "published": row["mean"],
        "published std": row["std"],
        "ours": ours,
        "ours std": statistics.stdev(values) if len(values) > 1 else None,
        "seeds": len(values),
        "difference": None if ours is None else ours - row["mean"],
        "within": None if ours is None else within(ours, row["mean"], row["std"]),
        "notes": notes(row, result, len(values), left),
    }


def accuracies(result: Result) -> list[float]:
    """ACC of every finished seed, percent."""
    matrices = [np.array(run.matrix, dtype=float) for run in result.runs if run.status == "done"]
    return [METRICS["mean"].of(R) for R in matrices]


def within(ours: float, mean: float, std: float | None) -> bool:
    """At most two published standard deviations (0 where none is known) and 0.3 points apart."""
    return abs(ours - mean) <= 2 * (std or 0.0) + MARGIN + 1e-9


def notes(row: Table, result: Result | None, finished: int, left: str) -> list[str]:
    found = [row["note"]] if row.get("note") else []
    if result is None:
        unknown = row["method"] not in list(strategies)
        return [*found, f"cannot run: this clbench has no method called {row['method']}" if unknown else left]
    if finished < len(result.runs):
        found.append(f"{len(result.runs) - finished} of {len(result.runs)} seeds did not end: {result.reason}")
    return [*found, *not_published(result)]


def unexplained(rows: list[Table]) -> list[Table]:
    """Rows outside without a word on why."""
    return [row for row in rows if row["within"] is False and not row["notes"]]


# -- in words ---------------------------------------------------------------------------------------------------


def text(found: dict[str, list[Table]], figures: Path = FIGURES) -> str:
    tables = read(figures)
    return "\n\n".join(block(name, tables[name], rows) for name, rows in found.items())


def block(name: str, table: Table, rows: list[Table]) -> str:
    """One table under its source, with what differs and its notes below."""
    said: list[str] = []
    shown = [cells(row, marks(row["notes"], said)) for row in rows]
    body = tabulate(shown, headers="keys", disable_numparse=True, colalign=("left", *["right"] * 4, "left"))
    rule = f"within: at most two published standard deviations (none known: 0) and {MARGIN} points apart"
    differs = [f"what differs: {table['differs'].strip()}"] if table.get("differs") else []
    numbered = [f"[{n}] {note}" for n, note in enumerate(said, 1)]
    return "\n".join([f"{name}: {table['source'].strip()}", "", body, "", rule, *differs, *numbered])


def marks(notes: list[str], said: list[str]) -> str:
    """' [1] [2]' for the notes of one row, which join those that are printed below the table."""
    said += [note for note in notes if note not in said]
    return "".join(f" [{said.index(note) + 1}]" for note in notes)


def cells(row: Table, marked: str) -> dict[str, str]:
    verdict = {True: "yes", False: "no", None: "–"}[row["within"]]
    return {
        "method": row["method"],
        "published (%)": format_mean(row["published"], row["published std"]),
        "ours (%)": format_mean(row["ours"], row["ours std"]),
        "seeds": str(row["seeds"]),
        "difference": "–" if row["difference"] is None else f"{row['difference']:+.2f}",
        "within": verdict + marked,
    }


def format_mean(mean: float | None, std: float | None) -> str:
    if mean is None:
        return "–"
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"
