"""Tables of results as a notebook or a prompt shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

from tabulate import tabulate

from clbench.report.compose import Findings, document, findings
from clbench.report.document import Entry, Table
from clbench.report.write import written
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
        return json.loads(self.text("json"))

    def text(self, fmt: str = "md") -> str:
        """The tables in a format of `clbench report`: md, csv, csv-long, latex, latex-tables, json, html."""
        return written([document(self.findings)], fmt)

    def __repr__(self) -> str:
        return self.text()

    def _repr_markdown_(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return "\n".join(map(as_html, document(self.findings).tables()))


def as_html(one: Table) -> str:
    """A piece of a page: heading, table, notes. Whatever they hold is escaped."""
    sides = [head.side for head in one.header]
    body = [[marked(entry) for entry in row] for row in one.rows]
    header = [escape(head.words) for head in one.header]
    table = tabulate(body, header, tablefmt="unsafehtml", disable_numparse=True, colalign=sides)
    footnotes = [f"[{n}] {note}" for n, note in enumerate(one.footnotes, 1)]
    notes = "".join(f"<li>{escape(note)}</li>" for note in [*one.notes_in("**bold**", "_italic_"), *footnotes])
    notes = notes.replace("**bold**", "<b>bold</b>").replace("_italic_", "<i>italic</i>")
    return f"<h4>{escape(one.heading)}</h4>\n{table}\n<ul>{notes}</ul>"


def marked(entry: Entry) -> str:
    """The best number bold, the second best italic; numbers of notes after it."""
    tag = {"best": "b", "second": "i", "": ""}[entry.mark]
    words = f"<{tag}>{escape(entry.words)}</{tag}>" if tag else escape(entry.words)
    return " ".join([words, *(f"[{n}]" for n in entry.notes)])
