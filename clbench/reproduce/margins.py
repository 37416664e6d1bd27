"""By how much one group of numbers lies on the claimed side of another, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from clbench.reproduce.lines import Values

DIGITS = 9  # margins nearer to what is needed than this differ from it by rounding of floats alone


@dataclass(frozen=True)
class Margin:
    """By how much a claim holds against one group, its standard error over seeds, and that group's name.

    needed: at least so much; None: more than 0. complete: no seed of either group is lost.
    """

    by: float
    standard_error: float | None
    beside: str
    needed: float | None = None
    complete: bool = True

    @property
    def beyond(self) -> float:
        return round(self.by - (self.needed or 0.0), DIGITS)

    @property
    def holds(self) -> bool:
        return self.beyond > 0 if self.needed is None else self.beyond >= 0

    @property
    def close(self) -> bool:
        """Whether less than two standard errors part it from the other verdict."""
        return self.standard_error is not None and abs(self.beyond) < 2 * self.standard_error


def mean_margin(
    mine: Values, theirs: Values, sign: int, needed: float | None, beside: str, complete: bool
) -> Margin:
    by, error = difference(mine, theirs)
    return Margin(sign * by, error, beside, needed, complete)


def deviation_margin(
    mine: Values, theirs: Values, sign: int, needed: float | None, beside: str, complete: bool
) -> Margin:
    """Of the sample standard deviations, s; the standard error of one is s / sqrt(2 (n-1)) for normal seeds.

    A group of one seed has none, and counts as lost.
    """
    both = [[value for _, value in group] for group in (mine, theirs)]
    if min(map(len, both)) < 2:
        return Margin(0.0, None, f"{beside} (needs two seeds)", needed, False)
    ours, others = map(stdev, both)
    error = math.hypot(
        *(s / math.sqrt(2 * (len(group) - 1)) for s, group in zip((ours, others), both, strict=True))
    )
    return Margin(sign * (ours - others), error, beside, needed, complete)


def level_margin(mine: Values, level: float, beside: str, complete: bool) -> Margin:
    """Over a number that is to be reached."""
    numbers = [value for _, value in mine]
    return Margin(fmean(numbers) - level, standard_error(numbers), beside, 0.0, complete)


def difference(mine: Values, theirs: Values) -> tuple[float, float | None]:
    """Of the means, and its standard error: of the pairs where each seed stands once in both, else Welch's."""
    ours, others = [value for _, value in mine], [value for _, value in theirs]
    by = fmean(ours) - fmean(others)
    paired, with_them = dict(mine), dict(theirs)
    if paired.keys() == with_them.keys() and len(paired) == len(ours) == len(others):
        return by, standard_error([paired[seed] - with_them[seed] for seed in paired])
    errors = [standard_error(group) for group in (ours, others)]
    return by, None if None in errors else math.hypot(*(error or 0.0 for error in errors))


def standard_error(numbers: Sequence[float]) -> float | None:
    """Of the mean; None for fewer than two."""
    return stdev(numbers) / math.sqrt(len(numbers)) if len(numbers) > 1 else None
