"""`report --across scenario`: one table over results that differ in that alone, a column of the mean for each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

from clbench.config.options import did_you_mean
from clbench.config.scenario import Scenario
from clbench.errors import UserError
from clbench.report.build.cells import Cell, Column
from clbench.report.build.methods import table_of_methods
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.tables import group_key, place
from clbench.report.document import Table
from clbench.results.differences import described, differing

PARTS = {"scenario": ("scenario",), "stream": ("stream", "tasks", "data"), "network": ("network",)}
SCENARIOS = get_args(Scenario)


@dataclass
class Across:
    """Tables whose results differ in one part of their configuration, `by`, and what each is called by it."""

    by: str
    tables: list[ResultTable]
    names: list[str]
    merged: ResultTable = field(init=False)

    def __post_init__(self) -> None:
        found: dict[str, ResultRow] = {}
        columns: list[Column] = []
        for name, table in zip(self.names, self.tables, strict=True):
            renamed = {column: replace(column, name=called(column, name)) for column in table.columns}
            columns += renamed.values()
            for row in table.rows:
                label = row.method if self._alone(row.method) else row.label
                merged = found.setdefault(label, ResultRow(row.path, row.result, label))
                merged.cells |= {renamed[c].name: _noted(row, row.cells[c.name], merged) for c in renamed}
        absent = Cell(notes=["not among the results"])
        for row in found.values():
            row.cells = {column.name: row.cells.get(column.name, absent) for column in columns}
        rows = sorted(found.values(), key=lambda row: (*place(row), row.label))
        besides = [f"{c.name}: {c.definition}." for c in columns if c.metric is None and c.cost is None]
        notes = [*self._notes(), *besides]
        self.merged = ResultTable(rows, columns, self._heading(), notes=notes, digits=self.tables[0].digits)

    def _alone(self, method: str) -> bool:
        """Whether no table has two rows of it, which only their options tell apart."""
        return all(sum(row.method == method for row in table.rows) < 2 for table in self.tables)

    def _heading(self) -> str:
        """That of one of the tables, without what tells them apart."""
        first = self.tables[0].first.config
        kept = {
            "stream": first["stream"]["name"],
            "scenario": f"scenario {first['scenario']}",
            "network": f"network {first['network']['name']}" if first.get("network") else "",
        }
        words = ", ".join(text for name, text in kept.items() if name != self.by and text)
        return f"{words}: by {self.by}, {self.tables[0].score.mean_name} on {first['score']} data"

    def _notes(self) -> list[str]:
        several = [f"{name}: {table.heading}." for name, table in zip(self.names, self.tables, strict=True)]
        values = "With which values each was trained, and the other metrics, say the tables of the same results "
        return [*several, f"{values}without --across."]

    def table(self) -> Table:
        return replace(table_of_methods(self.merged), of_runs=False)  # a row is of several results

    def as_object(self) -> dict[str, Any]:
        """For JSON: the tables' headings, and of every method the mean, spread and seeds in each."""
        cells = {
            row.label: {
                column.name: {"mean": cell.mean, "std": cell.std, "seeds": cell.seeds}
                for column in self.merged.columns
                for cell in [row.cells[column.name]]
            }
            for row in self.merged.rows
        }
        named = zip(self.names, self.tables, strict=True)
        tables = [{self.by: name, "table": table.heading} for name, table in named]
        return {
            "kind": "across",
            "by": self.by,
            "measure": self.tables[0].score.name,
            "tables": tables,
            "rows": cells,
        }


def across(tables: Sequence[ResultTable], by: str) -> list[Across]:
    """Of every two tables or more that differ in `by` alone.

    UserError: `by` is nothing that they can differ in, or none do.
    """
    if by not in PARTS:
        raise UserError(f"--across {by}: results can differ in {', '.join(PARTS)}; {did_you_mean(by, PARTS)}")
    groups: dict[str, list[ResultTable]] = {}
    for table in tables:
        key = {name: value for name, value in group_key(table.first).items() if name not in PARTS[by]}
        groups.setdefault(json.dumps(key, sort_keys=True), []).append(table)
    found = [Across(by, *_named(group, by)) for group in groups.values() if len(group) > 1]
    if not found:
        raise UserError(f"--across {by}: no two tables of these results differ in the {by} alone")
    return found


def _named(tables: list[ResultTable], by: str) -> tuple[list[ResultTable], list[str]]:
    """In order, each with its value of `by`; of streams and networks of one name with the options that differ."""
    if by == "scenario":
        in_order = sorted(tables, key=lambda table: SCENARIOS.index(table.first.config["scenario"]))
        return in_order, [table.first.config["scenario"] for table in in_order]
    options = [table.first.config.get(by, {}) for table in tables]
    names = [each.get("name", "unnamed") for each in options]
    if len(set(names)) == len(names):
        return tables, names
    told = [name for name in differing(options) if name != "name"]
    words = [described(each, told) for each in options]
    long = [f"{name} ({more})" if more else name for name, more in zip(names, words, strict=True)]
    return tables, [f"{name} [{n}]" if long.count(name) > 1 else name for n, name in enumerate(long, 1)]


def called(column: Column, name: str) -> str:
    """`ACC, class` of ACC, and `ACC, class, tuned elsewhere` of a column that --beside set there."""
    metric, comma, rest = column.name.partition(", ")
    return f"{metric}, {name}{comma}{rest}"


def _noted(row: ResultRow, cell: Cell, first: ResultRow) -> Cell:
    """The cell, with what its row has to say, and with its seeds where they are not those of the first table."""
    notes = [*cell.notes, *row.notes]
    if cell.values and row.seeds != first.seeds:
        s = "s" if len(cell.seeds) > 1 else ""
        notes.append(f"over {len(cell.seeds)} seed{s}, {', '.join(map(str, cell.seeds))}")
    return replace(cell, notes=notes)
