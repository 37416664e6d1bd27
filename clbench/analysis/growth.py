"""How many numbers a method keeps as tasks come: the network's and its own (Fig. 7a)."""

from __future__ import annotations

from clbench.analysis.base import Analysis, Drawing, Loaded, comparable, fixed, grid, identity
from clbench.registry import analyses
from clbench.report.build.cells import Cell, finished
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table

PARTS = {
    "network_parameters": "Numbers of the network, with the heads of the tasks seen",
    "state_parameters": "Numbers that the method keeps beside the network",
}


@analyses.register("growth")
def parameter_growth(loaded: Loaded) -> Analysis:
    """Parameters after 1 .. T tasks, of the network and of the method's state apart; from result files alone."""
    found = comparable(loaded)
    lines = [
        {**identity(table, row, run.seed), "stage": stage, **{p: by_stage(row, p, run)[stage - 1] for p in PARTS}}
        for table in found
        for row in table.rows
        for run in finished(row.result)
        for stage in range(1, len(row.result.tasks) + 1)
    ]
    grids = [_grid(table, part) for table in found for part in PARTS]
    pictures = [Drawing(table, "growth", (table.rows, _axes(table))) for table in found]
    return Analysis("growth", grids, lines, pictures)


def by_stage(row: ResultRow, part: str, run) -> list[int]:
    """After 1 .. T tasks; what learns all at once has the parameters of all from the beginning."""
    counts = getattr(run, part)
    return [counts[-1]] * len(row.result.tasks) if row.joint else counts[1:]


def cells(row: ResultRow, part: str) -> list[Cell]:
    runs = finished(row.result)
    each = [by_stage(row, part, run) for run in runs]
    return [Cell(row.seeds, [float(counts[t]) for counts in each]) for t in range(len(row.result.tasks))]


def _axes(table: ResultTable) -> dict[str, tuple[float, list[list[Cell]]]]:
    """What stands at each axis of the picture, its unit, and the curve of every row."""
    network, state = ([cells(row, part) for row in table.rows] for part in PARTS)
    return {"network (thousand numbers)": (1e3, network), "state (million numbers)": (1e6, state)}


def _grid(table: ResultTable, part: str) -> Table:
    stages = [str(t) for t in range(1, len(table.first.tasks) + 1)]
    body = [[row.label, *(fixed(cell, 0) for cell in cells(row, part)), str(len(row.seeds))] for row in table.rows]
    return grid(table, f"{PARTS[part]}, after n tasks", ["method", *stages, "n seeds"], body)
