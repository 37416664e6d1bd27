"""Tables as markdown, as GitHub shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tabulate import tabulate

from clbench.report.document import Document, Entry, Note, Table
from clbench.report.write import Place, writes

MARKS = {"best": "**{}**", "second": "_{}_", "": "{}"}


@writes("md", ".md", ".markdown")
def write(documents: Sequence[Document], place: Place) -> str:
    """Tables and notes; pictures as images in a file, in a list on the terminal."""
    return "\n".join(_set(document, place) for document in documents)


def _set(document: Document, place: Place) -> str:
    title = [f"## {document.title}"] if document.title else []
    return "\n\n".join([*title, *_parts(document), *_pictures(document, place)]) + "\n"


def _parts(document: Document) -> Iterator[str]:
    notes = []
    for part in document.parts():
        if isinstance(part, Table):
            yield table(part)
        if isinstance(part, Note):
            notes.append(f"- {part.words}")
    if notes:
        yield "\n".join(notes)


def _pictures(document: Document, place: Place) -> list[str]:
    if place.folder is not None:
        return [f"![{caption}](<{path}>)" for path, caption in place.drawn(document, ".png")]
    drawn = [f"- {path}" for path, _ in place.drawn(document)]
    return ["Plots:", "\n".join(drawn)] if drawn else []


def table(one: Table) -> str:
    """Its heading, its rows, its notes."""
    lines = tabulate(
        [[_entry(entry) for entry in row] for row in one.rows],
        headers=[head.words for head in one.header],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=[head.side for head in one.header] if one.rows else None,
    )
    footnotes = [f"[{n}] {note}" for n, note in enumerate(one.footnotes, 1)]
    notes = [f"- {note}" for note in [*one.notes_in("**bold**", "_italic_"), *footnotes]]
    return "\n".join([f"### {one.heading}", "", lines, "", *notes]).rstrip()


def _entry(entry: Entry) -> str:
    words = " ".join([MARKS[entry.mark].format(entry.words), *(f"[{n}]" for n in entry.notes)])
    return words.replace("|", "\\|")
