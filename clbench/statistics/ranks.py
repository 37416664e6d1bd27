"""Orders of methods: do two agree, and do methods differ over several streams (Demsar 2006, JMLR 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

AGREEMENT_NEEDS = 3  # methods
ALPHA = 0.05


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau-b of two orders of n methods and its two-sided p value: exact, but approximate with ties."""

    n: int
    tau: float
    p: float
    ties: bool

    @property
    def smallest_p(self) -> float:
        """That of equal orders without ties: 2 of the n! ways to order them."""
        return min(1.0, 2 / factorial(self.n))


def agreement(ours: Sequence[float], theirs: Sequence[float]) -> Agreement | None:
    """Whether two lists of numbers order the same methods alike: Kendall 1938, A new measure of rank correlation.

    None for fewer than three methods, or where one list is constant and orders nothing.
    """
    if len(ours) < AGREEMENT_NEEDS or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return None
    found = stats.kendalltau(ours, theirs)
    ties = min(len(set(ours)), len(set(theirs))) < len(ours)
    return Agreement(len(ours), float(found.statistic), float(found.pvalue), ties)


def average_ranks(scores: ArrayLike, higher_is_better: bool = True) -> NDArray[np.float64]:
    """The mean over streams of each method's rank, 1 the best, ties sharing theirs. scores: [streams, methods]"""
    signed = -np.asarray(scores, dtype=float) if higher_is_better else np.asarray(scores, dtype=float)
    return np.asarray(stats.rankdata(signed, axis=1).mean(axis=0))


def friedman(scores: ArrayLike) -> tuple[float, float]:
    """Friedman's chi-square and its p value that all methods rank alike. scores: [streams, methods >= 3]

    Friedman 1937; corrected for ties. The p value is that of large samples, of little worth for few streams.
    """
    scores = np.asarray(scores, dtype=float)
    if not np.ptp(scores, axis=1).any():  # all methods tie on every stream: no statistic, and no difference
        return 0.0, 1.0
    found = stats.friedmanchisquare(*scores.T)
    return float(found.statistic), float(found.pvalue)


def nemenyi_difference(methods: int, streams: int, alpha: float = ALPHA) -> float:
    """Average ranks further apart than this differ at the level alpha: q sqrt(k(k+1) / 6N), Demsar 2006, section
    3.2.2, with q the quantile of the studentized range over sqrt(2)."""
    q = stats.studentized_range.ppf(1 - alpha, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * streams)))


def cliques(ranks: Sequence[float], difference: float) -> list[tuple[int, int]]:
    """The longest runs of ascending ranks that lie within the difference, as (first, last) of two or more."""
    found: list[tuple[int, int]] = []
    for first, lowest in enumerate(ranks):
        last = max(i for i, rank in enumerate(ranks) if rank - lowest <= difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return found
