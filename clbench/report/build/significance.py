"""How sure the means of a table are: an interval of each, and a test of every pair of methods over equal seeds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import combinations, product
from typing import Any

from clbench import statistics
from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.report.build.cells import Cell, Column, equals, fixed
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table, table_of_words
from clbench.statistics import PairedTests
from clbench.statistics.intervals import BOOTSTRAP_NEEDS, LEVEL, RESAMPLES, T_NEEDS, Interval
from clbench.statistics.paired import FLIPS, NEEDS


@dataclass(frozen=True)
class Pair:
    """Two rows, tested over the seeds that both have; the p values after Holm's correction over the table."""

    first: ResultRow
    second: ResultRow
    tests: PairedTests
    permutation_holm: float
    wilcoxon_holm: float


def add(tables: list[ResultTable], names: list[str], versus: str | None = None) -> None:
    """Set intervals and tests of the metrics named after every table, and into the JSON objects of its rows.

    versus: a method; it alone is tested against every other. UserError: it is in no table.
    """
    there = list(dict.fromkeys(row.method for table in tables for row in table.rows if not row.joint))
    if versus is not None and versus not in there:
        raise UserError(f"--versus: there is no result of {versus!r} here; {did_you_mean(versus, there)}")
    for table in tables:
        for column in table.ranked(names):
            if any(row.cells[column.name].values for row in table.rows):
                found, untested = pairs(table, column, versus)
                table.after += [interval_grid(table, column), *pair_grid(table, column, found, untested, versus)]
                for row in table.rows:
                    entry = row_object(row, row.cells[column.name], found)
                    row.more.setdefault("statistics", {})[column.name] = entry


def pairs(table: ResultTable, column: Column, versus: str | None = None) -> tuple[list[Pair], int]:
    """Every pair of methods that has seeds enough in common, joint not among them; how many have not.

    versus: only pairs of this method, which comes first, and another.
    """
    rows = [row for row in table.rows if not row.joint and row.cells[column.name].values]
    two = combinations(rows, 2) if versus is None else product(*parted(rows, versus))
    every = [(a, b, tested(a.cells[column.name], b.cells[column.name])) for a, b in two]
    found = [(a, b, tests) for a, b, tests in every if tests]
    permutation = statistics.holm([tests.permutation for _, _, tests in found])
    wilcoxon = statistics.holm([tests.wilcoxon for _, _, tests in found])
    whole = [Pair(*pair, *p) for pair, *p in zip(found, permutation, wilcoxon, strict=True)]
    return whole, len(every) - len(whole)


def parted(rows: list[ResultRow], method: str) -> tuple[list[ResultRow], list[ResultRow]]:
    """Those of the method, and all others."""
    return [row for row in rows if row.method == method], [row for row in rows if row.method != method]


def tested(ours: Cell, theirs: Cell) -> PairedTests | None:
    one, other = (dict(zip(cell.seeds, cell.values, strict=True)) for cell in (ours, theirs))
    equal = [seed for seed in one if seed in other]
    return statistics.paired_tests([one[seed] for seed in equal], [other[seed] for seed in equal])


def interval_grid(table: ResultTable, column: Column) -> Table:
    percent = f"{100 * LEVEL:.0f} percent"
    body = []
    for row in table.rows:
        values = row.cells[column.name].values
        both = statistics.t_interval(values), statistics.bootstrap_interval(values)
        mean = "–" if not values else fixed(row.cells[column.name].mean or 0.0, column.digits)
        body.append([row.label, str(len(values)), mean, *(interval_text(each, column) for each in both)])
    return table_of_words(
        f"{table.title}: {percent} intervals of the mean {column.head}",
        ["method", "n seeds", "mean", "t", "bootstrap"],
        body,
        [
            f"t: Student's, which takes the seeds for normal; needs {T_NEEDS} seeds.",
            f"Bootstrap: BCa of {RESAMPLES} resamples; needs {BOOTSTRAP_NEEDS} seeds; of few it is too narrow.",
        ],
    )


def interval_text(interval: Interval | None, column: Column, sign: str = "") -> str:
    return " to ".join(fixed(end, column.digits, sign) for end in interval) if interval else "–"


def pair_grid(
    table: ResultTable, column: Column, found: list[Pair], untested: int, versus: str | None
) -> list[Table]:
    """One table of all pairs; none where there is but one method."""
    if not found and not untested:
        return []
    body = [
        [
            pair.first.label,
            pair.second.label,
            str(pair.tests.n),
            fixed(pair.tests.difference, column.digits, "+"),
            interval_text(pair.tests.interval, column, "+"),
            *(
                equals(p).removeprefix("= ")
                for p in (
                    pair.tests.permutation,
                    pair.permutation_holm,
                    pair.tests.wilcoxon,
                    pair.wilcoxon_holm,
                )
            ),
        ]
        for pair in found
    ]
    between = f"{100 * LEVEL:.0f} percent interval"
    header = ["method", "against", "n seeds", "difference", between, "permutation p", "Holm", "Wilcoxon p", "Holm"]
    which = "every two methods" if versus is None else f"{versus} beside every other method"
    heading = f"{table.title}: {column.head} of {which} over equal seeds"
    return [table_of_words(heading, header, body, pair_notes(table, found, untested))]


def pair_notes(table: ResultTable, found: list[Pair], untested: int) -> list[str]:
    counts = sorted({pair.tests.n for pair in found})
    sampled = any(2**n > FLIPS for n in counts)
    flips = f"{FLIPS} random sign flips where seeds are many" if sampled else "all sign flips of the differences"
    notes = [
        "Difference: method minus against, with Student's interval. Two-sided p of the permutation test "
        f"({flips}) and of Wilcoxon's signed ranks; Holm: corrected over the {len(found)} pairs of this table."
    ]
    if found:
        lowest = "; ".join(f"{statistics.smallest_p(n):.3g} with {n} seeds" for n in counts)
        best = min(1.0, len(found) * statistics.smallest_p(counts[-1]))
        enough = statistics.seeds_needed(len(found))
        more = f"; a corrected p below 0.05 needs {enough} seeds" if counts[-1] < enough else ""
        notes.append(f"No p can be below {lowest}, nor below {best:.3g} after Holm{more}.")
    if untested:
        notes.append(f"Pairs with fewer than {NEEDS} seeds in common are not tested: {untested}.")
    if any(row.joint for row in table.rows):
        notes.append("joint, the ceiling, is not tested.")
    return notes


def row_object(row: ResultRow, cell: Cell, found: list[Pair]) -> dict[str, Any]:
    """Intervals of the row's mean, and its tests against the rows after it."""
    against = [
        {
            "against": pair.second.label,
            "against_digest": pair.second.result.digest,
            **asdict(pair.tests),
            "permutation_holm": pair.permutation_holm,
            "wilcoxon_holm": pair.wilcoxon_holm,
            "smallest_p": statistics.smallest_p(pair.tests.n),
        }
        for pair in found
        if pair.first is row
    ]
    return {
        "n": len(cell.values),
        "level": LEVEL,
        "t_interval": statistics.t_interval(cell.values),
        "bootstrap_interval": statistics.bootstrap_interval(cell.values),
        "pairs": against,
    }
