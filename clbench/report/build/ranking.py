"""Methods over several streams: average ranks, Friedman's test, Nemenyi's critical difference (Demsar 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench import statistics
from clbench.metrics import Array
from clbench.report.build.cells import Column, equals, fixed
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table, table_of_words
from clbench.scores import ACCURACY
from clbench.statistics.ranks import ALPHA

STREAMS_NEEDED, METHODS_NEEDED = 2, 3
FEW = 10  # streams up to which Demsar (section 3.2.2) does not trust Friedman's p
DIGITS = 9  # means nearer than this differ by rounding of floats alone


@dataclass(frozen=True)
class Ranking:
    """Labels of the methods that all the tables have, best first; their means. scores: [tables, methods]

    All tables are of one score.
    """

    column: Column
    tables: list[ResultTable]
    labels: list[str]
    scores: Array

    @property
    def name(self) -> str:
        """`BWT of FID`: with the score where the metric's own name does not say it."""
        score = self.tables[0].score
        plain = score == ACCURACY or self.column.name == score.mean_name
        return self.column.name if plain else f"{self.column.name} of {score.name}"

    @property
    def higher(self) -> bool:
        return self.column.better == "higher"

    @property
    def ranks(self) -> Array:
        """Average over the tables. [methods]"""
        return statistics.average_ranks(self.scores, self.higher)

    @property
    def difference(self) -> float:
        return statistics.nemenyi_difference(len(self.labels), len(self.tables))

    @property
    def groups(self) -> list[tuple[int, int]]:
        return statistics.cliques(list(self.ranks), self.difference)

    @property
    def streams(self) -> list[str]:
        """A name for each table; numbered where several are of one stream."""
        names = [table.stream for table in self.tables]
        return [f"{name} ({n})" if names.count(name) > 1 else name for n, name in enumerate(names, 1)]

    def table(self) -> Table:
        by_table = [statistics.average_ranks(line[None], self.higher) for line in self.scores]
        body = [
            [label, fixed(average, 2), *(f"{ranks[n]:g}" for ranks in by_table)]
            for n, (label, average) in enumerate(zip(self.labels, self.ranks, strict=True))
        ]
        heading = f"Average ranks by {self.name} over {len(self.tables)} streams"
        several = len(set(self.streams) & {table.stream for table in self.tables}) < len(self.tables)
        chi, p = statistics.friedman(self.scores)
        notes = [
            "1 is the best; joint, the ceiling, is not ranked.",
            *([f"{n}: {t.heading}." for n, t in zip(self.streams, self.tables, strict=True)] if several else []),
            *(["Tables of one stream are not independent, which the tests take them for."] if several else []),
            f"Friedman: chi-square = {fixed(chi, 2)}, p {equals(p)} for methods that are all alike.",
            *differences_in_words(self),
        ]
        return table_of_words(heading, ["method", "average rank", *self.streams], body, notes)

    def as_object(self) -> dict[str, Any]:
        chi, p = statistics.friedman(self.scores)
        return {
            "kind": "ranks",
            "metric": self.column.name,
            "measure": self.tables[0].score.name,
            "tables": [table.heading for table in self.tables],
            "methods": self.labels,
            "average_ranks": self.ranks.tolist(),
            "means": self.scores.tolist(),
            "friedman": {"chi_square": chi, "p": p},
            "critical_difference": self.difference,
            "alpha": ALPHA,
        }


def rankings(tables: list[ResultTable], names: list[str]) -> list[Ranking]:
    """One a score and metric, where two tables or more have the same three methods or more; joint is no such."""
    found = []
    for score in dict.fromkeys(table.score for table in tables):
        alike = [table for table in tables if table.score == score]
        found += [ranking(alike, column) for column in alike[0].ranked(names)]
    return [each for each in found if each is not None]


def ranking(tables: list[ResultTable], column: Column) -> Ranking | None:
    kept = [table for table in tables if len(ranked(table, column)) >= METHODS_NEEDED]
    means = [{row.label: row.cells[column.name].mean for row in ranked(table, column)} for table in kept]
    labels = [label for label in (means[0] if means else {}) if all(label in each for each in means)]
    if len(kept) < STREAMS_NEEDED or len(labels) < METHODS_NEEDED:
        return None
    scores: Array = np.array([[each[label] for label in labels] for each in means], dtype=np.float64).round(DIGITS)
    order = np.argsort(statistics.average_ranks(scores, column.better == "higher"), kind="stable")
    return Ranking(column, kept, [labels[n] for n in order], scores[:, order])


def ranked(table: ResultTable, column: Column) -> list[ResultRow]:
    return [row for row in table.rows if not row.joint and row.cells[column.name].mean is not None]


def differences_in_words(ranking: Ranking) -> list[str]:
    """The critical difference, what it was worked out from, and how far to trust it."""
    alpha, n = f"{100 * ALPHA:.0f} percent", len(ranking.tables)
    words = [
        f"Critical difference at {alpha} (Nemenyi): {ranking.difference:.2f} ranks for "
        f"{len(ranking.labels)} methods, N = {n} streams."
    ]
    if n <= FEW:
        words.append(
            f"{n} streams are few: the difference is wide and Friedman's p rough, so much may stay unseen."
        )
    return words
