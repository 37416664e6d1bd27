"""Precision and recall of a set of features: how much of one lies within the other's neighbourhoods. No torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clbench.errors import UserError
from clbench.scores.fid.distance import checked

NEIGHBOURS = 3  # as published
NUMBERS = 2**24  # distances at once


@dataclass(frozen=True)
class PrecisionRecall:
    """precision: share of generated images within the real ones' manifold. recall: the other way round."""

    precision: float
    recall: float


def precision_recall(real: Any, generated: Any, neighbours: int = NEIGHBOURS) -> PrecisionRecall:
    """Of features [N, D]: Kynkäänniemi et al. 2019 (Improved precision and recall metric), equations 1 and 2.

    A set's manifold is the union of balls around its features, each as wide as the distance to the k-th nearest
    other one. Both shares depend on the counts: compare equal ones.
    """
    x, y = checked(real), checked(generated)
    if x.shape[1] != y.shape[1]:
        raise UserError(f"{x.shape[1]} features and {y.shape[1]} cannot be compared")
    if min(len(x), len(y)) <= neighbours:
        raise UserError(f"precision and recall are of more than {neighbours} images a set")
    return PrecisionRecall(within(y, x, radii(x, neighbours)), within(x, y, radii(y, neighbours)))


def radii(x: np.ndarray, neighbours: int) -> np.ndarray:
    """Squared distance of each feature to its k-th nearest other one. [N]"""
    found = [np.partition(rows, neighbours, 1)[:, neighbours] for rows in squares(x, x)]  # itself is the nearest
    return np.concatenate(found)


def within(points: np.ndarray, centres: np.ndarray, squared: np.ndarray) -> float:
    """The share of points in at least one ball."""
    return float(np.concatenate([(rows <= squared).any(1) for rows in squares(points, centres)]).mean())


def squares(x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Squared distances of rows of x to all of y, a few rows at a time; what rounding alone makes is zero."""
    norms_x, norms_y = (x * x).sum(1), (y * y).sum(1)
    least = 8 * np.finfo(np.float64).eps
    for rows in np.array_split(np.arange(len(x)), -(-len(x) * len(y) // NUMBERS)):
        sums = norms_x[rows, None] + norms_y
        apart = sums - 2 * (x[rows] @ y.T)
        yield np.where(apart > least * sums, apart, 0.0)
