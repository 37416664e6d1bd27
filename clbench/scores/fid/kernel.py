"""KID: a distance of two sets of features without a Gaussian, and without a bias by their count. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.errors import UserError
from clbench.scores.fid.distance import checked

SUBSETS, SUBSET = 100, 1000  # as published


@dataclass(frozen=True)
class KID:
    """Mean of the squared maximum mean discrepancy over subsets, and its standard deviation (0 for one subset)."""

    mean: float
    deviation: float
    subsets: int
    subset: int


def kid(a: Any, b: Any, seed: int = 0, subsets: int = SUBSETS, subset: int = SUBSET) -> KID:
    """Of features [N, D]: Bińkowski et al. 2018 (Demystifying MMD GANs), unbiased, so that it may be below zero.

    Subsets are drawn without replacement; where neither set has more than `subset`, there is one, which is all.
    """
    x, y = checked(a), checked(b)
    if x.shape[1] != y.shape[1]:
        raise UserError(f"{x.shape[1]} features and {y.shape[1]} cannot be compared")
    size = min(subset, len(x), len(y))
    subsets = 1 if size == len(x) == len(y) else subsets
    rng = np.random.default_rng(seed)
    draws = [
        discrepancy(*(each[rng.choice(len(each), size, replace=False)] for each in (x, y))) for _ in range(subsets)
    ]
    return KID(float(np.mean(draws)), float(np.std(draws)), subsets, size)


def discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """Unbiased squared MMD (Gretton et al. 2012, equation 3) of x [m, D] and y [n, D]."""
    within = sum((k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y)))
    return float(within - 2 * kernel(x, y).mean())


def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(x.y / D + 1)^3, [m, n]."""
    return (x @ y.T / x.shape[1] + 1) ** 3
