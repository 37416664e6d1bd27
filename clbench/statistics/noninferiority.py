"""Is a candidate worse than a baseline by more than a tolerance? The interval of their difference says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from clbench.statistics.estimates import MeanEstimate, mean_of, welch_difference
from clbench.statistics.intervals import Interval, bootstrap_interval
from clbench.statistics.paired import DIGITS

Test = Literal["paired", "welch", "none"]
Outcome = Literal["better", "same", "worse", "undecided"]


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline. interval: of the mean, at the level 1 - 2 alpha; None where one seed tells of no
    spread. deviation: of the differences of seeds, divided by n-1.
    """

    n: int
    mean: float
    interval: Interval | None
    bootstrap: Interval | None
    deviation: float | None
    alpha: float

    def negated(self) -> Difference:
        """Baseline minus candidate: of a score of which less is better, how much better the candidate is."""
        flip = [None if each is None else (-each[1], -each[0]) for each in (self.interval, self.bootstrap)]
        return Difference(self.n, -self.mean, flip[0], flip[1], self.deviation, self.alpha)

    def outcome(self, tolerance: float) -> Outcome:
        """Of a difference of which more is better.

        worse: the whole interval is below -tolerance. better: the whole is above tolerance. same: it reaches from
        -tolerance up, so the candidate is not inferior (one-sided test at alpha against the margin; Schuirmann
        1987). undecided: -tolerance lies within.
        """
        if self.interval is None:
            return "undecided"
        low, high = self.interval
        if high < -tolerance:
            return "worse"
        if low < -tolerance:
            return "undecided"
        return "better" if low > tolerance else "same"

    def seeds_needed(self, tolerance: float) -> int | None:
        """The fewest seeds that decide, if mean and spread stay as they are; None if more than 10,000."""
        spread = MeanEstimate(self.mean, self.n, self.deviation)
        return spread.seeds_to_part(-tolerance, 1 - 2 * self.alpha)


def difference(
    baseline: Mapping[int, float], candidate: Mapping[int, float], test: Test = "paired", alpha: float = 0.05
) -> Difference:
    """Of values by seed. paired: over the seeds of both (Student 1908); welch: means of all seeds of either (Welch
    1947), for seeds that are not the same; none: the means alone, without an interval.
    """
    if test == "welch":
        return _of(welch_difference(list(candidate.values()), list(baseline.values())), None, alpha)
    seeds = sorted(set(baseline) & set(candidate))
    each = np.round([candidate[seed] - baseline[seed] for seed in seeds], DIGITS).tolist()
    found = mean_of(each)
    if test == "none":
        return Difference(found.n, found.value, (found.value, found.value), None, None, alpha)
    if found.n < 2:
        same = (0.0, 0.0) if found.value == 0 else None  # equal to the digit: there is nothing to test
        return Difference(found.n, found.value, same, None, None, alpha)
    return _of(found, bootstrap_interval(each, 1 - 2 * alpha), alpha)


def _of(found: MeanEstimate, bootstrap: Interval | None, alpha: float) -> Difference:
    interval = found.interval(1 - 2 * alpha)
    return Difference(found.n, found.value, interval, bootstrap, found.deviation, alpha)
