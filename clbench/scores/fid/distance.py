"""Distances of two sets of features: Fréchet's, for FID, and its extrapolation to endless samples. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.errors import UserError

SMALL = 1e-3  # of the sum of both traces; what is cut off is spoken of when it is more
POINTS = 15  # counts of images for FID-infinity
LEAST, PER_FEATURE = (
    0.1,
    2,
)  # the smallest of them: a share of all, and images a feature; the bias of fewer is no line


@dataclass(frozen=True, eq=False)
class Statistics:
    """The Gaussian that fits a set of features."""

    mean: np.ndarray  # float64 [D]
    covariance: np.ndarray  # float64 [D, D], unbiased
    count: int


@dataclass(frozen=True)
class Distance:
    """value: squared, as FID is printed. cut: what rounding took off it, at most about; see `frechet`."""

    value: float
    cut: float
    scale: float  # the sum of the traces of both covariances

    @property
    def note(self) -> str:
        """What is to be said of what was cut off; nothing where it is small."""
        if self.cut <= SMALL * self.scale:
            return ""
        return f"negative eigenvalues were cut off, worth about {self.cut:.3g} of the distance"


def statistics_of(features: Any) -> Statistics:
    """Of features [N, D], an array or a tensor in memory; UserError for fewer than two, and for NaN."""
    x = checked(features)
    return Statistics(x.mean(0), np.atleast_2d(np.cov(x, rowvar=False)), len(x))


def checked(features: Any) -> np.ndarray:
    """float64 [N, D], finite, N at least 2; or a UserError."""
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or len(x) < 2:
        raise UserError(f"a distance is of two images or more a set; one has {len(x)}")
    if not np.isfinite(x).all():
        raise UserError("a feature is infinite or not a number; are the network's weights whole?")
    return x


def frechet(a: Statistics, b: Statistics) -> Distance:
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)) (Heusel et al. 2017; Dowson and Landau 1982), in float64.

    A B has the eigenvalues of A^(1/2) B A^(1/2), which is symmetric: real, and none below zero but by rounding.
    Those are taken for zero, and `cut` is what they were: twice the sum of their roots' sizes. Positive ones that
    rounding made are as large and stay, so `cut` is also how far the value may be off.
    """
    same_features(a, b)
    root, lost = root_of(a.covariance)
    spectrum = np.linalg.eigvalsh(symmetric(root @ b.covariance @ root))
    scale = float(np.trace(a.covariance) + np.trace(b.covariance))
    cut = 2 * float(np.sqrt(-spectrum[spectrum < 0]).sum()) + lost
    apart = a.mean - b.mean
    value = float(apart @ apart) + scale - 2 * float(np.sqrt(spectrum.clip(0)).sum())
    return Distance(max(value, 0.0), cut, scale)


def same_features(a: Statistics, b: Statistics) -> None:
    if a.mean.shape != b.mean.shape:
        raise UserError(f"statistics of {len(a.mean)} features and of {len(b.mean)} cannot be compared")


def root_of(covariance: np.ndarray) -> tuple[np.ndarray, float]:
    """The symmetric square root, and the sum of the sizes of the negative eigenvalues that were cut off."""
    values, vectors = np.linalg.eigh(symmetric(covariance))
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T, float(-values[values < 0].sum())


def symmetric(matrix: np.ndarray) -> np.ndarray:
    return (matrix + matrix.T) / 2


def frechet_infinity(a: Any, b: Any, seed: int = 0, points: int = POINTS) -> float:
    """The distance of endless samples: a line through distances of N images of each set, over 1/N, at 0.

    After Chong and Forsyth 2020 (Effectively unbiased FID), who draw fewer generated images alone: here both sets
    are of the same N, so that the bias of both goes away. a, b: features [N, D].
    """
    sets = [checked(a), checked(b)]
    most = min(map(len, sets))
    least = max(round(LEAST * most), PER_FEATURE * sets[0].shape[1])
    if most < 2 * least:
        raise UserError(
            f"FID-infinity is a line through counts from {least} to {2 * least} images; here are {most}"
        )
    counts = np.unique(np.linspace(least, most, points).astype(int))
    rng = np.random.default_rng(seed)
    found = [frechet(*(statistics_of(x[rng.permutation(len(x))[:count]]) for x in sets)).value for count in counts]
    return float(np.polyfit(1 / counts, found, 1)[-1])
