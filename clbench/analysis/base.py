"""What analyses start from and end in: finished trainings in comparable tables; grids, numbers, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from clbench.errors import UserError
from clbench.report.build.cells import Cell, left_out, spread
from clbench.report.build.result_table import Row, Table
from clbench.report.build.tables import tables
from clbench.report.grid import Grid
from clbench.results import Result, find, load

Loaded = list[tuple[Path, Result]]
SPREAD = "Mean ± sample standard deviation over seeds."


class Lacking(UserError):
    """The runs are sound, but have not what this analysis reads."""


@dataclass(frozen=True)
class Picture:
    """A function of `plots` by its name, since matplotlib is slow to import, and what it draws of a table."""

    table: Table
    figure: str
    arguments: tuple[Any, ...]
    suffix: str = ""  # of the file's name


@dataclass(frozen=True)
class Analysis:
    """The answer to one question: `grids` as words, `rows` the unrounded numbers behind them, a line a seed."""

    what: str
    grids: list[Grid]
    rows: list[dict[str, Any]]
    pictures: list[Picture]

    def draw(self, folder: Path) -> list[Path]:
        """Write the pictures as PNG and SVG into the folder, made if missing; their paths."""
        from clbench.analysis import panels, plots
        from clbench.report.pictures import stems

        names = stems([picture.table for picture in self.pictures])
        return panels.written(
            folder,
            [
                (f"{self.what}-{stem}{one.suffix}", partial(getattr(plots, one.figure), *one.arguments))
                for stem, one in zip(names, self.pictures, strict=True)
            ],
        )


def read(paths: Sequence[Path], accept_modified: bool = False) -> Loaded:
    """The results of `clbench train` in files and folders; UserError if there are none or one is damaged."""
    loaded = [(path, load(path, accept_modified)) for path in find(list(paths))]
    trained = [(path, result) for path, result in loaded if result.kind == "train"]
    if not trained:
        raise UserError(f"no results in {', '.join(map(str, paths))}; `clbench train` writes them")
    return trained


def comparable(loaded: Loaded) -> list[Table]:
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
    table: Table,
    about: str,
    header: list[str],
    body: list[list[str]],
    notes: Iterable[str] = (),
    last: bool = True,
) -> Grid:
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
    return Grid(f"{about}, {table.heading}", header, body, [*said, *notes, *shared])


def fixed(cell: Cell, digits: int = 2) -> str:
    """`93.10 ± 0.20`."""
    return spread(cell.mean, cell.std, digits)


def identity(table: Table, row: Row, seed: int) -> dict[str, Any]:
    """What a line of numbers says of where it is from."""
    result = row.result
    named = {"table": table.heading, "method": row.method, "label": row.label, "digest": result.digest}
    return {**named, "file": str(row.path), "seed": seed}


def value_of(cell: Cell, seed: int) -> float | None:
    """What a cell has of one seed; None where it has nothing."""
    return dict(zip(cell.seeds, cell.values, strict=True)).get(seed)
