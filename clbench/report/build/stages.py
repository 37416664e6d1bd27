"""What pictures show of a row: its score after every stage, and its mean matrix."""

from __future__ import annotations

import numpy as np

from clbench.metrics import Array, joint_per_stage, mean_per_stage
from clbench.report.build.cells import finished, matrix_of, setting_of
from clbench.report.build.result_table import ResultRow


def curves(row: ResultRow) -> Array:
    """The mean after 1 .. T tasks of every finished seed; of a joint run, its last row over those tasks. [n, T]

    NaN where there is nothing to compare: of a joint run in the scenario class, before the last task.
    """
    setting = setting_of(row.result)
    each = [matrix_of(run) for run in finished(row.result)]
    if row.joint:
        return np.stack([joint_per_stage(R[-1], setting) for R in each])
    return np.stack([mean_per_stage(R, setting.score) for R in each])


def matrices(row: ResultRow) -> Array:
    """R of every finished seed, as its score is printed. [n, stages, T]"""
    factor = setting_of(row.result).score.factor
    return factor * np.stack([matrix_of(run) for run in finished(row.result)])


def deviation_over_seeds(values: Array) -> Array | None:
    """The sample standard deviation over seeds, the leading axis; None for one seed."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else None


def stage_names(stages: int, tasks: int) -> list[str]:
    """How many tasks were learned at each row of a matrix; joint learns all in one stage."""
    return ["0", "all"] if stages == 2 < tasks + 1 else [str(n) for n in range(stages)]
