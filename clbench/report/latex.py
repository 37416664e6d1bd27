"""Tables as LaTeX for `\\input`; the document needs the package booktabs and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from .cells import text
from .grid import Grid
from .table import Row, Table

MARKS = {"best": r"\textbf{%s}", "second": r"\underline{%s}"}
SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # after \\ a bare one would open an optional argument
    "]": "{]}",
    "±": r"$\pm$",
    "–": "--",
    "²": r"\textsuperscript{2}",
    **{character: "\\" + character for character in "{}$&#_%"},
}


def write(tables: list[Table], grids: Iterable[Grid] = ()) -> str:
    of_tables = (grid for table in tables for grid in (_grid(table), *map(_escaped_grid, table.after)))
    every = [*of_tables, *map(_escaped_grid, grids)]
    return "\n".join(["% needs \\usepackage{booktabs}", *map(_set, every)])


def escaped(words: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in words)


def _set(grid: Grid) -> str:
    """The environment; the entries of the grid are LaTeX already."""
    lines = [
        r"\begin{table}[ht]",
        r"\centering",
        rf"\caption{{{grid.heading}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(grid.header) - 1)}}}",
        r"\toprule",
        " & ".join(grid.header) + r" \\",
        r"\midrule",
        *(" & ".join(line) + r" \\" for line in grid.body),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par{{\footnotesize {note}}}" for note in grid.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _escaped_grid(grid: Grid) -> Grid:
    body = [[escaped(entry) for entry in line] for line in grid.body]
    return Grid(escaped(grid.heading), [*map(escaped, grid.header)], body, [*map(escaped, grid.notes)])


def _grid(table: Table) -> Grid:
    header = ["method", *(f"{column.name} ({column.unit})" for column in table.columns), "n seeds"]
    footnotes = table.footnotes()
    general = table.general_notes("bold", "underlined")
    notes = [escaped(note) for note in general]
    notes += [rf"\textsuperscript{{{n}}}{escaped(note)}" for n, note in enumerate(footnotes, 1)]
    body = [_row(table, n, row, footnotes) for n, row in enumerate(table.rows)]
    return Grid(escaped(table.heading), [*map(escaped, header)], body, notes)


def _row(table: Table, n: int, row: Row, footnotes: list[str]) -> list[str]:
    def noted(words: str, notes: list[str]) -> str:
        numbers = ",".join(str(footnotes.index(note) + 1) for note in notes)
        return words + (rf"\textsuperscript{{{numbers}}}" if numbers else "")

    cells = []
    for column in table.columns:
        cell, mark = row.cells[column.name], table.marks(column).get(n, "")
        cells.append(noted(MARKS.get(mark, "%s") % escaped(text(cell, column)), cell.notes))
    return [escaped(row.label), *cells, noted(str(len(row.seeds)), row.notes)]
