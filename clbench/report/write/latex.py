"""Tables as LaTeX: a document that compiles as it is, or tables alone for `\\input`; numbers align at the ±."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from clbench.report.build.cells import text
from clbench.report.build.result_table import Row, Table
from clbench.report.grid import Grid

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
    '"': r"\textquotedbl{}",
    "±": r"$\pm$",
    "–": "--",
    "²": r"\textsuperscript{2}",
    "δ": r"$\delta$",
    "λ": r"$\lambda$",
    "β": r"$\beta$",
    **{character: "\\" + character for character in "{}$&#_%"},
}
ROWS = 30  # of a table that fits on a page
NOTES = 1200  # characters that fit under the rows of a last part
PACKAGES = "booktabs and graphicx, with T1 as the font encoding"
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage[%smargin=2cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}

%s
\end{document}
"""
WIDE = 7  # columns from which a page lies on its side
FITTED = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"  # shrinks what is too wide


@dataclass
class Entry:
    """A number in LaTeX, its deviation as plain text apart so that both align, its mark, numbers of its notes."""

    mean: str
    plain: str = ""
    mark: str = "%s"
    notes: str = ""


@dataclass
class Sheet:
    """A table with a caption, header and entries that are LaTeX already."""

    caption: str
    header: list[str]
    body: list[list[Entry]]
    notes: list[str]
    left: list[bool]  # columns of words


Pictures = Mapping[str, str]  # path of a PNG file, as LaTeX is to read it -> what it shows
NONE: Pictures = MappingProxyType({})


def document(tables: Sequence[Table], grids: Iterable[Grid] = (), pictures: Pictures = NONE) -> str:
    """A whole document; `--format latex-tables` prints what is between its \\begin and \\end."""
    sheets = _sheets(tables, grids)
    landscape = "landscape," if any(len(sheet.header) >= WIDE for sheet in sheets) else ""
    says = "% Compiles as it is. `clbench report --format latex-tables` prints the tables alone, for \\input.\n"
    return says + DOCUMENT % (landscape, "\n".join([*_all(sheets), *_figures(pictures)]))


def write(tables: Sequence[Table], grids: Iterable[Grid] = (), pictures: Pictures = NONE) -> str:
    """The tables and figures alone."""
    parts = [*_all(_sheets(tables, grids)), *_figures(pictures)]
    return "\n".join([f"% For \\input; the document needs {PACKAGES}.", *parts])


def _figures(pictures: Pictures) -> Iterator[str]:
    for path, words in pictures.items():
        size = r"width=\linewidth,height=0.85\textheight,keepaspectratio"
        lines = [rf"\includegraphics[{size}]{{\detokenize{{{path}}}}}", rf"\caption{{{escaped(words)}}}"]
        yield "\n".join([r"\begin{figure}[htbp]", r"\centering", *lines, r"\end{figure}"]) + "\n"


def escaped(words: str) -> str:
    """Any text as LaTeX on one line; a character that pdfLaTeX does not know as its code point."""
    return "".join(map(_character, " ".join(words.split())))


def _character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    known = " " <= character <= "~" or "À" <= character <= "ÿ"
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def _sheets(tables: Sequence[Table], grids: Iterable[Grid]) -> list[Sheet]:
    of_tables = (one for table in tables for one in (_of_table(table), *map(_of_grid, table.after)))
    return [*of_tables, *map(_of_grid, grids)]


def _all(sheets: list[Sheet]) -> Iterator[str]:
    """Every table; a long one in parts of a page each, its notes under the last, or, many, as text after."""
    for sheet in sheets:
        if len(sheet.body) <= ROWS:
            yield _set(sheet)
            continue
        parts, long = -(-len(sheet.body) // ROWS), sum(map(len, sheet.notes)) > NOTES
        for part in range(parts):
            caption = f"{sheet.caption} (part {part + 1} of {parts})"
            body = sheet.body[part * ROWS : (part + 1) * ROWS]
            notes = sheet.notes if part == parts - 1 and not long else []
            yield _set(replace(sheet, caption=caption, body=body, notes=notes))
        if long:
            yield "\n\n".join(map(_note, sheet.notes)) + "\n"


def _note(note: str) -> str:
    return rf"\par{{\footnotesize\sloppy {note}\par}}"


def _set(sheet: Sheet) -> str:
    longest = [max((len(line[n].plain) for line in sheet.body), default=0) for n in range(len(sheet.header))]
    columns = "".join(
        "r@{}c@{}l" if length else "l" if left else "r" for length, left in zip(longest, sheet.left, strict=True)
    )
    heads = [
        rf"\multicolumn{{3}}{{c}}{{{h}}}" if length else h for h, length in zip(sheet.header, longest, strict=True)
    ]
    lines = [
        r"\begin{table}[htbp]",
        r"\centering",
        rf"\caption{{{sheet.caption}}}",
        r"\medskip",
        FITTED,
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(heads) + r" \\",
        r"\midrule",
        *(" & ".join(map(_entry, line, longest)) + r" \\" for line in sheet.body),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\par\smallskip",
        *map(_note, sheet.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _entry(entry: Entry, longest: int) -> str:
    """One column, or three where any row has a deviation; shorter deviations are padded, so that digits align."""
    notes = rf"\rlap{{\textsuperscript{{{entry.notes}}}}}" if entry.notes else ""
    if not longest:
        return entry.mean + notes
    if not entry.plain:
        return f"{entry.mean}{notes} & & "
    missing = longest - len(entry.plain)
    padding = rf"\phantom{{{'0' * missing}}}" if missing else ""
    return rf"{entry.mean} & ${{}}\pm{{}}$ & {padding}{entry.mark % escaped(entry.plain)}{notes}"


def _of_grid(grid: Grid) -> Sheet:
    body = [[Entry(escaped(line[0])), *map(_number, line[1:])] for line in grid.body]
    left = [grid.to_the_left(n) for n in range(len(grid.header))]
    return Sheet(escaped(grid.heading), [*map(escaped, grid.header)], body, [*map(escaped, grid.notes)], left)


def _of_table(table: Table) -> Sheet:
    header = ["method", *(column.head for column in table.columns), "n seeds"]
    footnotes = table.footnotes()
    notes = [escaped(note) for note in table.general_notes("bold", "underlined")]
    notes += [rf"\textsuperscript{{{n}}}{escaped(note)}" for n, note in enumerate(footnotes, 1)]
    body = [_row(table, n, row, footnotes) for n, row in enumerate(table.rows)]
    left = [n == 0 for n in range(len(header))]
    return Sheet(escaped(table.heading), [*map(escaped, header)], body, notes, left)


def _row(table: Table, n: int, row: Row, footnotes: list[str]) -> list[Entry]:
    def numbers(notes: list[str]) -> str:
        return ",".join(str(footnotes.index(note) + 1) for note in notes)

    cells = []
    for column in table.columns:
        cell, mark = row.cells[column.name], table.marks(column).get(n, "")
        cells.append(_number(text(cell, column), MARKS.get(mark, "%s"), numbers(cell.notes)))
    return [Entry(escaped(row.label)), *cells, _number(str(len(row.seeds)), notes=numbers(row.notes))]


def _number(words: str, mark: str = "%s", notes: str = "") -> Entry:
    mean, _, deviation = words.partition(" ± ")
    return Entry(mark % escaped(mean), deviation, mark, notes)
