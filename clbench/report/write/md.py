"""Tables as markdown, as GitHub shows them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from clbench.config.printable import printable, printable_lines
from clbench.report.document import Document, Entry, Note, Table
from clbench.report.write import Place, writes

TAG, LINK = re.compile(r"<(?=[A-Za-z/!?])"), re.compile(r"\]\(")  # what would be markup, in the text of a name
MARKS = {"best": "**{}**", "second": "_{}_", "": "{}"}


@writes("md", ".md", ".markdown")
def write(documents: Sequence[Document], place: Place) -> str:
    """Tables and notes; pictures as images in a file, in a list on the terminal."""
    return printable_lines("\n".join(_set(document, place) for document in documents))


def _set(document: Document, place: Place) -> str:
    title = [f"## {plain(document.title)}"] if document.title else []
    return "\n\n".join([*title, *_parts(document), *_pictures(document, place)]) + "\n"


def _parts(document: Document) -> Iterator[str]:
    notes = []
    for part in document.parts():
        if isinstance(part, Table):
            yield table(part)
        if isinstance(part, Note):
            notes.append(f"- {plain(part.words)}")
    if notes:
        yield "\n".join(notes)


def _pictures(document: Document, place: Place) -> list[str]:
    if place.folder is not None:
        drawn = place.drawn(document, ".png")
        return [f"![{plain(caption)}](<{printable(path).replace('>', '%3E')}>)" for path, caption in drawn]
    listed = [f"- {plain(path)}" for path, _ in place.drawn(document)]
    return ["Plots:", "\n".join(listed)] if listed else []


def table(one: Table) -> str:
    """Its heading, its rows, its notes."""
    lines = tabulate(
        [[_entry(entry) for entry in row] for row in one.rows],
        headers=[in_table(head.words) for head in one.header],
        tablefmt="pipe",
        disable_numparse=True,
        colalign=[head.side for head in one.header] if one.rows else None,
    )
    footnotes = [f"[{n}] {note}" for n, note in enumerate(one.footnotes, 1)]
    notes = [f"- {plain(note)}" for note in [*one.notes_in("**bold**", "_italic_"), *footnotes]]
    return "\n".join([f"### {plain(one.heading)}", "", lines, "", *notes]).rstrip()


def plain(words: str) -> str:
    """Text as text on one line: without line breaks, tags and links."""
    return LINK.sub(r"]\\(", TAG.sub("&lt;", printable(words)))


def _entry(entry: Entry) -> str:
    return " ".join([MARKS[entry.mark].format(in_table(entry.words)), *(f"[{n}]" for n in entry.notes)])


def in_table(words: str) -> str:
    return plain(words).replace("|", "\\|")
