"""ACC, BWT, FWT and SMT after every task (Figs. 3 and 11)."""

from __future__ import annotations

import numpy as np

from clbench.analysis.ablation import by_stage
from clbench.analysis.base import Analysis, Drawing, Lacking, Loaded, comparable, fixed, grid, identity, value_of
from clbench.metrics import METRICS, Metric, per_stage
from clbench.registry import analyses
from clbench.report.build.cells import Cell, finished, matrix_of, of_metric, setting_of
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table

SHOWN = ("mean", "BWT", "FWT", "SMT")
Course = list[list[Cell]]  # [row][stage]


@analyses.register("stages")
def over_stages(loaded: Loaded) -> Analysis:
    """The metrics after 1 .. T tasks, as if the stream had ended there. Lacking: every run has one task."""
    found = [table for table in comparable(loaded) if len(table.first.tasks) > 1]
    if not found:
        raise Lacking("metrics after every task need a run of two tasks or more; --set stream.tasks=10")
    each = {
        id(table): {metric: [course(row, metric) for row in table.rows] for metric in shown()} for table in found
    }
    lines = [
        {
            **identity(table, row, seed),
            "tasks_learned": t + 1,
            **{
                metric.called(table.score): value_of(cells[n][t], seed)
                for metric, cells in each[id(table)].items()
            },
        }
        for table in found
        for n, row in enumerate(table.rows)
        for t in range(len(table.first.tasks))
        for seed in row.seeds
    ]
    grids = [
        grid_of(table, metric, cells, last=metric.name == SHOWN[-1])
        for table in found
        for metric, cells in each[id(table)].items()
    ]
    pictures = [Drawing(table, "over_stages", (table.rows, panels(table, each[id(table)]))) for table in found]
    return Analysis("stages", grids, lines, pictures)


def shown() -> list[Metric]:
    return [METRICS[name] for name in SHOWN]


def course(row: ResultRow, metric: Metric) -> list[Cell]:
    """The metric after 1 .. T tasks over the seeds; a cell without values where it has none.

    FWT takes the seeds that a joint run has too, and its scores of the tasks learned by then. A joint run has its
    mean alone.
    """
    if metric is METRICS["mean"]:
        return by_stage(row)
    none = [Cell() for _ in row.result.tasks]
    setting = setting_of(row.result)
    if row.joint or (metric.not_in_class and setting.scenario == "class"):
        return none
    ceilings = {run.seed: matrix_of(run)[-1] for run in finished(row.ceiling)} if row.ceiling else {}
    runs = [run for run in finished(row.result) if not metric.needs_joint or run.seed in ceilings]
    if not runs:
        return none
    name = next(name for name, known in METRICS.items() if known is metric)
    values = np.stack([per_stage(name, matrix_of(run), ceilings.get(run.seed), setting) for run in runs])
    seeds = [run.seed for run in runs]
    return [Cell() if np.isnan(stage).any() else Cell(seeds, stage.tolist()) for stage in values.T]


def grid_of(table: ResultTable, metric: Metric, cells: Course, last: bool) -> Table:
    column = of_metric(metric, table.score, table.digits)
    body = [
        [row.label, *(fixed(cell, column.digits) for cell in line), str(len(row.seeds))]
        for row, line in zip(table.rows, cells, strict=True)
    ]
    header = ["method", *map(str, range(1, len(table.first.tasks) + 1)), "n seeds"]
    return grid(table, f"{column.head} after n tasks", header, body, last=last)


def panels(table: ResultTable, each: dict[Metric, Course]) -> dict[str, Course]:
    """Those in which something is drawn, by what they are called."""
    return {
        of_metric(metric, table.score).head: cells
        for metric, cells in each.items()
        if any(cell.values for line in cells for cell in line)
    }
