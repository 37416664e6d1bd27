"""Numbers from an accuracy matrix R: R[i, j] is the share right on task j after i tasks; R[0] is before any.

R is [T+1, T] and every number comes back in points (shares times 100). Formulas count tasks from 1: R[i, i]
is task i right after it was learned, in column i-1. What a metric was after t tasks is the same function of
R[: t + 1, :t].
"The paper" is Peng et al. 2021 (ANPyC); m [T] are the accuracies of the joint run, its last row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Unavailable(Exception):
    """The metric cannot be computed, and why, in words that fit a footnote."""


def accuracy(R: Array) -> float:
    """ACC = mean over i of R[T, i]: the paper's equation 10."""
    return _points(R[-1])


def backward_transfer(R: Array) -> float:
    """BWT = mean over i<T of R[T, i] - R[i, i]: the paper's equation 12. Unavailable for one task."""
    _several_tasks(R)
    return _points((R[-1] - _when_learned(R))[:-1])


def forward_transfer(R: Array, m: Array) -> float:
    """FWT = mean over i>=2 of R[i, i] - m[i]: the paper's equation 11. Unavailable for one task."""
    _several_tasks(R)
    return _points((_when_learned(R) - m)[1:])


def stability(R: Array) -> float:
    """SMT = mean over j<T of the variance of task j's accuracies over the stages j..T, in points squared.

    The paper's equation 13, whose symbol before the sum is a slip for 1. It leaves the kind of variance
    and the unit open: here it is the population variance (divided by T-j+1) of accuracies in percent.
    Unavailable for one task.
    """
    tasks = _several_tasks(R)
    return 100 * _points(np.array([np.var(R[j:, j - 1]) for j in range(1, tasks)]))


def forward_transfer_gem(R: Array) -> float:
    """Mean over i>=2 of R[i-1, i] - R[0, i]: FWT of Lopez-Paz & Ranzato 2017 (GEM), section 2."""
    tasks = _several_tasks(R)
    before = np.diagonal(R[:tasks])
    return _points((before - R[0])[1:])


def forgetting(R: Array) -> float:
    """Mean over j<T of the best of R[1..T-1, j] minus R[T, j]: Chaudhry et al. 2018 (RWalk)."""
    _several_tasks(R)
    return _points((R[1:-1].max(axis=0) - R[-1])[:-1])


def intransigence(R: Array, m: Array) -> float:
    """Mean over i of m[i] - R[i, i], after Chaudhry et al. 2018 (RWalk).

    There the reference for task i is trained on the tasks 1..i; here it is the joint run of all T tasks.
    """
    return _points(m - _when_learned(R))


def average_incremental_accuracy(R: Array) -> float:
    """Mean over the stages t of the mean over i<=t of R[t, i]: Rebuffi et al. 2017 (iCaRL), section 4."""
    return float(np.mean([accuracy(R[: t + 1, :t]) for t in range(1, R.shape[1] + 1)]))


def accuracy_per_stage(R: Array) -> Array:
    """ACC after 1, 2, .. T tasks, each over the tasks learned by then. [T]"""
    return per_stage("ACC", R)


def per_stage(name: str, R: Array, m: Array | None = None) -> Array:
    """A metric of METRICS after 1, 2, .. T tasks; NaN where it cannot be computed. [T]"""
    values = np.full(R.shape[1], np.nan)
    for t in range(1, R.shape[1] + 1):
        try:
            values[t - 1] = METRICS[name].of(R[: t + 1, :t], None if m is None else m[:t])
        except Unavailable:
            continue
    return values


def _when_learned(R: Array) -> Array:
    """R[i, i]: each task right after it was learned. [T]"""
    return np.diagonal(R[1:])


def _several_tasks(R: Array) -> int:
    if R.shape[1] < 2:
        raise Unavailable("needs two tasks or more")
    return R.shape[1]


def _points(shares: Array) -> float:
    if np.isnan(shares).any():
        raise Unavailable("accuracies are missing from the matrix")
    return float(100 * shares.mean())


@dataclass(frozen=True)
class Metric:
    """One column of a report."""

    name: str
    label: str
    definition: str
    unit: str
    better: str  # higher | lower
    compute: Callable[..., float]  # of R, or of R and m
    needs_joint: bool = False
    needs_order: bool = True  # tasks learned one after another: says nothing of a joint run

    def of(self, R: Array, m: Array | None = None) -> float:
        if not self.needs_joint:
            return self.compute(R)
        if m is None:
            raise Unavailable("needs a joint run")
        return self.compute(R, m)


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "ACC",
            "average accuracy",
            "mean accuracy over all tasks after the last one",
            "%",
            "higher",
            accuracy,
            needs_order=False,
        ),
        Metric(
            "BWT",
            "backward transfer",
            "mean change of each earlier task since it was learned",
            "points",
            "higher",
            backward_transfer,
        ),
        Metric(
            "FWT",
            "forward transfer",
            "mean over the tasks from the second of accuracy when learned minus that of joint training",
            "points",
            "higher",
            forward_transfer,
            needs_joint=True,
        ),
        Metric(
            "SMT",
            "stability",
            "mean over the earlier tasks of the population variance of their accuracy since learned",
            "points²",
            "lower",
            stability,
        ),
        Metric(
            "fwt_gem",
            "forward transfer (GEM)",
            "mean over the tasks from the second of accuracy just before learning minus the untrained one",
            "points",
            "higher",
            forward_transfer_gem,
        ),
        Metric(
            "forgetting",
            "forgetting",
            "mean over the earlier tasks of the best accuracy before the last stage minus that after it",
            "points",
            "lower",
            forgetting,
        ),
        Metric(
            "intransigence",
            "intransigence",
            "mean over all tasks of the accuracy of joint training minus that when learned",
            "points",
            "lower",
            intransigence,
            needs_joint=True,
        ),
        Metric(
            "aia",
            "average incremental accuracy",
            "mean over the stages of the mean accuracy on the tasks learned by then",
            "%",
            "higher",
            average_incremental_accuracy,
        ),
    )
}
