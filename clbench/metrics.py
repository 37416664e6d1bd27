"""Numbers from a matrix R of scores: R[i, j] is the score on task j after i tasks; R[0] is before any.

R is [T+1, T] and every number comes back as it is printed: stored scores times the score's factor, so accuracies
in points. Formulas count tasks from 1: R[i, i] is task i right after it was learned, in column i-1. What a metric
was after t tasks is the same function of R[: t + 1, :t].

Signs: a transfer is a plain difference in the score's unit, and as good or bad as the score says (a BWT of +3 is
gain where higher is better, forgetting where lower is). Forgetting and intransigence are losses: above 0 is worse
for every score. SMT is a variance, lower is better.

Scenario class, where a task is answered among all classes seen so far: BWT, forgetting and SMT compare answers
among ever more classes, as their literature means them there (Chaudhry et al. 2018, single-head), and the means
are over what is seen. fwt_gem, FWT and intransigence compare answers among different classes, and have no value.

"The paper" is Peng et al. 2021 (ANPyC); m [T] are the scores of the joint run, its last row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clbench.scores import ACCURACY, Score
from clbench.scores.score import Direction

Array = NDArray[np.float64]


class Unavailable(Exception):
    """The metric cannot be computed, and why, in words that fit a footnote."""


def final_mean(R: Array, score: Score = ACCURACY) -> float:
    """Mean over i of R[T, i]: the paper's equation 10, ACC where the score is accuracy."""
    return _printed(R[-1], score)


def old_mean(R: Array, score: Score = ACCURACY) -> float:
    """Mean over the first half of the tasks of R[T, i]: Table III has the first five of ten digits."""
    return _printed(R[-1, : old_of(R.shape[1])], score)


