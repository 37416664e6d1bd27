"""Tables as LaTeX for `\\input`; the document needs the package booktabs and nothing else."""

from __future__ import annotations

from .cells import text
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


def write(tables: list[Table]) -> str:
    return "\n".join(["% needs \\usepackage{booktabs}", *(_table(table) for table in tables)])


def escaped(words: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in words)


def _table(table: Table) -> str:
    header = ["method", *(f"{column.name} ({column.unit})" for column in table.columns), "n seeds"]
    footnotes = table.footnotes()
    general = table.general_notes("bold", "underlined")
    notes = [escaped(note) for note in general]
    notes += [rf"\textsuperscript{{{n}}}{escaped(note)}" for n, note in enumerate(footnotes, 1)]
    lines = [
        r"\begin{table}[ht]",
        r"\centering",
        rf"\caption{{{escaped(table.heading)}}}",
        rf"\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}",
        r"\toprule",
        " & ".join(escaped(name) for name in header) + r" \\",
        r"\midrule",
        *(_row(table, n, row, footnotes) for n, row in enumerate(table.rows)),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par{{\footnotesize {note}}}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _row(table: Table, n: int, row: Row, footnotes: list[str]) -> str:
    def noted(words: str, notes: list[str]) -> str:
        numbers = ",".join(str(footnotes.index(note) + 1) for note in notes)
        return words + (rf"\textsuperscript{{{numbers}}}" if numbers else "")

    cells = []
    for column in table.columns:
        cell, mark = row.cells[column.name], table.marks(column).get(n, "")
        cells.append(noted(MARKS.get(mark, "%s") % escaped(text(cell, column)), cell.notes))
    return " & ".join([escaped(row.label), *cells, noted(str(len(row.seeds)), row.notes)]) + r" \\"
