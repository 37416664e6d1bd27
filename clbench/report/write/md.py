"""Tables as markdown."""

from __future__ import annotations

from collections.abc import Iterable

from tabulate import tabulate

from clbench.report.build.cells import text
from clbench.report.build.result_table import Row, Table
from clbench.report.grid import Grid

MARKS = {"best": "**{}**", "second": "_{}_"}


def write(tables: list[Table], grids: Iterable[Grid] = ()) -> str:
    return "\n\n".join(_set(grid) for grid in [*grids_of(tables), *grids]) + "\n"


def grids_of(tables: list[Table]) -> list[Grid]:
    """Each table and what is set below it, with the marks of markdown in its entries."""
    return [grid for table in tables for grid in (_grid(table), *table.after)]


def _set(grid: Grid) -> str:
    lines = tabulate(
        [[_escaped(entry) for entry in line] for line in grid.body],
        headers=grid.header,
        tablefmt="pipe",
        disable_numparse=True,
        colalign=["left" if grid.to_the_left(n) else "right" for n in range(len(grid.header))]
        if grid.body
        else None,
    )
    return "\n".join([f"### {grid.heading}", "", lines, "", *(f"- {note}" for note in grid.notes)]).rstrip()


def _grid(table: Table) -> Grid:
    header = ["method", *(column.head for column in table.columns), "n seeds"]
    footnotes = table.footnotes()
    marks = {column.name: table.marks(column) for column in table.columns}
    body = [_row(table, n, row, marks, footnotes) for n, row in enumerate(table.rows)]
    notes = table.general_notes("**bold**", "_italic_") + [f"[{n}] {note}" for n, note in enumerate(footnotes, 1)]
    return Grid(table.heading, header, body, notes)


def _row(table: Table, n: int, row: Row, marks: dict[str, dict[int, str]], footnotes: list[str]) -> list[str]:
    def noted(words: str, notes: list[str]) -> str:
        return " ".join([words, *(f"[{footnotes.index(note) + 1}]" for note in notes)])

    cells = [
        noted(MARKS.get(marks[column.name].get(n, ""), "{}").format(text(cell, column)), cell.notes)
        for column, cell in zip(table.columns, row.cells.values(), strict=True)
    ]
    return [row.label, *cells, noted(str(len(row.seeds)), row.notes)]


def _escaped(words: str) -> str:
    return words.replace("|", "\\|")
