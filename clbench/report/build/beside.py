"""A second column of the score's mean: of other results of the same streams and methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clbench.errors import UserError
from clbench.report.build.cells import Cell, Column
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.tables import comparable


def divided(beside: str) -> tuple[str, Path]:
    """`NAME=FOLDER` as the column's name and where its results are; UserError if it is neither."""
    name, sign, folder = beside.partition("=")
    if not (sign and name.strip() and folder.strip()):
        raise UserError(f"--beside takes NAME=FOLDER, a column's name and its results, not {beside!r}")
    return name.strip(), Path(folder.strip())


def add(tables: Sequence[ResultTable], name: str, where: Path, others: Sequence[ResultTable]) -> None:
    """Behind the mean of each table a column of the same mean in its table among `others`.

    A row is set beside the only one there of its method, or else the one of the same label. UserError: no table
    has one there; a table has a column of that name.
    """
    there = {comparable(other.first): other for other in others}
    pairs = [(table, there.get(comparable(table.first))) for table in tables]
    if not any(other for _, other in pairs):
        raise UserError(
            f"--beside {name}: nothing in {where} is of the stream, data, scenario, network and split of a table "
            f"here; clbench report {where} shows what is there"
        )
    for table, other in pairs:
        if other:
            _add(table, name, where, other)


def _add(table: ResultTable, name: str, where: Path, other: ResultTable) -> None:
    mean = _mean(table)
    said = f"of {where}; clbench report {where} says with which values"
    column = replace(mean, name=f"{mean.name}, {name}", metric=None, definition=said)
    if any(column.name == one.name for one in table.columns):
        raise UserError(f"--beside: two columns would be called {name!r}; give one of them another name")
    place = table.columns.index(mean) + 1 if mean in table.columns else 0
    table.columns.insert(place, column)
    for row in table.rows:
        row.cells[column.name] = _partner(row, table, where, other)
    table.notes.append(f"{column.name}: {said}.")


def _mean(table: ResultTable) -> Column:
    if not (found := table.ranked(["mean"])):
        raise UserError(
            f"--beside sets {table.score.mean_name} beside {table.score.mean_name}; add it to --metrics"
        )
    return found[0]


def _partner(row: ResultRow, table: ResultTable, where: Path, other: ResultTable) -> Cell:
    """The mean of its row of the other table, with a note where the seeds are others."""
    same = [one for one in other.rows if one.method == row.method]
    if len(same) > 1 or sum(one.method == row.method for one in table.rows) > 1:
        same = [one for one in same if one.label == row.label]
    if len(same) != 1:
        return Cell(notes=[f"{where} has no result of it, or several"])
    cell = same[0].cells[_mean(other).name]
    if not cell.values:
        return cell
    notes = [*cell.notes, *same[0].notes]
    if cell.seeds != row.seeds:
        notes.append(f"in {where} over {len(cell.seeds)} seeds, {', '.join(map(str, cell.seeds))}")
    return replace(cell, notes=notes)
