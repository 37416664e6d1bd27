"""Is a candidate worse than a baseline by more than a tolerance? The interval of their difference says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from clbench.statistics.intervals import Interval, bootstrap_interval
from clbench.statistics.paired import DIGITS

Test = Literal["paired", "welch", "none"]
Outcome = Literal["better", "same", "worse", "undecided"]
MOST = 10_000  # seeds; more than that is no advice


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
        if self.deviation is None:
            return None
        counts = np.arange(2, MOST + 1)
        half = stats.t.ppf(1 - self.alpha, counts - 1) * self.deviation / np.sqrt(counts)
        enough = counts[half < abs(self.mean + tolerance)]
        return int(enough[0]) if len(enough) else None


def difference(
    baseline: Mapping[int, float], candidate: Mapping[int, float], test: Test = "paired", alpha: float = 0.05
) -> Difference:
    """Of values by seed. paired: over the seeds of both (Student 1908); welch: means of all seeds of either (Welch
    1947), for seeds that are not the same; none: the means alone, without an interval.
    """
    if test == "welch":
        return _welch(list(baseline.values()), list(candidate.values()), alpha)
    seeds = sorted(set(baseline) & set(candidate))
    each = np.round([candidate[seed] - baseline[seed] for seed in seeds], DIGITS)
    mean, n = float(each.mean()), len(seeds)
    if test == "none":
        return Difference(n, mean, (mean, mean), None, None, alpha)
    if n < 2:
        same = (0.0, 0.0) if mean == 0 else None  # equal to the digit: there is nothing to test
        return Difference(n, mean, same, None, None, alpha)
    deviation = float(each.std(ddof=1))
    half = float(stats.t.ppf(1 - alpha, n - 1)) * deviation / n**0.5
    interval = (mean - half, mean + half)
    return Difference(n, mean, interval, bootstrap_interval(each.tolist(), 1 - 2 * alpha), deviation, alpha)


def _welch(baseline: list[float], candidate: list[float], alpha: float) -> Difference:
    n, mean = min(len(baseline), len(candidate)), float(np.mean(candidate) - np.mean(baseline))
    if n < 2:
        return Difference(n, mean, None, None, None, alpha)
    parts = [np.var(side, ddof=1) / len(side) for side in (baseline, candidate)]
    error = float(np.sqrt(sum(parts)))
    if error == 0:
        return Difference(n, mean, (mean, mean), None, 0.0, alpha)
    squares = [part**2 / (len(side) - 1) for part, side in zip(parts, (baseline, candidate), strict=True)]
    half = float(stats.t.ppf(1 - alpha, sum(parts) ** 2 / sum(squares))) * error
    return Difference(n, mean, (mean - half, mean + half), None, error * n**0.5, alpha)
