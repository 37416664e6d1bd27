"""All tables as one JSON list: an object a configuration, with the value of every seed, unrounded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clbench.report.build.cells import Cell, Column
from clbench.report.build.result_table import Row, Table
from clbench.report.build.tables import group_key
from clbench.results.jsonfile import dumps


def write(tables: list[Table], more: Sequence[dict[str, Any]] = ()) -> str:
    return dumps([*(_object(table, row) for table in tables for row in table.rows), *more])


def _object(table: Table, row: Row) -> dict[str, Any]:
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
