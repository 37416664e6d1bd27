"""Confidence intervals of the mean over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

LEVEL = 0.95
T_NEEDS, BOOTSTRAP_NEEDS = 2, 5  # seeds; fewer than five have too few different resamples to say anything
RESAMPLES = 9999

Interval = tuple[float, float]


def t_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Student's interval of the mean, which takes the values for normal; None for fewer than two.

    Student 1908, The probable error of a mean: mean ± t(n-1) s / sqrt(n).
    """
    n = len(values)
    if n < T_NEEDS:
        return None
    half = stats.t.ppf((1 + level) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    mean = float(np.mean(values))
    return mean - float(half), mean + float(half)


def bootstrap_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Bias-corrected and accelerated (BCa) interval of the mean over 9999 resamples; None for fewer than five.

    Efron 1987, Better bootstrap confidence intervals. The resamples are the same at every call. Of few seeds it
    is too narrow: it never leaves the range of the values.
    """
    if len(values) < BOOTSTRAP_NEEDS:
        return None
    if np.ptp(values) == 0:  # every resample is alike, for which BCa is not defined
        return float(values[0]), float(values[0])
    found = stats.bootstrap(
        (np.asarray(values),), np.mean, confidence_level=level, n_resamples=RESAMPLES, rng=np.random.default_rng(0)
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
