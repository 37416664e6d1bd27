"""Tables, studies and runs as the words that the page's template sets."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.config import origins
from clbench.report.build import command
from clbench.report.build.cells import Cell, Column, text
from clbench.report.build.makers import remarks
from clbench.report.build.pruning import Comparison, grids
from clbench.report.build.result_table import Row, Table
from clbench.report.grid import Grid
from clbench.report.scales import in_a_cell, labelled
from clbench.report.write.page.charts import Charts, scale_of_rows
from clbench.results import AnyResult
from clbench.results.differences import flatten, shown
from clbench.scores import Score


@dataclass
class Entry:
    """One cell. `value` is what it is sorted by, else its words; notes are numbers of footnotes."""

    words: str
    value: float | None = None
    mark: str = ""
    notes: list[int] = field(default_factory=list)


@dataclass
class Sheet:
    """A table to sort. `first` is the direction of a column's first click."""

    caption: str
    header: list[dict[str, str]]
    body: list[list[Entry]]
    notes: list[str]
    footnotes: list[str] = field(default_factory=list)
    links: list[int] = field(default_factory=list)  # of each line, the run that it sums up


@dataclass
class RunView:
    """Everything that a result file says of how it came to be."""

    label: str
    status: str
    command: list[str] | None  # an option and its value together
    facts: dict[str, dict[str, str]]
    seeds: list[list[str]]


@dataclass
class Heatmaps:
    """The words over matrices: whose they are, what they show, and the ends of the colours, dark first."""

    title: str
    says: str
    worst: str
    best: str


@dataclass
class Section:
    """What is compared with each other: its tables, its pictures, its runs."""

    title: str
    rest: str
    sheets: list[Sheet]
    curves: int | None
    matrices: list[int]
    unseen: int  # rows with finished seeds whose matrix is left out
    runs: list[RunView]
    pictures: list[dict[str, str]] = field(default_factory=list)  # source and words
    heatmaps: Heatmaps | None = None


@dataclass
class Further:
    """Tables and PNG pictures (by what they show) under a title, and the runs behind them that no table has."""

    title: str
    grids: list[Grid] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    runs: Sequence[tuple[str, Path, AnyResult]] = field(default_factory=list)


def of_table(table: Table, charts: Charts) -> Section:
    scale = scale_of_rows(table)
    drawn = [charts.add_matrix(row, table, scale) for row in table.rows]
    matrices = [place for place in drawn if place is not None]
    unseen = sum(bool(row.seeds) for row in table.rows) - len(matrices)
    runs = [run(row.label, row.path, row.result) for row in table.rows]
    sheets = [sheet(table), *map(of_grid, table.after)]
    curves = charts.add_stages(table)
    words = heatmaps(table.score, *scale.ends)
    return Section(*_divided(table.heading), sheets, curves, matrices, unseen, runs, heatmaps=words)


def heatmaps(score: Score, worst: float, best: float) -> Heatmaps:
    measured = labelled(score.name, score)
    says = f"Mean {measured} over seeds on each task (columns) after so many tasks learned (rows)."
    unit = f" {score.unit}" if score.unit else ""
    return Heatmaps(
        f"{score.name[:1].upper()}{score.name[1:]} matrices",
        says,
        in_a_cell(worst, score),
        in_a_cell(best, score) + unit,
    )


def of_comparison(one: Comparison, charts: Charts) -> Section:
    sheets = [of_grid(grid) for grid in grids([one])]
    runs = [run(study.label, study.path, study.result) for study in one.studies]
    return Section(*_divided(one.heading), sheets, charts.add_pruning(one), [], 0, runs)


def of_further(further: Further) -> list[Section]:
    """What stands for itself; nothing where it is empty."""
    sheets = [of_grid(grid) for grid in further.grids]
    pictures = [
        {"source": f"data:image/png;base64,{base64.b64encode(image).decode()}", "words": words}
        for words, image in further.pictures.items()
    ]
    runs = [run(*one) for one in further.runs]
    return [Section(further.title, "", sheets, None, [], 0, runs, pictures)] if sheets or pictures else []


