"""By how much one group of numbers lies on the claimed side of another, with its confidence interval."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import Any

from clbench.reproduce.lines import Values
from clbench.statistics.estimates import Estimate, deviation_difference, mean_difference, mean_of
from clbench.statistics.intervals import LEVEL, Interval

DIGITS = 9  # bounds nearer to what is needed than this differ from it by rounding of floats alone


@dataclass(frozen=True)
class Margin:
    """By how much a claim holds against one group, estimated over seeds, and that group's name.

    needed: at least so much; None: more than 0. complete: no seed of either group is lost.
    """

    estimate: Estimate
    beside: str
    needed: float | None = None
    complete: bool = True

    @property
    def by(self) -> float:
        return self.estimate.value

    @property
    def interval(self) -> Interval | None:
        """Of 95 percent, two-sided; None where one seed tells of no spread."""
        return self.estimate.interval()

    def holds(self, level: float = LEVEL) -> bool | None:
        """True: the whole interval is on the claimed side of what is needed; False: on the other; None: else."""
        interval = self.estimate.interval(level)
        if interval is None:
            return None
        low, high = (self.beyond(bound) for bound in interval)
        if self.needed is None:
            return True if low > 0 else False if high <= 0 else None
        return True if low >= 0 else False if high < 0 else None

    def beyond(self, number: float) -> float:
        """How far it is on the claimed side of what is needed."""
        return round(number - (self.needed or 0.0), DIGITS)

    @property
    def worst(self) -> float:
        """How far the end of the interval that speaks against the claim is; without one, the number itself."""
        return self.beyond(self.interval[0] if self.interval else self.by)

    @property
    def best(self) -> float:
        return self.beyond(self.interval[1] if self.interval else self.by)

    @property
    def seeds_needed(self) -> int | None:
        """How many would decide if this is right and its spread stays; None if more than 10,000, or unknown."""
        return self.estimate.seeds_to_part(self.needed or 0.0)


def mean_margin(
    mine: Values, theirs: Values, sign: int, needed: float | None, beside: str, complete: bool
) -> Margin:
    """Of the means: of the pairs of equal seeds (Student), else of both groups (Welch)."""
    ours, others = by_seed(mine, sign), by_seed(theirs, sign)
    return Margin(mean_difference(ours, others), beside, needed, complete)


def deviation_margin(
    mine: Values, theirs: Values, sign: int, needed: float | None, beside: str, complete: bool
) -> Margin:
    """Of the sample standard deviations over seeds."""
    both = [list(by_seed(group, 1).values()) for group in (mine, theirs)][::sign]
    return Margin(deviation_difference(*both), beside, needed, complete)


def level_margin(mine: Values, level: float, beside: str, complete: bool) -> Margin:
    """Over a number that is to be reached."""
    over = [value - level for value in by_seed(mine, 1).values()]
    return Margin(mean_of(over), beside, 0.0, complete)


def by_seed(values: Values, sign: int) -> dict[Any, float]:
    """The mean of each seed: several numbers of one, as of its layers, are not as many seeds."""
    found: dict[Any, list[float]] = {}
    for number, (seed, value) in enumerate(values):
        found.setdefault(("of no seed", number) if seed is None else seed, []).append(sign * value)
    return {seed: fmean(numbers) for seed, numbers in found.items()}