def old_of(count: int) -> int:
    """How many of so many tasks, or of a generator's classes, are called old: the first half."""
    return max(count // 2, 1)


def backward_transfer(R: Array, score: Score = ACCURACY) -> float:
    """BWT = mean over i<T of R[T, i] - R[i, i]: the paper's equation 12. Unavailable for one task."""
    _several_tasks(R)
    return _printed((R[-1] - _when_learned(R))[:-1], score)


def forward_transfer(R: Array, m: Array, score: Score = ACCURACY) -> float:
    """FWT = mean over i>=2 of R[i, i] - m[i]: the paper's equation 11. Unavailable for one task."""
    _several_tasks(R)
    return _printed((_when_learned(R) - m)[1:], score)


def stability(R: Array, score: Score = ACCURACY) -> float:
    """SMT = mean over j<T of the variance of task j's scores over the stages j..T, in the printed unit squared.

    The paper's equation 13, whose symbol before the sum is a slip for 1. It leaves the kind of variance
    and the unit open: here it is the population variance (divided by T-j+1) of scores as printed.
    Unavailable for one task.
    """
    tasks = _several_tasks(R)
    return score.factor * _printed(np.array([np.var(R[j:, j - 1]) for j in range(1, tasks)]), score)


def forward_transfer_gem(R: Array, score: Score = ACCURACY) -> float:
    """Mean over i>=2 of R[i-1, i] - R[0, i]: FWT of Lopez-Paz & Ranzato 2017 (GEM), section 2."""
    tasks = _several_tasks(R)
    before = np.diagonal(R[:tasks])
    return _printed((before - R[0])[1:], score)


def forgetting(R: Array, score: Score = ACCURACY) -> float:
    """Mean over j<T of what task j has lost since its best stage of 1..T-1: Chaudhry et al. 2018 (RWalk)."""
    for task in range(_several_tasks(R)):
        if np.isnan(R[task + 1 :, task]).any():
            raise Unavailable("scores are missing from the matrix")
    gains = score.sign * R
    return _printed((np.fmax.reduce(gains[1:-1]) - gains[-1])[:-1], score)


def intransigence(R: Array, m: Array, score: Score = ACCURACY) -> float:
    """Mean over i of how much worse R[i, i] is than m[i], after Chaudhry et al. 2018 (RWalk).

    There the reference for task i is trained on the tasks 1..i; here it is the joint run of all T tasks.
    """
    return _printed(score.sign * (m - _when_learned(R)), score)


def average_incremental(R: Array, score: Score = ACCURACY) -> float:
    """Mean over the stages t of the mean score over i<=t of R[t, i]: Rebuffi et al. 2017 (iCaRL), section 4."""
    return float(np.mean([final_mean(R[: t + 1, :t], score) for t in range(1, R.shape[1] + 1)]))


def _when_learned(R: Array) -> Array:
    """R[i, i]: each task right after it was learned. [T]"""
    return np.diagonal(R[1:])


def _several_tasks(R: Array) -> int:
    if R.shape[1] < 2:
        raise Unavailable("needs two tasks or more")
    return R.shape[1]


def _printed(stored: Array, score: Score) -> float:
    if np.isnan(stored).any():
        raise Unavailable("scores are missing from the matrix")
    return float(score.factor * stored.mean())


@dataclass(frozen=True)
class Setting:
    """What a matrix was measured in: the score it holds, and the scenario (task, domain or class)."""

    score: Score = ACCURACY
    scenario: str = "task"


@dataclass(frozen=True)
class Metric:
    """One column of a report. `gives`: a score, a difference of scores, or such a difference squared."""

    name: str
    label: str
    definition: str
    compute: Callable[..., float]  # of R and the score, or of R, m and the score
    gives: Literal["score", "difference", "square"] = "difference"
    loss: bool = False  # lower is better, whatever the score
    needs_joint: bool = False
    needs_order: bool = True  # tasks learned one after another: says nothing of a joint run
    not_in_class: str = ""  # why it has no value in the scenario class

    def called(self, score: Score) -> str:
        """Its name in a table of this score: the mean has the score's own."""
        return score.mean_name if self.name == "mean" else self.name

    def unit(self, score: Score) -> str:
        if self.gives == "score":
            return score.unit
        difference = score.difference or score.unit or score.mean_name
        return f"{difference}²" if self.gives == "square" else difference

    def better(self, score: Score) -> Direction:
        return "lower" if self.loss else score.better

    def of(self, R: Array, m: Array | None = None, setting: Setting | None = None) -> float:
        """Its value; Unavailable says why there is none."""
        setting = setting or Setting()
        if self.not_in_class and setting.scenario == "class":
            raise Unavailable(self.not_in_class)
        if not self.needs_joint:
            return self.compute(R, setting.score)
        if m is None:
            raise Unavailable("needs a joint run")
        return self.compute(R, m, setting.score)


AMONG_ALL = "scenario class: a task just learned is answered among the classes so far, in the joint run among all"
NO_ANSWER = "scenario class: before a task is learned, its classes are no answers"
METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "mean",
            "average score",
            "mean score over all tasks after the last one; in tables it has the score's name, as ACC",
            final_mean,
            "score",
            needs_order=False,
        ),
        Metric(
            "old",
            "score of the old tasks",
            "mean score over the first half of the tasks after the last one: what Table III prints of generators",
            old_mean,
            "score",
            needs_order=False,
        ),
        Metric(
            "BWT",
            "backward transfer",
            "mean change of each earlier task since it was learned",
            backward_transfer,
        ),
        Metric(
            "FWT",
            "forward transfer",
            "mean over the tasks from the second of the score when learned minus that of joint training",
            forward_transfer,
            needs_joint=True,
            not_in_class=AMONG_ALL,
        ),
        Metric(
            "SMT",
            "stability",
            "mean over the earlier tasks of the population variance of their score since learned",
            stability,
            "square",
            loss=True,
        ),
        Metric(
            "fwt_gem",
            "forward transfer (GEM)",
            "mean over the tasks from the second of the score just before learning minus the untrained one",
            forward_transfer_gem,
            not_in_class=NO_ANSWER,
        ),
        Metric(
            "forgetting",
            "forgetting",
            "mean over the earlier tasks of the loss since their best score before the last stage",
            forgetting,
            loss=True,
        ),
        Metric(
            "intransigence",
            "intransigence",
            "mean over all tasks of how much worse than joint training they are when learned",
            intransigence,
            loss=True,
            needs_joint=True,
            not_in_class=AMONG_ALL,
        ),
        Metric(
            "aia",
            "average incremental score",
            "mean over the stages of the mean score on the tasks learned by then",
            average_incremental,
            "score",
        ),
    )
}


def mean_per_stage(R: Array, score: Score = ACCURACY) -> Array:
    """The mean after 1, 2, .. T tasks, each over the tasks learned by then. [T]"""
    return per_stage("mean", R, setting=Setting(score))


def per_stage(name: str, R: Array, m: Array | None = None, setting: Setting | None = None) -> Array:
    """A metric of METRICS after 1, 2, .. T tasks; NaN where it has no value. [T]"""
    values = np.full(R.shape[1], np.nan)
    for t in range(1, R.shape[1] + 1):
        try:
            values[t - 1] = METRICS[name].of(R[: t + 1, :t], None if m is None else m[:t], setting)
        except Unavailable:
            continue
    return values


def joint_per_stage(last: Array, setting: Setting) -> Array:
    """What a joint run's last row is beside the means after 1, 2, .. T tasks: its mean over the same tasks. [T]

    In the scenario class the joint run answers among all classes at once: only its mean over all tasks compares.
    """
    means = mean_per_stage(np.tile(last, (len(last) + 1, 1)), setting.score)
    if setting.scenario == "class":
        means[:-1] = np.nan
    return means
