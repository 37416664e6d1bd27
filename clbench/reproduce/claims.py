"""What a paper claims, as data; and of every claim whether our numbers bear it out, and by how much."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from clbench.report.cells import significant
from clbench.report.grid import Grid

Line = dict[str, Any]  # numbers of one seed or configuration, with its options as 'strategy.lam'
Match = dict[str, Any]  # what a line must agree with
Values = list[tuple[Any, float]]  # seed, value
ERROR = (
    "± standard error over seeds, of the pairs where both have the same seeds; means decide, close: by less than "
    "two standard errors."
)


@dataclass(frozen=True, order=True)
class Margin:
    """By how much a claim holds against one group, its standard error over seeds, and that group's name."""

    by: float
    standard_error: float | None = field(compare=False)
    beside: str


@dataclass(frozen=True)
class Verdict:
    """On one claim; `holds` is None where the runs that it is about are missing.

    close: less than two standard errors decide. without: groups that it is about and that have no numbers.
    """

    claim: str
    holds: bool | None = None
    margin: Margin | None = None
    close: bool = False
    without: tuple[str, ...] = ()

    def words(self) -> list[str]:
        if self.margin is None:
            return [self.claim, "not tested", "–", "the numbers are missing"]
        by = significant(self.margin.by, self.margin.standard_error, "+")
        verdict = ("holds" if self.holds else "does not hold") + (" (close)" if self.close else "")
        without = f"; no numbers of {'; '.join(self.without)}" if self.without else ""
        return [self.claim, verdict, by, self.margin.beside + without]

    def object(self) -> dict[str, Any]:
        margin = self.margin and {"by": self.margin.by, "standard_error": self.margin.standard_error}
        beside = self.margin and self.margin.beside
        verdict = {"claim": self.claim, "holds": self.holds, "close": self.close, "without": list(self.without)}
        return {**verdict, **(margin or {}), "nearest": beside}


@dataclass(frozen=True)
class Gap:
    """From the group `to` up to a claim's own, among the lines that match `start`, and of `end`."""

    to: Match
    start: Match
    end: Match


@dataclass(frozen=True)
class Claim:
    """The mean of `value` over the lines that match `of` lies above (below) that of every other group.

    gap: instead, how far it lies above another group grows from one place to another.

    by: by at least so much, which may be negative; None: by more than 0. each: among the lines of every value of
    this key. at_least: above this number instead.
    """

    says: str
    value: str
    of: Match
    above: tuple[Match, ...] = ()
    below: tuple[Match, ...] = ()
    by: float | None = None
    at_least: float | None = None
    each: str | None = None
    gap: Gap | None = None

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Claim:
        """Of an entry of `claims` as clbench/schema/reproduction.json describes it."""
        groups = {key: tuple(raw.get(key, ())) for key in ("above", "below")}
        gap = Gap(raw["gap"]["to"], raw["gap"]["from"], raw["gap"]["until"]) if "gap" in raw else None
        return cls(**{**raw, **groups, "gap": gap})

    def judged(self, lines: Sequence[Line]) -> Verdict:
        margins = [
            margin
            for part in parts(lines, self.each)
            if any(matches(line, self.of) for line in part)
            for margin in self.margins(part)
        ]
        if not margins:
            return Verdict(self.says)
        least = min(margins)
        holds = least.by > 0 if self.by is None else least.by >= self.by
        close = least.standard_error is not None and abs(least.by - (self.by or 0)) < 2 * least.standard_error
        return Verdict(self.says, holds, least, close, tuple(self.missing(lines)))

    def missing(self, lines: Sequence[Line]) -> Iterable[str]:
        """The groups that nothing is known of."""
        for other in (*self.above, *self.below):
            if not values(lines, other, self.value):
                yield named(other)

    def margins(self, lines: Sequence[Line]) -> Iterable[Margin]:
        mine = values(lines, self.of, self.value)
        if not mine:
            return
        place = f" at {self.each.removeprefix('strategy.')} {spoken(lines[0].get(self.each))}" if self.each else ""
        if self.at_least is not None:
            numbers = [value for _, value in mine]
            yield Margin(fmean(numbers) - self.at_least, standard_error(numbers), f"{self.at_least:g}{place}")
        if self.gap:
            yield from growth(lines, self.of, self.gap, self.value)
        for sign, others in ((1, self.above), (-1, self.below)):
            for other in others:
                theirs = values(lines, other, self.value)
                if theirs:
                    by, error = difference(mine, theirs)
                    yield Margin(sign * by, error, named(other) + place)


def parts(lines: Sequence[Line], key: str | None) -> list[list[Line]]:
    """The lines as one, or those of every value of a key."""
    if key is None:
        return [list(lines)]
    values = dict.fromkeys(spoken(line.get(key)) for line in lines)
    return [[line for line in lines if spoken(line.get(key)) == value] for value in values]


def matches(line: Line, match: Match) -> bool:
    return all(line.get(key) == value for key, value in match.items())


def values(lines: Sequence[Line], match: Match, value: str) -> Values:
    return [
        (line.get("seed"), line[value]) for line in lines if matches(line, match) and line.get(value) is not None
    ]


def difference(mine: Values, theirs: Values) -> tuple[float, float | None]:
    """Of the means, and its standard error: of the pairs where each seed stands once in both, else Welch's."""
    ours, others = [value for _, value in mine], [value for _, value in theirs]
    by = fmean(ours) - fmean(others)
    paired, with_them = dict(mine), dict(theirs)
    if paired.keys() == with_them.keys() and len(paired) == len(ours) == len(others):
        return by, standard_error([paired[seed] - with_them[seed] for seed in paired])
    errors = [standard_error(group) for group in (ours, others)]
    return by, None if None in errors else math.hypot(*(error or 0.0 for error in errors))


def growth(lines: Sequence[Line], of: Match, gap: Gap, value: str) -> Iterable[Margin]:
    """By how much the gap, seed by seed, is wider at its end than at its start; nothing if runs are missing."""
    gaps = []
    for place in (gap.end, gap.start):
        upper, lower = (dict(values(lines, {**group, **place}, value)) for group in (of, gap.to))
        gaps.append([(seed, upper[seed] - lower[seed]) for seed in upper if seed in lower])
    if all(gaps):
        yield Margin(*difference(*gaps), f"{named(gap.to)}, from {named(gap.start)} to {named(gap.end)}")


def standard_error(numbers: Sequence[float]) -> float | None:
    """Of the mean; None for fewer than two."""
    return stdev(numbers) / math.sqrt(len(numbers)) if len(numbers) > 1 else None


def named(match: Match) -> str:
    return ", ".join(map(spoken, match.values()))


def spoken(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def grid(verdicts: Sequence[Verdict], title: str) -> Grid:
    """A line a claim, and the group that comes nearest to refuting it (or refutes it most)."""
    header = ["claim", "here it", "by (in its unit)", "nearest"]
    return Grid(f"{title}: the paper's claims", header, [verdict.words() for verdict in verdicts], [ERROR])
