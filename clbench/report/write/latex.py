"""Tables as LaTeX: a document that compiles as it is, or tables alone for `\\input`; numbers align at the ±."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from clbench.report.document import Document, Entry, Note, Table
from clbench.report.write import Place, writes

MARKS = {"best": r"\textbf{%s}", "second": r"\underline{%s}", "": "%s"}
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
class Number:
    """In LaTeX, its deviation as plain text apart so that both align, its mark, numbers of its notes."""

    mean: str
    plain: str = ""
    mark: str = "%s"
    notes: str = ""


@dataclass
class Sheet:
    """A table with a caption, header and entries that are LaTeX already."""

    caption: str
    header: list[str]
    body: list[list[Number]]
    notes: list[str]
    left: list[bool]  # columns of words


@writes("latex", ".tex")
def document(documents: Sequence[Document], place: Place) -> str:
    """A whole document; latex-tables is what is between its \\begin and \\end."""
    wide = any(len(table.header) >= WIDE for document in documents for table in document.tables())
    says = "% Compiles as it is. `--format latex-tables` prints the tables alone, for \\input.\n"
    return says + DOCUMENT % ("landscape," if wide else "", "\n".join(_parts(documents, place)))


@writes("latex-tables")
def tables(documents: Sequence[Document], place: Place) -> str:
    """The tables and figures alone, for \\input."""
    return "\n".join([f"% For \\input; the document needs {PACKAGES}.", *_parts(documents, place)])


def _parts(documents: Sequence[Document], place: Place) -> Iterator[str]:
    for document in documents:
        for part in document.parts():
            if isinstance(part, Table):
                yield from _in_pages(_sheet(part))
            if isinstance(part, Note):
                yield _note(escaped(part.words)) + "\n"
        yield from (_figure(path, caption) for path, caption in place.drawn(document, ".png"))


def _figure(path: str, caption: str) -> str:
    size = r"width=\linewidth,height=0.85\textheight,keepaspectratio"
    lines = [rf"\includegraphics[{size}]{{\detokenize{{{path}}}}}", rf"\caption{{{escaped(caption)}}}"]
    return "\n".join([r"\begin{figure}[htbp]", r"\centering", *lines, r"\end{figure}"]) + "\n"


def escaped(words: str) -> str:
    """Any text as LaTeX on one line; a character that pdfLaTeX does not know as its code point."""
    return "".join(map(_character, " ".join(words.split())))


def _character(character: str) -> str:
    if character in SPECIAL:
        return SPECIAL[character]
    known = " " <= character <= "~" or "À" <= character <= "ÿ"
    return character if known else f"{{[}}U+{ord(character):04X}{{]}}"


def _in_pages(sheet: Sheet) -> Iterator[str]:
    """A long table in parts of a page each, its notes under the last, or, many, as text after."""
    if len(sheet.body) <= ROWS:
        yield _set(sheet)
        return
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


def _entry(entry: Number, longest: int) -> str:
    """One column, or three where any row has a deviation; shorter deviations are padded, so that digits align."""
    notes = rf"\rlap{{\textsuperscript{{{entry.notes}}}}}" if entry.notes else ""
    if not longest:
        return entry.mean + notes
    if not entry.plain:
        return f"{entry.mean}{notes} & & "
    missing = longest - len(entry.plain)
    padding = rf"\phantom{{{'0' * missing}}}" if missing else ""
    return rf"{entry.mean} & ${{}}\pm{{}}$ & {padding}{entry.mark % escaped(entry.plain)}{notes}"


def _sheet(table: Table) -> Sheet:
    notes = [escaped(note) for note in table.notes_in("bold", "underlined")]
    notes += [rf"\textsuperscript{{{n}}}{escaped(note)}" for n, note in enumerate(table.footnotes, 1)]
    body = [[Number(escaped(first.words)), *map(_number, rest)] for first, *rest in table.rows]
    header = [escaped(head.words) for head in table.header]
    return Sheet(escaped(table.heading), header, body, notes, [head.side == "left" for head in table.header])


def _number(entry: Entry) -> Number:
    mean, _, deviation = entry.words.partition(" ± ")
    mark = MARKS[entry.mark]
    return Number(mark % escaped(mean), deviation, mark, ",".join(map(str, entry.notes)))
