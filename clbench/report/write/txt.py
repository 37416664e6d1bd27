"""Plain text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from clbench.config.printable import printable, printable_lines
from clbench.report.document import Document, Note, Table
from clbench.report.write import Place, writes


@writes("txt", ".txt")
def write(documents: Sequence[Document], place: Place) -> str:
    """What a document sets as text itself, else its tables and notes."""
    each = (one.plain() if one.plain else "\n\n".join(_parts(one, place)) for one in documents)
    return printable_lines("\n\n".join(each))


def _parts(document: Document, place: Place) -> Iterator[str]:
    if document.title:
        yield printable(document.title)
    notes = []
    for part in document.parts():
        if isinstance(part, Table):
            yield table(part)
        if isinstance(part, Note):
            notes.append(printable(part.words))
    notes += [f"plot: {printable(path)}" for path, _ in place.drawn(document)]
    if notes:
        yield "\n".join(notes)


def table(one: Table) -> str:
    """Its heading, its rows in columns, its notes."""
    sides = [head.side for head in one.header] if one.rows else None
    rows = [[" ".join([printable(e.words), *(f"[{n}]" for n in e.notes)]) for e in row] for row in one.rows]
    lines = tabulate(rows, [printable(head.words) for head in one.header], disable_numparse=True, colalign=sides)
    footnotes = [f"[{n}] {printable(note)}" for n, note in enumerate(one.footnotes, 1)]
    marks = [printable(note) for note in one.notes if isinstance(note, str)]  # text has no bold
    return "\n".join([*([printable(one.heading), ""] if one.heading else []), lines, *marks, *footnotes])
