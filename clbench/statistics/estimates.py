"""Numbers estimated over seeds: their interval at any level, and how many seeds part them from a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from clbench.statistics.intervals import LEVEL, Interval
from clbench.statistics.paired import DIGITS

MOST = 10_000  # seeds; more than that is no advice
COUNTS = np.arange(2, MOST + 1)

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


class Estimate(Protocol):
    @property
    def value(self) -> float: ...

    def interval(self, level: float = LEVEL) -> Interval | None:
        """Two-sided confidence interval; None where one seed tells of no spread."""

    def seeds_to_part(self, limit: float, level: float = LEVEL) -> int | None:
        """The fewest seeds whose interval leaves the limit out, if value and spread stay as they are; None if more
        than 10,000, or if there is no spread to go by."""


@dataclass(frozen=True)
class MeanEstimate:
    """A mean or a difference of means, normal over seeds. deviation: standard error times sqrt(n); None for one
    seed. freedom: degrees of freedom, by which Student's t is chosen."""

    value: float
    n: int
    deviation: float | None
    freedom: float = 0.0

    def interval(self, level: float = LEVEL) -> Interval | None:
        if self.deviation is None:
            return None
        if self.deviation == 0:  # equal in every seed
            return self.value, self.value
        half = float(stats.t.ppf((1 + level) / 2, self.freedom)) * self.deviation / self.n**0.5
        return self.value - half, self.value + half

    def seeds_to_part(self, limit: float, level: float = LEVEL) -> int | None:
        if self.deviation is None:
            return None
        half = stats.t.ppf((1 + level) / 2, COUNTS - 1) * self.deviation / np.sqrt(COUNTS)
        return first_of(half < abs(self.value - limit))


@dataclass(frozen=True)
class DeviationEstimate:
    """Sample standard deviation of one group of seeds minus that of another, as far as seeds are normal.

    Interval: the two chi-square intervals of the deviations, put together by MOVER (Zou and Donner 2008,
    Construction of confidence limits about effect measures). Not a bootstrap: of three to ten seeds it resamples
    too few values and is too narrow where spreads differ. Not the F interval of the ratio, which says nothing of
    a difference that must be of a size. Of three seeds it holds the truth up to 99.5 times of 100; it takes the
    groups for independent, and equal seeds that move together make it wider than need be.
    """

    ours: float
    theirs: float
    n: tuple[int, int]

    @property
    def value(self) -> float:
        return self.ours - self.theirs

    def interval(self, level: float = LEVEL) -> Interval | None:
        if min(self.n) < 2:
            return None
        low, high = self.bounds(self.n, level)
        return float(low), float(high)

    def seeds_to_part(self, limit: float, level: float = LEVEL) -> int | None:
        low, high = self.bounds((COUNTS, COUNTS), level)
        return first_of((low > limit) | (high < limit))

    def bounds(self, n: tuple[ArrayLike, ArrayLike], level: float) -> Bounds:
        first, second = deviation_bounds(self.ours, n[0], level), deviation_bounds(self.theirs, n[1], level)
        below = np.hypot(self.ours - first[0], second[1] - self.theirs)
        above = np.hypot(first[1] - self.ours, self.theirs - second[0])
        return self.value - below, self.value + above


def deviation_bounds(deviation: float, n: ArrayLike, level: float) -> Bounds:
    """Of a standard deviation of n normal values: (n-1) s^2 over the variance is chi-square with n-1 degrees."""
    freedom = np.asarray(n) - 1
    low, high = (stats.chi2.ppf(share, freedom) for share in ((1 + level) / 2, (1 - level) / 2))
    return deviation * np.sqrt(freedom / low), deviation * np.sqrt(freedom / high)


def first_of(enough: NDArray[np.bool_]) -> int | None:
    """The first of the counts of seeds that is enough."""
    return int(COUNTS[enough][0]) if enough.any() else None


def enough_seeds(needed: int | None) -> str:
    """In words, what `seeds_to_part` found."""
    return f"{needed:,} seeds would do" if needed is not None else f"no number of seeds up to {MOST:,} would do"


# -- of numbers by seed ----------------------------------------------------------------------------------------


def mean_of(values: Sequence[float]) -> MeanEstimate:
    """Of one group (Student 1908)."""
    numbers = np.round(values, DIGITS)
    n = len(numbers)
    return MeanEstimate(float(numbers.mean()), n, float(numbers.std(ddof=1)) if n > 1 else None, n - 1)


def mean_difference(ours: Mapping[Any, float], theirs: Mapping[Any, float]) -> MeanEstimate:
    """Ours minus theirs, of values by seed: of the pairs where both have the same seeds, else of the means."""
    if ours.keys() == theirs.keys():
        return mean_of([ours[seed] - theirs[seed] for seed in ours])
    return welch_difference(list(ours.values()), list(theirs.values()))


def welch_difference(ours: Sequence[float], theirs: Sequence[float]) -> MeanEstimate:
    """Of means of groups of any spread, with Welch's degrees of freedom (Welch 1947); n: the smaller count."""
    n, value = min(len(ours), len(theirs)), float(np.mean(ours) - np.mean(theirs))
    if n < 2:
        return MeanEstimate(value, n, None)
    parts = [np.var(side, ddof=1) / len(side) for side in (ours, theirs)]
    error = round(float(np.sqrt(sum(parts))), DIGITS)
    if error == 0:
        return MeanEstimate(value, n, 0.0)
    squares = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (ours, theirs), strict=True))
    return MeanEstimate(value, n, float(np.sqrt(sum(parts))) * n**0.5, float(sum(parts) ** 2 / squares))


def deviation_difference(ours: Sequence[float], theirs: Sequence[float]) -> DeviationEstimate:
    """Of the sample standard deviations (divided by n-1)."""
    first, second = (float(np.std(side, ddof=1)) if len(side) > 1 else 0.0 for side in (ours, theirs))
    return DeviationEstimate(first, second, (len(ours), len(theirs)))
