"""ACC, BWT and FWT over the values of one option of a method, such as λ or β (Figs. 8b and 8c)."""

from __future__ import annotations

import json
from typing import Any

from clbench.analysis.base import Analysis, Drawing, Lacking, Loaded, comparable, fixed, grid, identity, value_of
from clbench.metrics import METRICS, Metric
from clbench.registry import analyses
from clbench.report.build.cells import Cell, cell, of_metric
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table
from clbench.results.differences import described, differing, flatten, sortable

SHOWN = ("mean", "BWT", "FWT")
Curve = dict[float, ResultRow]  # value of the option -> its run
Curves = dict[str, Curve]  # label -> curve


@analyses.register("values")
def over_values(loaded: Loaded) -> Analysis:
    """The metrics by every number in strategy.* that runs differ in alone. Lacking: there is none."""
    found = [
        (table, name, curves)
        for table in comparable(loaded)
        for name in differing([own(row) for row in table.rows])
        if (curves := curves_over(name, table.rows))
    ]
    if not found:
        raise Lacking(
            "metrics over an option need runs that differ in one of their method's; --set strategy.lam=.."
        )
    lines = [
        {
            **identity(table, row, seed),
            name: value,
            **{metric.called(table.score): value_of(measured(row, metric), seed) for metric in shown()},
        }
        for table, name, curves in found
        for curve in curves.values()
        for value, row in curve.items()
        for seed in row.seeds
    ]
    grids = [grid_of(*one, metric, last=metric.name == SHOWN[-1]) for one in found for metric in shown()]
    pictures = [
        Drawing(table, "over_values", picture(table, name, curves), f"-{short(name)}")
        for table, name, curves in found
    ]
    return Analysis("values", grids, lines, pictures)


def shown() -> list[Metric]:
    return [METRICS[name] for name in SHOWN]


def short(name: str) -> str:
    return name.removeprefix("strategy.")


def own(row: ResultRow) -> dict[str, Any]:
    """All that tells a row from others of its table."""
    names = ("method", "strategy", "train", "network", "preset")
    return {name: row.result.config.get(name) for name in names}


def curves_over(name: str, rows: list[ResultRow]) -> Curves:
    """Rows that agree in all but the option, by its values, two or more; none unless it is a method's number."""
    if not name.startswith("strategy."):
        return {}
    alike: dict[str, list[ResultRow]] = {}
    for row in rows:
        options = flatten(own(row))
        value = options.pop(name, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            alike.setdefault(json.dumps(options, sort_keys=True), []).append(row)
    several = [each for each in alike.values() if len(each) > 1]
    others = differing([{**flatten(own(each[0])), name: 0} for each in several])
    found: Curves = {}
    for each in several:
        words = described({k: v for k, v in flatten(own(each[0])).items() if k != "method"}, others)
        label = f"{each[0].method} ({words})" if words else each[0].method
        found[label] = dict(sorted((flatten(own(row))[name], row) for row in each))
    return found


def measured(row: ResultRow, metric: Metric) -> Cell:
    return cell(of_metric(metric, row.result.score), row.result, row.ceiling)


def values_of(curves: Curves) -> list[float]:
    return sorted({value for curve in curves.values() for value in curve}, key=sortable)


def cells(curve: Curve, every: list[float], metric: Metric) -> list[Cell]:
    """At every value; a cell without values where there is no run."""
    return [measured(curve[value], metric) if value in curve else Cell() for value in every]


def grid_of(table: ResultTable, name: str, curves: Curves, metric: Metric, last: bool) -> Table:
    every = values_of(curves)
    column = of_metric(metric, table.score, table.digits)
    body = [
        [label, *(fixed(one, column.digits) for one in cells(curve, every, metric))]
        for label, curve in curves.items()
    ]
    counts = sorted({len(row.seeds) for curve in curves.values() for row in curve.values()})
    notes = [f"Seeds of each value: {' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))}."]
    return grid(
        table, f"{column.head} by {short(name)}", ["method", *(f"{v:g}" for v in every)], body, notes, last
    )


def picture(
    table: ResultTable, name: str, curves: Curves
) -> tuple[list[str], str, list[str], dict[str, list[list[Cell]]]]:
    every = values_of(curves)
    panels = {
        of_metric(metric, table.score).head: [cells(curve, every, metric) for curve in curves.values()]
        for metric in shown()
    }
    there = {words: lines for words, lines in panels.items() if any(one.values for line in lines for one in line)}
    return list(curves), short(name), [f"{value:g}" for value in every], there
