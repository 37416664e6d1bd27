"""What a trial is judged by, out of the runs of its result: the mean after every task, over its seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clbench.metrics import mean_per_stage
from clbench.results import Run, SeedRun
from clbench.scores import ACCURACY, Score


def scores_of(runs: Sequence[SeedRun], measure: Score = ACCURACY) -> list[float]:
    """The mean on validation images as printed after 1, 2, .. tasks, as far as every seed has come; [] where one
    has diverged."""
    matrices = [np.array(run.matrix, dtype=np.float64) for run in runs if isinstance(run, Run) and run.matrix]
    if len(matrices) < len(runs) or any(run.status == "diverged" for run in runs):
        return []
    if joint(runs):
        matrices = [np.concatenate([R, np.tile(R[-1:], (R.shape[1] + 1 - len(R), 1))]) for R in matrices]
    stages = min(len(R) for R in matrices) - 1
    found = np.mean([mean_per_stage(R, measure)[:stages] for R in map(filled, matrices)], axis=0) if stages else []
    return [rounded(float(score)) for score in found]


def spread_of(runs: Sequence[SeedRun], measure: Score = ACCURACY) -> list[float]:
    """The last score of every seed that has one."""
    return [last[-1] for run in runs if (last := scores_of([run], measure))]


def rounded(score: float) -> float:
    """To four digits after the point; what is small to four digits of its own."""
    return round(score, 4) if abs(score) >= 1 or score == 0 else float(f"{score:.4g}")


def joint(runs: Sequence[SeedRun]) -> bool:
    """All tasks at once in stage 1: a finished run that has fewer rows than tasks."""
    return all(
        isinstance(run, Run) and run.status == "done" and len(run.matrix) < len(run.matrix[0]) for run in runs
    )


def filled(R: np.ndarray) -> np.ndarray:
    """R with rows of NaN for the stages to come."""
    missing = R.shape[1] + 1 - len(R)
    return np.concatenate([R, np.full((missing, R.shape[1]), np.nan)]) if missing else R
