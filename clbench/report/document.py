"""What a report says, before it has a format: sections of tables, curves, pictures and notes.

`report`, `analyze`, `reproduce` and every other command that prints make documents; a file of `write/` sets them
in one format. A format takes from a document what it can show and leaves the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from clbench.metrics import Array

Side = Literal["left", "right"]
Mark = Literal["", "best", "second"]


@dataclass(frozen=True)
class Head:
    """Of a column. first: the order that a first click on it sorts by."""

    words: str
    side: Side = "right"
    first: Literal["ascending", "descending"] = "ascending"


@dataclass(frozen=True)
class Entry:
    """One cell. value: what it is sorted by, else its words. notes: numbers, from 1, of footnotes."""

    words: str
    value: float | None = None
    mark: Mark = ""
    notes: tuple[int, ...] = ()


@dataclass(frozen=True)
class MarksNote:
    """How a format marks the best two of a column, with `more` after it."""

    more: str = ""

    def words(self, best: str, second: str) -> str:
        return f"Best of a column in {best}, second best {second}{self.more}."


@dataclass(frozen=True)
class Table:
    """Rows of as many entries as there are heads; the first names the row.

    of_runs: whether row n sums up run n of the section.
    """

    heading: str
    header: tuple[Head, ...]
    rows: tuple[tuple[Entry, ...], ...]
    notes: tuple[str | MarksNote, ...] = ()
    footnotes: tuple[str, ...] = ()
    of_runs: bool = False

    @property
    def words(self) -> list[list[str]]:
        """Of every entry, row by row."""
        return [[entry.words for entry in row] for row in self.rows]

    def notes_in(self, best: str, second: str) -> list[str]:
        """The notes below it, in a format that sets the best and the second best so."""
        return [note if isinstance(note, str) else note.words(best, second) for note in self.notes]


@dataclass(frozen=True)
class Series:
    """One line of curves. values: as printed, NaN where nothing was measured. [seeds, stages]"""

    label: str
    values: Array
    ceiling: bool = False  # what others are compared with: black, dashed, without marks


@dataclass(frozen=True)
class Curves:
    """Numbers over stages: x, y and ticks in words; stage: what stands before a tick, as `after task `."""

    title: str
    x: str
    y: str
    stage: str
    ticks: tuple[str, ...]
    series: tuple[Series, ...]
    unit: str = ""
    better: str = "higher"
    digits: int = 2


@dataclass(frozen=True)
class Matrix:
    """values: as printed. [seeds, stages, tasks]"""

    label: str
    values: Array
    stages: tuple[str, ...]
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Matrices:
    """Heat maps of one score. worst, best: the ends of their colours; whole: whether cells show whole numbers."""

    title: str
    says: str
    name: str
    matrices: tuple[Matrix, ...]
    worst: float
    best: float
    ends: tuple[str, str]  # the same in words
    whole: bool
    unit: str = ""
    better: str = "higher"
    digits: int = 2


@dataclass(frozen=True)
class Picture:
    """Drawn by matplotlib when a file of it is wanted. name: of its files, without a suffix."""

    name: str
    caption: str
    draw: Callable[[], Figure]


Pictures = Callable[[], Sequence[Picture]]


@dataclass(frozen=True)
class Note:
    """A line that belongs to no table."""

    words: str


@dataclass(frozen=True)
class Provenance:
    """Everything that a result file says of how it came to be. command: an option and its value together."""

    status: str
    command: tuple[str, ...] | None
    facts: Mapping[str, Mapping[str, str]]
    seeds_header: tuple[str, ...]
    seeds: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Run:
    """A result behind a section; what is to be said of it is worked out where a format shows it."""

    label: str
    provenance: Callable[[], Provenance]


Part = Table | Curves | Matrices | Note | Run


@dataclass(frozen=True)
class Section:
    """What is compared with each other, in order. pictures: worked out when asked for; matplotlib is slow.

    A page that draws curves and matrices itself shows the pictures of sections without them.
    """

    title: str
    parts: tuple[Part, ...]
    subtitle: str = ""
    pictures: Pictures = tuple

    @property
    def drawn_on_page(self) -> bool:
        return any(isinstance(part, Curves | Matrices) for part in self.parts)


@dataclass(frozen=True)
class Records:
    """Numbers as they are, unrounded: the columns of a CSV file, and its rows by their names."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Records:
        """With every column that one of the rows has."""
        return cls(tuple(dict.fromkeys(name for row in rows for name in row)), tuple(rows))


@dataclass(frozen=True)
class Document:
    """title: over all of it, where several documents stand in one file.

    objects: what JSON holds. records, long: what CSV holds, in its wide and its long form; UserError says why
    there is none. plain: set as text for a terminal, where that is more than tables.
    """

    title: str
    sections: tuple[Section, ...]
    objects: Callable[[], Any]
    records: Callable[[], Records]
    long: Callable[[], Records] | None = None
    plain: Callable[[], str] | None = None

    def parts(self) -> Iterator[Part]:
        for section in self.sections:
            yield from section.parts

    def tables(self) -> list[Table]:
        return [part for part in self.parts() if isinstance(part, Table)]

    def pictures(self) -> list[Picture]:
        return [self.captioned(picture) for section in self.sections for picture in section.pictures()]

    def captioned(self, picture: Picture) -> Picture:
        """Its caption begins with the document's title."""
        return replace(picture, caption=f"{self.title}: {picture.caption}") if self.title else picture


def table_of_words(
    heading: str, header: Sequence[str], body: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> Table:
    """Of entries that are set already. The first column and columns of words are to the left.

    Words begin with a letter, as names do and numbers do not.
    """

    def side(n: int) -> Side:
        return "left" if n == 0 or any(line[n][:1].isalpha() for line in body) else "right"

    heads = tuple(Head(words, side(n)) for n, words in enumerate(header))
    return Table(heading, heads, tuple(tuple(map(Entry, line)) for line in body), tuple(notes))


def document_of_rows(
    rows: Sequence[Mapping[str, Any]],
    plain: str,
    objects: Any,
    title: str = "",
    notes: Sequence[str] = (),
    shown: Sequence[Mapping[str, str]] | None = None,
) -> Document:
    """Of a command that prints one table. plain: how a terminal shows it. shown: rows in words, else the rows."""
    records = Records.of(rows)
    words = [{name: entry_words(value) for name, value in row.items()} for row in rows] if shown is None else shown
    body = [[row.get(name, "") for name in records.columns] for row in words]
    table = table_of_words(title, records.columns, body, notes)
    return Document("", (Section(title, (table,)),), lambda: objects, lambda: records, plain=lambda: plain)


def entry_words(value: Any) -> str:
    """An entry of such a table: nothing for None, a list with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(map(entry_words, value))
    return "" if value is None else str(value)
