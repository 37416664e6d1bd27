"""What a report is made of: tables of rows of cells."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clbench.report.build.cells import Cell, Column, finished
from clbench.report.document import Mark, MarksNote, Table
from clbench.results import Result
from clbench.scores import Score, score_of


@dataclass
class ResultRow:
    """A result in its table. `notes` say which of its seeds are left out of every mean, and why; `more` are
    further keys of its JSON object; `ceiling` is the joint run that it is compared with."""

    path: Path
    result: Result
    label: str
    cells: dict[str, Cell] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    ceiling: Result | None = None

    @property
    def method(self) -> str:
        return self.result.config["method"]

    @property
    def joint(self) -> bool:
        return self.result.protocol == "joint"

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in finished(self.result)]


@dataclass
class ResultTable:
    """Rows of one stream, data, scenario, network, score and scored split; `after` are set below it.

    `title` is the heading in short: the stream's name where no other table here has it. `digits`: after the point,
    of its score.
    """

    rows: list[ResultRow]
    columns: list[Column]
    heading: str = ""
    title: str = ""
    notes: list[str] = field(default_factory=list)
    after: list[Table] = field(default_factory=list)
    digits: int = 2

    @property
    def first(self) -> Result:
        """Any of the results: they agree in all that the heading says."""
        return self.rows[0].result

    @property
    def score(self) -> Score:
        return score_of(self.first)

    @property
    def stream(self) -> str:
        return self.first.config["stream"]["name"]

    def ranked(self, names: list[str]) -> list[Column]:
        """Its metrics of these names, `mean` among them, that say which rows are better."""
        asked = {name.lower() for name in names}
        return [c for c in self.columns if c.metric and {c.name.lower(), c.metric.name.lower()} & asked]

    def footnotes(self) -> list[str]:
        """What the cells and rows have to say, in reading order; number n is entry n-1."""
        notes = [note for row in self.rows for c in row.cells.values() for note in c.notes]
        of_rows = [note for row in self.rows for note in row.notes]
        return list(dict.fromkeys(notes + of_rows))

    def marks(self, column: Column) -> dict[int, Mark]:
        """ResultRow index -> "best" or "second", by the digits shown; equal values share it; joint has none."""
        if column.better is None:
            return {}
        means = {n: row.cells[column.name].mean for n, row in enumerate(self.rows) if not row.joint}
        ranked = {n: round(mean, column.digits) for n, mean in means.items() if mean is not None}
        steps = sorted(set(ranked.values()), reverse=column.better == "higher")[:2]
        if len(ranked) < 2:
            return {}
        places: tuple[Mark, Mark] = ("best", "second")
        return {n: places[steps.index(mean)] for n, mean in ranked.items() if mean in steps}

    def general_notes(self) -> list[str | MarksNote]:
        """What holds for the whole table."""
        several = any(cell.std is not None for row in self.rows for cell in row.cells.values())
        joint = any(row.joint for row in self.rows)
        marked = any(self.marks(column) for column in self.columns)
        spread = ["Mean ± sample standard deviation over seeds."] if several else []
        ceiling = "; joint, the ceiling, is not ranked" if joint else ""
        return [*spread, *([MarksNote(ceiling)] if marked else []), *self.notes]