def _divided(heading: str) -> tuple[str, str]:
    """`split-mnist` and the rest of a heading such as `split-mnist (seed=0): 5 tasks, ..`."""
    cut = min((heading.index(mark) for mark in (" (", ": ", ", ") if mark in heading), default=len(heading))
    return heading[:cut], heading[cut:].lstrip(" ,:")


def sheet(table: Table) -> Sheet:
    footnotes = table.footnotes()
    marks = {column.name: table.marks(column) for column in table.columns}
    header = [
        head("method", "ascending"),
        *(head(c.head, _first(c)) for c in table.columns),
        head("n seeds", "descending"),
    ]

    def numbers(notes: list[str]) -> list[int]:
        return [footnotes.index(note) + 1 for note in notes]

    def entry(n: int, column: Column, cell: Cell) -> Entry:
        return Entry(text(cell, column), cell.mean, marks[column.name].get(n, ""), numbers(cell.notes))

    def line(n: int, row: Row) -> list[Entry]:
        cells = [entry(n, column, row.cells[column.name]) for column in table.columns]
        seeds = len(row.seeds)
        return [Entry(row.label), *cells, Entry(str(seeds), seeds, notes=numbers(row.notes))]

    body = [line(n, row) for n, row in enumerate(table.rows)]
    notes = table.general_notes("bold", "italic")
    return Sheet(table.heading, header, body, notes, footnotes, list(range(len(body))))


def head(words: str, first: str, left: bool = False) -> dict[str, str]:
    return {"words": words, "first": first, "side": "left" if left else ""}


def _first(column: Column) -> str:
    return "descending" if column.better == "higher" else "ascending"


def of_grid(grid: Grid) -> Sheet:
    header = [head(words, "ascending", grid.to_the_left(n)) for n, words in enumerate(grid.header)]
    return Sheet(grid.heading, header, [[Entry(words) for words in line] for line in grid.body], grid.notes)


def run(label: str, path: Path, result: AnyResult) -> RunView:
    words = command.words(result)
    done = sum(run.status == "done" for run in result.runs)
    general = {"file": str(path), "digest": result.digest, "status": result.status, "reason": result.reason}
    general |= {"remarks": "; ".join(remarks(result))} if remarks(result) else {}
    general |= {"started": result.started, "finished": result.finished, "kind": result.kind}
    facts: dict[str, dict[str, Any]] = {
        "result": general,
        "configuration": _with_origins(result),
        **{f"made by {key}": flatten(maker) for key, maker in result.makers.items()},
        "data (SHA-256)": result.data,
    }
    return RunView(
        label,
        f"{result.status}, {done} of {len(result.runs)} seeds finished",
        list(_options(words)) if words else None,
        {name: {key: _said(value) for key, value in pairs.items()} for name, pairs in facts.items()},
        [_seed(run) for run in result.runs],
    )


def _options(words: list[str]) -> Iterator[str]:
    """`--lr 0.1` of ["--lr", "0.1"]: a line should not break between them. clbench and its command come first."""
    yield shlex.join(words[:2])
    rest = words[2:]
    yield from (shlex.join(pair) for pair in zip(rest[::2], rest[1::2], strict=True))


def _with_origins(result: AnyResult) -> dict[str, str]:
    """Every option: `0.1, from mine.toml:3`; its value alone where that is the code's, or nobody knows."""
    came = result.origins or {}
    flat = flatten(result.config)
    set_ = {name for name in flat if came.get(name, origins.CODE) != origins.CODE}
    return {n: f"{_said(value)}{f', from {came[n]}' if n in set_ else ''}" for n, value in flat.items()}


def _said(value: Any) -> str:
    return "–" if value is None or value == "" else shown(value)


def _seed(run: Any) -> list[str]:
    """Seed, status, reason, stages, seconds, peak memory and the seeds trained with it."""
    where = f" (step {run.step})" if run.step is not None else ""
    reason = f"{run.reason or '–'}{where}"
    memory = "–" if run.peak_memory_bytes is None else f"{run.peak_memory_bytes / 2**20:.0f}"
    stages = str(len(run.seconds))
    return [str(run.seed), run.status, reason, stages, f"{sum(run.seconds):.1f}", memory, shown(run.together)]
