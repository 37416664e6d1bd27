"""What pictures show of a row: its accuracy after every stage, and its mean accuracy matrix."""

from __future__ import annotations

import numpy as np

from ..metrics import Array, accuracy_per_stage
from .cells import accuracies, finished
from .table import Row


def curves(row: Row) -> Array:
    """ACC after 1 .. T tasks of every finished seed; of a joint run, its last row over those tasks. [n, T]"""
    matrices = [accuracies(run) for run in finished(row.result)]
    if row.joint:
        matrices = [np.tile(R[-1], (R.shape[1] + 1, 1)) for R in matrices]
    return np.stack([accuracy_per_stage(R) for R in matrices])


def matrices(row: Row) -> Array:
    """R of every finished seed, in percent. [n, stages, T]"""
    return 100 * np.stack([accuracies(run) for run in finished(row.result)])


def spread(values: Array) -> Array | None:
    """The sample standard deviation over seeds, the leading axis; None for one seed."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else None


def stage_names(stages: int, tasks: int) -> list[str]:
    """How many tasks were learned at each row of a matrix; joint learns all in one stage."""
    return ["0", "all"] if stages == 2 < tasks + 1 else [str(n) for n in range(stages)]
