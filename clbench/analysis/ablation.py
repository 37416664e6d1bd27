"""ACC of several configurations: as tasks come (Fig. 7b), over width (7c), by pruning strategy (8a)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..metrics import accuracy, accuracy_per_stage
from ..report.cells import Cell, accuracies, finished
from ..report.grid import Grid
from ..report.table import Row, Table
from .found import Analysis, Lacking, Loaded, Picture, comparable, fixed, grid, identity

Hidden = tuple[int, ...]
Curves = dict[str, dict[Hidden, Row]]  # label -> width -> its run


def over_tasks(loaded: Loaded) -> Analysis:
    """ACC after 1 .. T tasks, each over the tasks learned by then. Lacking: every run has one task."""
    found = [table for table in comparable(loaded) if len(table.first.tasks) > 1]
    if not found:
        raise Lacking("ACC over tasks needs a run of two tasks or more; --set stream.tasks=10")
    lines = [
        {**identity(table, row, seed), "tasks_learned": t + 1, "ACC": value}
        for table in found
        for row in table.rows
        for t, cell in enumerate(by_stage(row))
        for seed, value in zip(cell.seeds, cell.values, strict=True)
    ]
    pictures = [Picture(t, "over_tasks", (t.rows, [by_stage(row) for row in t.rows])) for t in found]
    return Analysis("tasks", [_tasks_grid(table) for table in found], lines, pictures)


def by_stage(row: Row) -> list[Cell]:
    """ACC after 1 .. T tasks over the seeds; of joint, its one score of the first 1 .. T tasks."""
    matrices = [accuracies(run) for run in finished(row.result)]
    if row.joint:
        matrices = [np.tile(R[-1], (R.shape[1] + 1, 1)) for R in matrices]
    curves = np.stack([accuracy_per_stage(R) for R in matrices])
    return [Cell(row.seeds, values.tolist()) for values in curves.T]


def final(row: Row) -> Cell:
    """ACC after the last task over the seeds."""
    return Cell(row.seeds, [accuracy(accuracies(run)) for run in finished(row.result)])


def _tasks_grid(table: Table) -> Grid:
    header = ["method", *map(str, range(1, len(table.first.tasks) + 1)), "n seeds"]
    body = [[row.label, *map(fixed, by_stage(row)), str(len(row.seeds))] for row in table.rows]
    return grid(table, "ACC (%) after n tasks", header, body)


def over_width(loaded: Loaded) -> Analysis:
    """Final ACC of runs that agree in all but network.hidden. Lacking: no two widths of anything."""
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
        raise Lacking("ACC over width needs runs that differ in network.hidden; --set network.hidden=64,64")
    lines = [
        {**identity(table, row, seed), "hidden": list(width), "network_parameters": size(row), "ACC": value}
        for table, curves in found
        for curve in curves.values()
        for width, row in sorted(curve.items(), key=lambda one: size(one[1]))
        for seed, value in zip(final(row).seeds, final(row).values, strict=True)
    ]
    pictures = [Picture(table, "over_width", _picture(curves)) for table, curves in found]
    return Analysis("width", [_width_grid(*one) for one in found], lines, pictures)


def _without_width(result):
    network = {name: value for name, value in result.config.get("network", {}).items() if name != "hidden"}
    return replace(result, config={**result.config, "network": network})


def size(row: Row) -> int:
    """Numbers of the network with all heads."""
    return finished(row.result)[0].network_parameters[-1]


def widths(curves: Curves) -> list[Hidden]:
    """Every width, smallest network first."""
    sizes = {width: size(row) for curve in curves.values() for width, row in curve.items()}
    return sorted(sizes, key=lambda width: (sizes[width], width))


def named(width: Hidden) -> str:
    return "-".join(map(str, width))


def finals(curve: dict[Hidden, Row], every: list[Hidden]) -> list[Cell]:
    """Final ACC at every width; a cell without values where there is no run."""
    return [final(curve[width]) if width in curve else Cell() for width in every]


def _picture(curves: Curves) -> tuple[list[Row], list[str], list[list[Cell]]]:
    """A row of each curve, the widths in words, the curves."""
    every = widths(curves)
    rows = [next(iter(curve.values())) for curve in curves.values()]
    return rows, [named(width) for width in every], [finals(curve, every) for curve in curves.values()]


def _width_grid(table: Table, curves: Curves) -> Grid:
    every = widths(curves)
    body = [
        [label, *map(fixed, finals(curve, every)), _seeds(list(curve.values()))] for label, curve in curves.items()
    ]
    header = ["method", *map(named, every), "n seeds"]
    return grid(table, "ACC (%) by the units of the hidden layers", header, body)


def _seeds(rows: list[Row]) -> str:
    counts = sorted({len(row.seeds) for row in rows})
    return "-".join(map(str, dict.fromkeys((counts[0], counts[-1]))))


def pruning_strategies(loaded: Loaded) -> Analysis:
    """Final ACC by the option `pruning` of a method. Lacking: no two runs differ in it."""
    found = []
    for table in comparable(loaded):
        table.rows = [row for row in table.rows if "pruning" in row.result.config.get("strategy", {})]
        if len({strategy_of(row) for row in table.rows}) > 1:
            found.append(table)
    if not found:
        raise Lacking("comparing pruning strategies needs runs of anpyc that differ in --set strategy.pruning=..")
    lines = [
        {**identity(table, row, seed), "pruning": strategy_of(row), "ACC": value}
        for table in found
        for row in table.rows
        for seed, value in zip(final(row).seeds, final(row).values, strict=True)
    ]
    pictures = [Picture(t, "pruning", (t.rows, [final(row) for row in t.rows])) for t in found]
    return Analysis("pruning", [_pruning_grid(table) for table in found], lines, pictures)


def strategy_of(row: Row) -> str:
    return str(row.result.config["strategy"]["pruning"])


def _pruning_grid(table: Table) -> Grid:
    """Mean and standard deviation in columns of their own: the figure compares both."""
    body = []
    for row in table.rows:
        cell = final(row)
        std = "–" if cell.std is None else f"{cell.std:.2f}"
        body.append([row.label, f"{cell.mean:.2f}", std, str(len(row.seeds))])
    header = ["method", "mean ACC (%)", "standard deviation (points)", "n seeds"]
    return grid(table, "ACC by pruning strategy", header, body)
