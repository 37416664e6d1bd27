"""All tables as one CSV: a line a configuration; mean, std and n of a metric apart, unrounded.

Tables of different scores share the columns of what they have in common; `measure` says which score it is of.
"""

from __future__ import annotations

import csv
import io

from clbench.report.build.cells import Cell
from clbench.report.build.result_table import Row, Table


def write(tables: list[Table]) -> str:
    names = list(dict.fromkeys(column.name for table in tables for column in table.columns))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    described = [
        "table",
        "stream",
        "tasks",
        "scenario",
        "network",
        "score",
        "measure",
        "method",
        "label",
        "digest",
        "preset",
    ]
    numbers = [f"{name}_{part}" for name in names for part in ("mean", "std", "n")]
    writer.writerow([*described, "n_seeds", *numbers, "notes"])
    for table in tables:
        writer.writerows(_line(table, row, names) for row in table.rows)
    return file.getvalue()


def _line(table: Table, row: Row, names: list[str]) -> list[object]:
    config = row.result.config
    cells = [row.cells.get(name, Cell()) for name in names]
    numbers = [part for cell in cells for part in (cell.mean, cell.std, len(cell.values))]
    notes = [f"{name}: {note}" for name, cell in row.cells.items() for note in cell.notes]
    return [
        table.heading,
        table.stream,
        len(row.result.tasks),
        config["scenario"],
        config.get("network", {}).get("name", ""),
        config["score"],
        table.score.name,
        row.method,
        row.label,
        row.result.digest,
        config.get("preset"),
        len(row.seeds),
        *numbers,
        "; ".join([*row.notes, *notes]),
    ]
