"""What analyses start from and end in: finished trainings in comparable tables; grids, numbers, pictures."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import UserError
from clbench.report.build.cells import Cell, format_mean, left_out
from clbench.report.build.file_names import stems
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.tables import tables
from clbench.report.document import Picture, Run, Section, Table, table_of_words
from clbench.results import Result, find, load, none_found

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Loaded = list[tuple[Path, Result]]
SPREAD = "Mean ± sample standard deviation over seeds."


class Lacking(UserError):
    """The runs are sound, but have not what this analysis reads."""


@dataclass(frozen=True)
class Drawing:
    """A picture of a table: what is to be drawn, by a file of `draw/` of that name, since matplotlib is slow."""

    table: ResultTable
    figure: str
    arguments: tuple[Any, ...]
    suffix: str = ""  # of the file's name
    caption: str = ""


@dataclass(frozen=True)
class Analysis:
    """The answer to one question: `tables` as words, `rows` the unrounded numbers behind them, a line a seed."""

    what: str
    tables: list[Table]
    rows: list[dict[str, Any]]
    drawings: list[Drawing]

    def pictures(self) -> list[Picture]:
        names = stems([drawing.table for drawing in self.drawings])
        return [
            Picture(f"{self.what}-{stem}{one.suffix}", captioned(self.what, one), partial(figure, one))
            for stem, one in zip(names, self.drawings, strict=True)
        ]

    def draw(self, folder: Path) -> list[Path]:
        """Write the pictures as PNG and SVG into the folder, made if missing; their paths."""
        from clbench.report import pictures

        return [path for paths in pictures.write(self.pictures(), folder).values() for path in paths]

    def section(self, runs: Sequence[Run] = (), title: str = "") -> Section:
        """As a part of a document."""
        return Section(title or self.what, (*self.tables, *runs), "", self.pictures)

    def as_object(self) -> dict[str, Any]:
        """For JSON, which has no NaN."""
        rows = [{name: None if _nan(value) else value for name, value in row.items()} for row in self.rows]
        notes = [{"heading": table.heading, "notes": list(table.notes)} for table in self.tables]
        return {"analysis": self.what, "tables": notes, "rows": rows}


def figure(drawing: Drawing) -> Figure:
    module = importlib.import_module(f"clbench.analysis.draw.{drawing.figure}")
    return module.draw(*drawing.arguments)


def captioned(what: str, drawing: Drawing) -> str:
    return f"{drawing.caption or what}, {drawing.table.heading}."


def _nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def read(paths: Sequence[Path], accept_modified: bool = False) -> Loaded:
    """The results of `clbench train` in files and folders; UserError if there are none or one is damaged."""
    loaded = [(path, load(path, accept_modified)) for path in find(list(paths))]
    trained = [(path, result) for path, result in loaded if result.kind == "train"]
    if not trained:
        raise none_found(paths, "train")
    return trained


def comparable(loaded: Loaded) -> list[ResultTable]:
    """Tables of what may be compared, rows without a finished seed left out; Lacking where none is left."""
    found = tables(loaded, [])
    for table in found:
        idle = [row for row in table.rows if not row.seeds]
        table.notes += [f"{row.path} is left out: {left_out(row.result) or row.result.status}" for row in idle]
        table.rows = [row for row in table.rows if row.seeds]
    found = [table for table in found if table.rows]
    if not found:
        raise Lacking("no run has a finished seed; the command that began it goes on with it")
    return found


def grid(
    table: ResultTable,
    about: str,
    header: list[str],
    body: list[list[str]],
    notes: Iterable[str] = (),
    last: bool = True,
) -> Table:
    """Words, headed by what they are about and on what; notes end with what the rows do not share.

    last: of the grids of this table here, which has its notes.
    """
    said = [SPREAD] if any("±" in entry for line in body for entry in line) else []
    said_of: dict[str, list[str]] = {}
    for row in table.rows:
        for note in row.notes:
            said_of.setdefault(note, []).append(row.label)
    missing = [
        note if len(labels) == len(table.rows) > 1 else f"{', '.join(labels)}: {note}"
        for note, labels in said_of.items()
    ]
    shared = [*table.notes, *missing] if last else []
    return table_of_words(f"{about}, {table.heading}", header, body, [*said, *notes, *shared])


def fixed(cell: Cell, digits: int = 2) -> str:
    """`93.10 ± 0.20`."""
    return format_mean(cell.mean, cell.std, digits)


def identity(table: ResultTable, row: ResultRow, seed: int) -> dict[str, Any]:
    """What a line of numbers says of where it is from."""
    result = row.result
    named = {"table": table.heading, "method": row.method, "label": row.label, "digest": result.digest}
    return {**named, "file": str(row.path), "seed": seed}


def value_of(cell: Cell, seed: int) -> float | None:
    """What a cell has of one seed; None where it has nothing."""
    return dict(zip(cell.seeds, cell.values, strict=True)).get(seed)
