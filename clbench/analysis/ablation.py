"""The mean score (ACC) of several configurations: as tasks come (Fig. 7b), over width (7c), by pruning (8a)."""

from __future__ import annotations

from copy import copy

import numpy as np

from clbench.analysis.base import Analysis, Drawing, Lacking, Loaded, comparable, fixed, grid, identity
from clbench.metrics import METRICS, final_mean
from clbench.registry import analyses
from clbench.report.build.cells import Cell, finished, matrix_of, of_metric, setting_of
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.build.stages import curves as over_stages
from clbench.report.document import Table

Hidden = tuple[int, ...]
Curves = dict[str, dict[Hidden, ResultRow]]  # label -> width -> its run


@analyses.register("tasks")
def over_tasks(loaded: Loaded) -> Analysis:
    """The mean after 1 .. T tasks, each over the tasks learned by then. Lacking: every run has one task."""
    found = [table for table in comparable(loaded) if len(table.first.tasks) > 1]
    if not found:
        raise Lacking("the mean over tasks needs a run of two tasks or more; --set stream.tasks=10")
    lines = [
        {**identity(table, row, seed), "tasks_learned": t + 1, table.score.mean_name: value}
        for table in found
        for row in table.rows
        for t, cell in enumerate(by_stage(row))
        for seed, value in zip(cell.seeds, cell.values, strict=True)
    ]
    pictures = [Drawing(t, "over_tasks", (t.rows, [by_stage(row) for row in t.rows], mean_of(t))) for t in found]
    return Analysis("tasks", [_tasks_grid(table) for table in found], lines, pictures)


def by_stage(row: ResultRow) -> list[Cell]:
    """The mean after 1 .. T tasks over the seeds; of joint, its one score of the first 1 .. T tasks.

    A cell without values where a joint run has none to compare.
    """
    stages = over_stages(row).T
    return [Cell() if np.isnan(values).any() else Cell(row.seeds, values.tolist()) for values in stages]


def final(row: ResultRow) -> Cell:
    """The mean after the last task over the seeds."""
    score = setting_of(row.result).score
    return Cell(row.seeds, [final_mean(matrix_of(run), score) for run in finished(row.result)])


def mean_of(table: ResultTable) -> str:
    """`ACC (%)`: what the numbers of these analyses are called."""
    return of_metric(METRICS["mean"], table.score).head


def _tasks_grid(table: ResultTable) -> Table:
    header = ["method", *map(str, range(1, len(table.first.tasks) + 1)), "n seeds"]
    body = [
        [row.label, *(fixed(cell, table.digits) for cell in by_stage(row)), str(len(row.seeds))]
        for row in table.rows
    ]
    return grid(table, f"{mean_of(table)} after n tasks", header, body)


@analyses.register("width")
def over_width(loaded: Loaded) -> Analysis:
    """The final mean of runs that agree in all but network.hidden. Lacking: no two widths of anything."""
    hidden = {path: tuple(result.config.get("network", {}).get("hidden") or ()) for path, result in loaded}
    found = []
    for table in comparable([(path, _without_width(result)) for path, result in loaded]):
        curves: Curves = {}
        for row in table.rows:
            if hidden[row.path]:
                curves.setdefault(row.label, {})[hidden[row.path]] = row
        if len({width for curve in curves.values() for width in curve}) > 1:
            found.append((table, curves))
    if not found:
        raise Lacking("the mean over width needs runs that differ in network.hidden; --set network.hidden=64,64")
    lines = [
        {
            **identity(table, row, seed),
            "hidden": list(width),
            "network_parameters": size(row),
            table.score.mean_name: value,
        }
        for table, curves in found
        for curve in curves.values()
        for width, row in sorted(curve.items(), key=lambda one: size(one[1]))
        for seed, value in zip(final(row).seeds, final(row).values, strict=True)
    ]
    pictures = [Drawing(table, "over_width", (*_picture(curves), mean_of(table))) for table, curves in found]
    return Analysis("width", [_width_grid(*one) for one in found], lines, pictures)


def _without_width(result):
    network = {name: value for name, value in result.config.get("network", {}).items() if name != "hidden"}
    found = copy(result)
    found.config = {**result.config, "network": network}
    return found


def size(row: ResultRow) -> int:
    """Numbers of the network with all heads."""
    return finished(row.result)[0].network_parameters[-1]


def widths(curves: Curves) -> list[Hidden]:
    """Every width, smallest network first."""
    sizes = {width: size(row) for curve in curves.values() for width, row in curve.items()}
    return sorted(sizes, key=lambda width: (sizes[width], width))


def name_of_width(width: Hidden) -> str:
    return "-".join(map(str, width))


def finals(curve: dict[Hidden, ResultRow], every: list[Hidden]) -> list[Cell]:
    """The final mean at every width; a cell without values where there is no run."""
    return [final(curve[width]) if width in curve else Cell() for width in every]


def _picture(curves: Curves) -> tuple[list[ResultRow], list[str], list[list[Cell]]]:
    """A row of each curve, the widths in words, the curves."""
    every = widths(curves)
    rows = [next(iter(curve.values())) for curve in curves.values()]
    return rows, [name_of_width(width) for width in every], [finals(curve, every) for curve in curves.values()]


def _width_grid(table: ResultTable, curves: Curves) -> Table:
    every = widths(curves)
    body = [
        [label, *(fixed(cell, table.digits) for cell in finals(curve, every)), _seeds(list(curve.values()))]
        for label, curve in curves.items()
    ]
    header = ["method", *map(name_of_width, every), "n seeds"]
    return grid(table, f"{mean_of(table)} by the units of the hidden layers", header, body)


def _seeds(rows: list[ResultRow]) -> str:
    counts = sorted({len(row.seeds) for row in rows})
    return "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))


@analyses.register("pruning")
def pruning_strategies(loaded: Loaded) -> Analysis:
    """The final mean by the option `pruning` of a method. Lacking: no two runs differ in it."""
    found = []
    for table in comparable(loaded):
        table.rows = [row for row in table.rows if "pruning" in row.result.config.get("strategy", {})]
        if len({strategy_of(row) for row in table.rows}) > 1:
            found.append(table)
    if not found:
        raise Lacking("comparing pruning strategies needs runs of anpyc that differ in --set strategy.pruning=..")
    lines = [
        {**identity(table, row, seed), "pruning": strategy_of(row), table.score.mean_name: value}
        for table in found
        for row in table.rows
        for seed, value in zip(final(row).seeds, final(row).values, strict=True)
    ]
    pictures = [
        Drawing(t, "pruning", (t.rows, [final(row) for row in t.rows], mean_of(t), t.digits)) for t in found
    ]
    return Analysis("pruning", [_pruning_grid(table) for table in found], lines, pictures)


def strategy_of(row: ResultRow) -> str:
    return str(row.result.config.get("strategy", {}).get("pruning"))


def _pruning_grid(table: ResultTable) -> Table:
    """Mean and standard deviation in columns of their own: the figure compares both."""
    body = []
    for row in table.rows:
        cell = final(row)
        std = "–" if cell.std is None else f"{cell.std:.{table.digits}f}"
        body.append([row.label, f"{cell.mean:.{table.digits}f}", std, str(len(row.seeds))])
    unit = table.score.difference or table.score.unit
    spread = f"standard deviation ({unit})" if unit else "standard deviation"
    header = ["method", f"mean {mean_of(table)}", spread, "n seeds"]
    return grid(table, f"{table.score.mean_name} by pruning strategy", header, body)
