"""Tables of results as a notebook or a prompt shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from tabulate import tabulate

from clbench.report import Findings, findings, pruning, written
from clbench.report.grid import Grid
from clbench.report.markdown import grids_of
from clbench.results import AnyResult


@dataclass(frozen=True, repr=False)
class View:
    """Tables of results: printed as markdown, drawn by a notebook. `rows` and `text` have them for a program."""

    findings: Findings

    @classmethod
    def of(cls, results: Iterable[AnyResult], metrics: list[str] | None = None) -> View:
        """Of results in memory. metrics: as in `clbench report --metrics`; UserError for one that is unknown."""
        return cls(findings([(result.path, result) for result in results], metrics))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict a configuration, unrounded, with the value of every seed: rows[0]["metrics"]["ACC"]["mean"]."""
        return json.loads(written(self.findings, "json"))

    def text(self, fmt: str = "md") -> str:
        """The tables in a format of `clbench report`: md, csv, latex, latex-tables, json, html (a page)."""
        return written(self.findings, fmt)

    def __repr__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        of_studies = pruning.grids(self.findings.studies)
        return "\n".join(as_html(grid) for grid in [*grids_of(self.findings.tables), *of_studies])


def as_html(grid: Grid) -> str:
    """A piece of a page: heading, table, notes. Whatever they hold is escaped."""
    sides = ["left" if grid.to_the_left(n) else "right" for n in range(len(grid.header))]
    body = [[escape(line[0]), *(marked(escape(entry)) for entry in line[1:])] for line in grid.body]
    table = tabulate(
        body, [*map(escape, grid.header)], tablefmt="unsafehtml", disable_numparse=True, colalign=sides
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in grid.notes)
    notes = notes.replace("**bold**", "<b>bold</b>").replace("_italic_", "<i>italic</i>")
    return f"<h4>{escape(grid.heading)}</h4>\n{table}\n<ul>{notes}</ul>"


def marked(entry: str) -> str:
    """A number that markdown sets bold or italic, in tags."""
    for sign, tag in (("**", "b"), ("_", "i")):
        if entry.startswith(sign):
            number, _, rest = entry.removeprefix(sign).partition(sign)
            return f"<{tag}>{number}</{tag}>{rest}"
    return entry
