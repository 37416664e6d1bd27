"""Our numbers beside those a paper prints: the difference of every method, and whether the order agrees."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from typing import Any

from clbench.config.printable import printable
from clbench.report.build.cells import Cell, Column, equals, fixed, format_mean
from clbench.report.build.references import Printed, ReferenceTable
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table, table_of_words
from clbench.scores import ACCURACY
from clbench.statistics import Agreement, agreement
from clbench.statistics.ranks import AGREEMENT_NEEDS, ALPHA

log = logging.getLogger(__name__)
OTHER_FEATURES = (
    "Theirs is {}, ours {}, of other features of images: the numbers do not compare, the order of the methods may."
)


FEW_EPOCHS = 2  # of which a training is called short: the paper leaves their number open, its code has 20


@dataclass(frozen=True)
class ComparedMethod:
    """A method that both have."""

    row: ResultRow
    ours: Cell
    theirs: Printed

    @property
    def difference(self) -> float:
        return (self.ours.mean or 0.0) - self.theirs[0]


@dataclass(frozen=True)
class Comparison:
    """One metric of a table beside a reference table."""

    table: ResultTable
    reference: ReferenceTable
    column: Column

    @property
    def lines(self) -> list[ComparedMethod]:
        """In the order of our rows; those without a number on either side are left out."""
        printed = {
            method: self.reference.printed(cells, self.column) for method, cells in self.reference.rows.items()
        }
        found = [(row, row.cells[self.column.name], printed.get(row.method)) for row in self.table.rows]
        return [
            ComparedMethod(row, ours, theirs) for row, ours, theirs in found if ours.mean is not None and theirs
        ]

    @property
    def repeated(self) -> list[str]:
        """Methods of several rows: their order is not one thing."""
        return [method for method, n in Counter(line.row.method for line in self.lines).items() if n > 1]

    @property
    def ranked(self) -> list[ComparedMethod]:
        """Joint is a ceiling, not a method among the others."""
        return [line for line in self.lines if not line.row.joint and line.row.method not in self.repeated]

    @property
    def order(self) -> Agreement | None:
        return agreement([line.ours.mean or 0.0 for line in self.ranked], [line.theirs[0] for line in self.ranked])


def add(tables: list[ResultTable], references: list[ReferenceTable]) -> None:
    """Set comparisons after every table that a reference matches, and into the JSON objects of its rows.

    A reference that matches no table is told in a warning.
    """
    for reference in references:
        matching = [table for table in tables if reference.matches(table)]
        if not matching:
            about = map(printable, (reference.file, reference.name, wanted(reference)))
            log.warning("%s: %s: no results of %s to compare with", *about)
        for table in matching:
            every = [Comparison(table, reference, column) for column in table.columns]
            found = [comparison for comparison in every if comparison.lines]
            table.after += map(grid, found)
            for row in {id(line.row): line.row for comparison in found for line in comparison.lines}.values():
                row.more.setdefault("references", []).append(row_object(row, reference, found))


def wanted(reference: ReferenceTable) -> str:
    tasks = f" with {reference.tasks} tasks" if reference.tasks else ""
    measured = "" if reference.score == ACCURACY.name else f" scored by {reference.score}"
    return f"{reference.stream}{tasks}{f', scenario {reference.scenario}' if reference.scenario else ''}{measured}"


def grid(comparison: Comparison) -> Table:
    column, reference, lines = comparison.column, comparison.reference, comparison.lines
    heading = f"{comparison.table.title}: {column.head} beside {reference.title}"
    same = reference.score == comparison.table.score.name
    body = [
        [
            line.row.label,
            f"{format_mean(line.ours.mean, line.ours.std, column.digits)} ({len(line.ours.values)})",
            f"{format_mean(*line.theirs, column.digits)} ({reference.runs})",
            fixed(line.difference, column.digits, "+") if same else "–",
        ]
        for line in lines
    ]
    here = {line.row.method for line in lines}
    missing = [m for m, cells in reference.rows.items() if reference.printed(cells, column) and m not in here]
    notes = [
        "Mean ± standard deviation (number of runs); difference: ours minus theirs.",
        f"Theirs: {reference.source}; {reference.title}.",
        *([] if same else [OTHER_FEATURES.format(reference.score, comparison.table.score.name)]),
        *([reference.note] if reference.note else []),
        *([f"Theirs alone: {', '.join(missing)}."] if missing else []),
        *shortened(comparison.lines),
        order_in_words(comparison),
    ]
    return table_of_words(heading, ["method", "ours", "theirs", "difference"], body, notes)


def shortened(lines: list[ComparedMethod]) -> list[str]:
    """A note where our numbers are of fewer images, or of so few epochs, that they do not compare with printed
    ones."""
    cuts: dict[str, list[str]] = {}
    for line in lines:
        if cut := cut_of(line.row):
            cuts.setdefault(cut, []).append(line.row.label)
    if not cuts:
        return []
    whole = len(cuts) == 1 and sum(map(len, cuts.values())) == len(lines)
    told = "; ".join(cut if whole else f"{cut}: {', '.join(labels)}" for cut, labels in cuts.items())
    return [f"Ours are of short training ({told}): the numbers do not compare, the order of the methods may."]


def cut_of(row: ResultRow) -> str:
    """'at most 2,500 training images a task, 1 epoch': what is short of a training; empty where nothing is."""
    stream, train = row.result.config["stream"], row.result.config.get("train", {})
    images, epochs = stream.get("limit"), train.get("epochs")
    few = epochs is not None and epochs <= FEW_EPOCHS and not train.get("iterations")
    words = [f"at most {images:,} training images a task"] if images else []
    return ", ".join([*words, *([f"{epochs} epoch{'s' * (epochs > 1)}"] if few else [])])


def order_in_words(comparison: Comparison) -> str:
    order, ranked = comparison.order, comparison.ranked
    joint = any(line.row.joint for line in comparison.lines)
    apart = ["joint, the ceiling"] if joint else []
    apart += [f"{method} (several configurations)" for method in comparison.repeated]
    which = f"{len(ranked)} methods" + (f", without {' and '.join(apart)}" if apart else "")
    if order is None:
        enough = len(ranked) >= AGREEMENT_NEEDS
        why = "all are equal" if enough else f"Kendall's tau needs {AGREEMENT_NEEDS} methods"
        return f"Order of {which}: {why}."
    verdict = "agrees" if order.tau > 0 else "is reversed"
    words = verdict if order.p < ALPHA else "agreement cannot be told from chance"
    tau = f"Kendall's tau = {fixed(order.tau, 2)}, p {equals(order.p)}"
    return f"Order of {which}: {words} ({tau}{caveat(order)})."


def caveat(order: Agreement) -> str:
    if order.ties:
        return ", approximate because of ties"
    return f"; of {order.n} methods p cannot be below {order.smallest_p:.4f}" if order.smallest_p > ALPHA else ""


def row_object(row: ResultRow, reference: ReferenceTable, comparisons: list[Comparison]) -> dict[str, Any]:
    """What a reference table prints for the row's method, by metric; the order is that of all its methods."""
    metrics = {
        comparison.column.name: {
            "mean": line.theirs[0],
            "std": line.theirs[1],
            "n": reference.runs,
            "difference": line.difference,
            "order": order_object(comparison.order),
        }
        for comparison in comparisons
        for line in comparison.lines
        if line.row is row
    }
    about = {"source": reference.source, "table": reference.name, "title": reference.title, "note": reference.note}
    return {**about, "short": cut_of(row) or None, "metrics": metrics}


def order_object(order: Agreement | None) -> dict[str, Any] | None:
    return None if order is None else {"n": order.n, "tau": order.tau, "p": order.p, "ties": order.ties}
