"""Tables of methods as sections: the table in words, its curves, its matrices, its pictures, its runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from clbench.report.build.cells import Cell, Column, text
from clbench.report.build.provenance import run
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.stages import curves, matrices, stage_names
from clbench.report.build.tables import group_key
from clbench.report.document import (
    Curves,
    Entry,
    Head,
    Matrices,
    Matrix,
    Part,
    Pictures,
    Records,
    Section,
    Series,
    Table,
)
from clbench.report.scales import in_a_cell, labelled, percent_like, scale_of

DESCRIBED = ("table", "stream", "tasks", "scenario", "network", "score", "measure", "method", "label", "digest")


def section(table: ResultTable, pictures: Pictures = tuple) -> Section:
    title, rest = divided(table.heading)
    return Section(title, tuple(parts(table)), rest, pictures)


def divided(heading: str) -> tuple[str, str]:
    """`split-mnist` and the rest of a heading such as `split-mnist (seed=0): 5 tasks, ..`."""
    cut = min((heading.index(mark) for mark in (" (", ": ", ", ") if mark in heading), default=len(heading))
    return heading[:cut], heading[cut:].lstrip(" ,:")


def parts(table: ResultTable) -> Iterator[Part]:
    yield table_of_methods(table)
    yield from table.after
    if any(row.seeds for row in table.rows):
        yield over_stages(table)
        yield heat_maps(table)
    yield from (run(row.label, row.path, row.result) for row in table.rows)


def table_of_methods(table: ResultTable) -> Table:
    """Methods by metrics; the last column counts seeds."""
    footnotes = table.footnotes()
    marks = {column.name: table.marks(column) for column in table.columns}

    def numbers(notes: Sequence[str]) -> tuple[int, ...]:
        return tuple(footnotes.index(note) + 1 for note in notes)

    def entry(n: int, column: Column, cell: Cell) -> Entry:
        return Entry(text(cell, column), cell.mean, marks[column.name].get(n, ""), numbers(cell.notes))

    def line(n: int, row: ResultRow) -> tuple[Entry, ...]:
        cells = [entry(n, column, row.cells[column.name]) for column in table.columns]
        seeds = len(row.seeds)
        return (Entry(row.label), *cells, Entry(str(seeds), seeds, notes=numbers(row.notes)))

    metrics = [Head(c.head, "right", "descending" if c.better == "higher" else "ascending") for c in table.columns]
    header = (Head("method", "left"), *metrics, Head("n seeds", "right", "descending"))
    body = tuple(line(n, row) for n, row in enumerate(table.rows))
    return Table(table.heading, header, body, tuple(table.general_notes()), tuple(footnotes), of_runs=True)


def over_stages(table: ResultTable) -> Curves:
    """The mean score after each stage of every row with a finished seed."""
    score = table.score
    return Curves(
        table.heading,
        "tasks learned",
        labelled(f"mean {score.name} on the tasks learned", score),
        "after task ",
        tuple(map(str, range(1, len(table.first.tasks) + 1))),
        tuple(Series(row.label, curves(row), row.joint) for row in table.rows if row.seeds),
        score.unit,
        score.better,
        table.digits,
    )


def heat_maps(table: ResultTable) -> Matrices:
    """The mean matrix of every row with a finished seed, all on one scale."""
    score = table.score
    each = {id(row): matrices(row) for row in table.rows if row.seeds}
    worst, best = scale_of(score, [R.mean(axis=0) for R in each.values()]).ends
    unit = f" {score.unit}" if score.unit else ""
    measured = labelled(score.name, score)
    drawn = [
        Matrix(row.label, R, tuple(stage_names(*R.shape[1:])), tuple(row.result.tasks))
        for row, R in ((row, each[id(row)]) for row in table.rows if row.seeds)
    ]
    return Matrices(
        f"{score.name[:1].upper()}{score.name[1:]} matrices",
        f"Mean {measured} over seeds on each task (columns) after so many tasks learned (rows).",
        score.name,
        tuple(drawn),
        worst,
        best,
        (in_a_cell(worst, score), in_a_cell(best, score) + unit),
        percent_like(score),
        score.unit,
        score.better,
        table.digits,
    )


def objects(tables: Sequence[ResultTable]) -> list[dict[str, Any]]:
    """An object a configuration, with the value of every seed, unrounded."""
    return [_object(table, row) for table in tables for row in table.rows]


def _object(table: ResultTable, row: ResultRow) -> dict[str, Any]:
    config = row.result.config
    return {
        "kind": "train",
        **group_key(row.result),
        "table": table.heading,
        "method": row.method,
        "label": row.label,
        "digest": row.result.digest,
        "protocol": row.result.protocol,
        "preset": config.get("preset"),
        "strategy": config.get("strategy", {}),
        "train": config.get("train", {}),
        "origins": row.result.origins,
        "status": row.result.status,
        "file": str(row.path),
        "seeds": row.seeds,
        "metrics": {column.name: _cell(column, row.cells[column.name]) for column in table.columns},
        "notes": row.notes,
        "table_notes": table.notes,
        **row.more,
    }


def _cell(column: Column, cell: Cell) -> dict[str, Any]:
    described = {"unit": column.unit, "better": column.better}
    numbers = {"mean": cell.mean, "std": cell.std, "n": len(cell.values), **described}
    reason = {"reason": cell.notes[0]} if cell.mean is None else {"notes": cell.notes}
    return {**numbers, "values": cell.values, "seeds": cell.seeds, **reason}


def records(tables: Sequence[ResultTable]) -> Records:
    """A line a configuration; mean, std and n of a metric apart, unrounded.

    Tables of different scores share the columns of what they have in common; `measure` says which score it is of.
    """
    names = list(dict.fromkeys(column.name for table in tables for column in table.columns))
    numbers = [f"{name}_{part}" for name in names for part in ("mean", "std", "n")]
    columns = (*DESCRIBED, "preset", "n_seeds", *numbers, "notes")
    return Records(columns, tuple(_line(table, row, names) for table in tables for row in table.rows))


def described(heading: str, measure: str, row: ResultRow) -> dict[str, Any]:
    """What every line of CSV says of the configuration that it is of."""
    config = row.result.config
    values = (
        heading,
        config["stream"]["name"],
        len(row.result.tasks),
        config["scenario"],
        config.get("network", {}).get("name", ""),
        config["score"],
        measure,
        row.method,
        row.label,
        row.result.digest,
    )
    return dict(zip(DESCRIBED, values, strict=True))


def _line(table: ResultTable, row: ResultRow, names: Sequence[str]) -> dict[str, Any]:
    cells = {name: row.cells.get(name, Cell()) for name in names}
    numbers = [
        part
        for name, cell in cells.items()
        for part in ((f"{name}_mean", cell.mean), (f"{name}_std", cell.std), (f"{name}_n", len(cell.values)))
    ]
    notes = [f"{name}: {note}" for name, cell in row.cells.items() for note in cell.notes]
    return {
        **described(table.heading, table.score.name, row),
        "preset": row.result.config.get("preset"),
        "n_seeds": len(row.seeds),
        **dict(numbers),
        "notes": "; ".join([*row.notes, *notes]),
    }


def long_records(tables: Sequence[ResultTable]) -> Records:
    """A line a run, stage and task: R[seed, stage, task] as it is printed, in the score's unit.

    stage: tasks learned before it was measured, 0 for the untrained network, `all` where all were learned at once.
    """
    columns = (*DESCRIBED, "file", "seed", "status", "stage", "task", "task_name", "value", "unit")
    return Records(columns, tuple(line for table in tables for row in table.rows for line in _runs(table, row)))


def _runs(table: ResultTable, row: ResultRow) -> Iterator[dict[str, Any]]:
    same, score, tasks = described(table.heading, table.score.name, row), table.score, row.result.tasks
    for one in row.result.runs:
        whose = {**same, "file": str(row.path), "seed": one.seed, "status": one.status}
        names = ["0", "all"] if row.joint else list(map(str, range(len(one.matrix))))
        for stage, line in zip(names, one.matrix, strict=False):
            for n, (task, value) in enumerate(zip(tasks, line, strict=True), 1):
                number = None if value is None else score.factor * value
                where = {"stage": stage, "task": n, "task_name": task}
                yield {**whose, **where, "value": number, "unit": score.unit}
