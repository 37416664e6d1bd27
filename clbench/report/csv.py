"""All tables as one CSV: a line a configuration; mean, std and n of a metric apart, unrounded."""

from __future__ import annotations

import csv
import io

from .table import Row, Table


def write(tables: list[Table]) -> str:
    names = [column.name for column in tables[0].columns]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    described = [
        "table",
        "stream",
        "tasks",
        "scenario",
        "network",
        "score",
        "method",
        "label",
        "digest",
        "preset",
    ]
    numbers = [f"{name}_{part}" for name in names for part in ("mean", "std", "n")]
    writer.writerow([*described, "n_seeds", *numbers, "notes"])
    for table in tables:
        writer.writerows(_line(table, row) for row in table.rows)
    return file.getvalue()


def _line(table: Table, row: Row) -> list[object]:
    config = row.result.config
    numbers = [part for cell in row.cells.values() for part in (cell.mean, cell.std, len(cell.values))]
    notes = [f"{name}: {note}" for name, cell in row.cells.items() for note in cell.notes]
    return [
        table.heading,
        table.stream,
        len(row.result.tasks),
        config["scenario"],
        config.get("network", {}).get("name", ""),
        config["score"],
        row.method,
        row.label,
        row.result.digest,
        config.get("preset"),
        len(row.seeds),
        *numbers,
        "; ".join([*row.notes, *notes]),
    ]
