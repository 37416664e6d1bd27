"""Numbers that papers print, as data: the packaged ones, and those of a user's file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from .. import jsonfile, result_checks
from ..errors import UserError
from .cells import COLUMNS, columns
from .table import Table

PAPER = "paper"  # the name under which the packaged file is asked for
Printed = tuple[float, float | None]  # mean, standard deviation over the runs


@dataclass(frozen=True)
class ReferenceTable:
    """One table of a paper. rows: method -> metric -> what it prints; what it does not report is not there."""

    file: str
    source: str
    title: str
    stream: str
    runs: int
    rows: dict[str, dict[str, Printed]]
    name: str
    tasks: int | None = None
    scenario: str | None = None
    note: str | None = None

    def matches(self, table: Table) -> bool:
        """Whether the table is of this stream, and of these tasks and this scenario where they are stated."""
        asked = {"stream": self.stream, "tasks": self.tasks, "scenario": self.scenario}
        first = table.first
        here = {"stream": table.stream, "tasks": len(first.tasks), "scenario": first.config["scenario"]}
        return all(value in (None, here[name]) for name, value in asked.items())


def reference_tables(name: str) -> list[ReferenceTable]:
    """The tables of a file as clbench/schema/reference.json describes it; `paper` names the packaged one.

    UserError: no such file, or it is not as the schema says; the file and the field are named.
    """
    if name == PAPER:
        with as_file(files("clbench.report") / "reference" / "peng2021.json") as packaged:
            return _tables(PAPER, jsonfile.read(packaged))
    return _tables(name, jsonfile.read(Path(name)))


def _tables(file: str, raw: Any) -> list[ReferenceTable]:
    fault = result_checks.schema_fault(raw, "reference.json") or next(_inconsistencies(raw), None)
    if fault:
        raise UserError(f"{file}: {fault}; clbench/schema/reference.json says what belongs there")
    source = ", ".join([raw["source"], *([f"doi {raw['doi']}"] if "doi" in raw else []), *_listed(raw.get("url"))])
    return [
        ReferenceTable(file, source, **{**table, "rows": {m: _row(row) for m, row in table["rows"].items()}})
        for table in raw["tables"]
    ]


def _listed(url: str | None) -> list[str]:
    return [url] if url else []


def _row(row: dict[str, list[float] | None] | None) -> dict[str, Printed]:
    cells = {columns([metric])[0].name: cell for metric, cell in (row or {}).items()}
    return {metric: (cell[0], cell[1]) for metric, cell in cells.items() if cell is not None}


def _inconsistencies(raw: dict[str, Any]) -> Iterator[str]:
    known = {name.lower() for name in COLUMNS}
    names = [table["name"] for table in raw["tables"]]
    for n, table in enumerate(raw["tables"]):
        if table["name"] in names[:n]:
            yield f"tables[{n}].name: {table['name']!r} is the name of an earlier table"
        for method, row in table["rows"].items():
            for metric in row or {}:
                if metric.lower() not in known:
                    all_there_are = ", ".join(COLUMNS)
                    yield f"tables[{n}].rows.{method}: no metric called {metric!r}; there are: {all_there_are}"
