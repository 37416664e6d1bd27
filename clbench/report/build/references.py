"""Numbers that papers print, as data: the packaged ones, and those of a user's file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.report.build.cells import Column, columns, definitions
from clbench.report.build.result_table import ResultTable
from clbench.results import checks as result_checks
from clbench.results import jsonfile
from clbench.scores import ACCURACY

PAPER = "paper"  # the name under which the packaged file is asked for
LIKE = {"FID": ("FID-lenet",)}  # of other features: their numbers do not compare, the order of methods may
Printed = tuple[float, float | None]  # mean, standard deviation over the runs


@dataclass(frozen=True)
class ReferenceTable:
    """One table of a paper. rows: method -> metric -> what it prints; what it does not report is not there.

    score: the name of the score that it is of; the mean of another than accuracy may have any name.
    """

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
    score: str = ACCURACY.name

    def printed(self, cells: dict[str, Printed], column: Column) -> Printed | None:
        """What it prints of the column's metric."""
        mean = column.metric is not None and column.metric.name == "mean"
        return cells.get(column.name) or (cells.get("mean") if mean else None)

    def matches(self, table: ResultTable) -> bool:
        """Whether the table is of this stream and score, and of these tasks and this scenario where stated."""
        if table.score.name not in (self.score, *LIKE.get(self.score, ())):
            return False
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
        ReferenceTable(
            file,
            source,
            **{**table, "rows": {m: _row(row, score_named(table)) for m, row in table["rows"].items()}},
        )
        for table in raw["tables"]
    ]


def _listed(url: str | None) -> list[str]:
    return [url] if url else []


def score_named(table: dict[str, Any]) -> str:
    return str(table.get("score", ACCURACY.name))


def _row(row: dict[str, list[float] | None] | None, score: str) -> dict[str, Printed]:
    cells = {_canonical(metric, score): cell for metric, cell in (row or {}).items()}
    return {metric: (cell[0], cell[1]) for metric, cell in cells.items() if cell is not None}


def _canonical(metric: str, score: str) -> str:
    """As columns are called; of another score than accuracy the mean's name stands as it is written."""
    if score == ACCURACY.name:
        return columns([metric])[0].name
    known = {name.lower(): name for name in definitions()}
    return known.get(metric.lower(), metric)


def _inconsistencies(raw: dict[str, Any]) -> Iterator[str]:
    there = [ACCURACY.mean_name, *definitions()]
    known = {name.lower() for name in there}
    names = [table["name"] for table in raw["tables"]]
    for n, table in enumerate(raw["tables"]):
        if table["name"] in names[:n]:
            yield f"tables[{n}].name: {table['name']!r} is the name of an earlier table"
        for method, row in table["rows"].items():
            for metric in row or {}:
                if score_named(table) == ACCURACY.name and metric.lower() not in known:
                    yield f"tables[{n}].rows.{method}: no metric called {metric!r}; {did_you_mean(metric, there)}"
