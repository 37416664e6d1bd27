"""Tests of two methods over equal seeds, and the correction for testing many pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from clbench.statistics.intervals import Interval, t_interval

NEEDS = 3  # seeds; two give no p below 0.5
FLIPS = 99_999  # of signs; all 2^n where that is no more, as it is up to 16 seeds
ALPHA = 0.05
DIGITS = 9  # differences nearer to each other than this differ by rounding of floats alone, and are ties


@dataclass(frozen=True)
class PairedTests:
    """Of n differences: their mean, its Student's interval, and two-sided p values of two tests that it is 0."""

    n: int
    difference: float
    interval: Interval | None  # of 95 percent; there is one of three seeds and more
    permutation: float
    wilcoxon: float


def paired_tests(ours: Sequence[float], theirs: Sequence[float]) -> PairedTests | None:
    """Tests of `ours` minus `theirs`, seed by seed; None for fewer than three seeds.

    Permutation: the mean difference among those of all ways to flip the signs (Fisher 1935, The design of
    experiments, section 21); of more than 16 seeds, among 99,999 random ways. Wilcoxon: signed ranks (Wilcoxon
    1945), differences of 0 dropped; exact up to 13 seeds, and without ties or zeros up to 50.
    """
    differences = np.round(np.subtract(ours, theirs), DIGITS)
    n = len(differences)
    if n < NEEDS:
        return None
    mean, interval = float(differences.mean()), t_interval(differences.tolist())
    if not differences.any():  # nothing to flip or rank
        return PairedTests(n, mean, interval, 1.0, 1.0)
    flipped = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=FLIPS, rng=np.random.default_rng(0)
    )
    return PairedTests(n, mean, interval, float(flipped.pvalue), float(stats.wilcoxon(differences).pvalue))


def smallest_p(n: int) -> float:
    """The smallest two-sided p that either test can give for n seeds: 2 of the 2^n ways to set the signs."""
    return min(1.0, 2.0 ** (1 - n))


def seeds_needed(pairs: int, alpha: float = ALPHA) -> int:
    """The fewest seeds with which a pair can fall below alpha after Holm's correction over that many pairs."""
    return next(n for n in range(1, 64) if pairs * smallest_p(n) < alpha)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p values, in the order given: the j-th smallest of m times m-j+1, never below the one before.

    Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    m, largest = len(p_values), 0.0
    adjusted = [0.0] * m
    for place, index in enumerate(np.argsort(p_values, kind="stable")):
        largest = max(largest, min(1.0, (m - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted
