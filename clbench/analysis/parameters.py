"""How far a network's layers move from the first task to the last (Fig. 10): two distances, both our reading.

The paper measures "the similarity of the parameter distributions" with "the Frechet distance" (it cites Fréchet
1906, which defines metrics and no distance of distributions) and the change with "a weighted sum of the absolute
values of differences". It says neither what a sample of the distribution is nor what the weights are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from clbench.analysis.base import Analysis, Drawing, Lacking, Loaded, comparable, grid, identity
from clbench.analysis.checkpoint_arrays import Arrays, arrays
from clbench.errors import UserError
from clbench.metrics import Array
from clbench.registry import analyses
from clbench.report.build.cells import Cell, significant
from clbench.report.build.result_table import ResultRow, ResultTable

FRECHET = {
    "units": "Squared Fréchet distance of the Gaussians fitted to the units' incoming weights",
    "weights": "Squared Fréchet distance of the Gaussians fitted to the single weights",
    "exact": "Squared Fréchet (2-Wasserstein) distance of the single weights, no distribution assumed",
}
WEIGHTS = {
    "mean": "Mean absolute change of a parameter (weight of each: 1 / parameters of the layer)",
    "sum": "Sum of the absolute changes (weight of each: 1)",
    "importance": "Absolute change weighted by the importance after the first task (weights sum to 1)",
}

AXES = {"mean": "mean |change|", "sum": "sum of |changes|", "importance": "importance-weighted |change|"}


def frechet(before: Array, after: Array, of: str = "units") -> float:
    """Squared Fréchet distance between a layer's parameters [units, inputs] at two stages, >= 0.

    units: as in FID, |m1 - m2|² + Tr(S1 + S2 - 2 (S1 S2)^½) of Gaussians fitted to the rows, S divided by
    units - 1. It compares distributions: which unit is which it does not see. weights: the same of all entries as
    numbers, (m1 - m2)² + (s1 - s2)². exact: the mean of (a - b)² over the entries of each, sorted.
    """
    if of == "exact":
        return float(np.square(np.sort(before, axis=None) - np.sort(after, axis=None)).mean())
    if of == "weights":
        return float((before.mean() - after.mean()) ** 2 + (before.std() - after.std()) ** 2)
    shift = before.mean(axis=0) - after.mean(axis=0)
    a, b = (rows - rows.mean(axis=0) for rows in (before, after))
    # With S = AᵀA / (n-1), Tr (S1 S2)^½ is the nuclear norm of A1 A2ᵀ / (n-1): exact where S is singular,
    # as it is wherever a layer has fewer units than inputs, and sqrtm would need a regulariser.
    traces = np.square(a).sum() + np.square(b).sum() - 2 * np.linalg.norm(a @ b.T, "nuc")
    return float(shift @ shift + max(traces, 0.0) / max(len(before) - 1, 1))


def change(before: Array, after: Array, weights: Array | None = None) -> float:
    """Σ w · |after - before| over a layer's parameters; w = 1 / their number where none are given."""
    moved = np.abs(after - before)
    return float(moved.mean() if weights is None else (weights * moved).sum())


@analyses.register("parameters")
def parameter_space(
    loaded: Loaded, stage: int | None = None, frechet_of: str = "units", weights: str = "mean"
) -> Analysis:
    """Both distances of every shared layer between the stages 1 and `stage` (None: the last), a seed each.

    frechet_of: a name of FRECHET; weights: one of WEIGHTS. Lacking: fewer than two tasks, or a checkpoint that is
    not there. Methods that learn all at once are left out.
    """
    _known("--frechet", frechet_of, FRECHET)
    _known("--weights", weights, WEIGHTS)
    found = []
    for table in comparable(loaded):
        rows = [row for row in table.rows if not row.joint]
        if rows and len(table.first.tasks) > 1:
            table.notes += [
                f"{row.label} learns all tasks at once and is left out." for row in table.rows if row.joint
            ]
            found.append((table, [(row, *_of_row(row, stage, frechet_of, weights)) for row in rows]))
    if not found:
        raise Lacking("parameter change needs a run over two tasks or more, learned one after another")
    lines = [
        {**identity(table, row, seed), "stage": at, "layer": layer, **numbers}
        for table, rows in found
        for row, at, seeds in rows
        for seed, each in seeds.items()
        for layer, numbers in each.items()
    ]
    abouts = {"frechet": FRECHET[frechet_of], "change": WEIGHTS[weights]}
    grids = [_grid(*one, name, about) for one in found for name, about in abouts.items()]
    axes = {"frechet": "squared Fréchet distance", "change": AXES[weights]}
    pictures = [
        Drawing(
            table,
            "by_layer",
            ([row for row, *_ in rows], {words: [cells(s, n) for *_, s in rows] for n, words in axes.items()}),
        )
        for table, rows in found
    ]
    return Analysis("parameters", grids, lines, pictures)


def _known(option: str, name: str, there: dict[str, str]) -> None:
    if name not in there:
        raise UserError(f"{option} {name!r}: there are {', '.join(there)}")


Seeds = dict[int, dict[str, dict[str, float]]]  # seed -> layer -> "frechet" and "change"


def _of_row(row: ResultRow, stage: int | None, of: str, weights: str) -> tuple[int, Seeds]:
    first = arrays(row, 1, "model/")
    last = arrays(row, stage, "model/")
    if last.stage < 2:
        raise Lacking(f"{row.path}: stage {last.stage} has no earlier task to compare with; --stage 2 or later")
    omega = arrays(row, 1, "method/omega/") if weights == "importance" else None
    if omega is not None and not all(omega.seeds.values()):
        raise Lacking(f"{row.path}: {row.method} keeps no importance; --weights mean or sum")
    return last.stage, {
        seed: _of_seed(first.layers(seed), last.layers(seed), omega.layers(seed) if omega else {}, of, weights)
        for seed in first.seeds
    }


def _of_seed(
    before: Arrays, after: Arrays, by_layer: Arrays, of: str, weights: str
) -> dict[str, dict[str, float]]:
    found = {}
    for name, was in before.items():
        w = np.ones_like(was) if weights == "sum" else None
        w = by_layer[name] / max(by_layer[name].sum(), np.finfo(float).tiny) if by_layer else w
        found[name] = {"frechet": frechet(was, after[name], of), "change": change(was, after[name], w)}
    return found


def cells(seeds: Seeds, name: str) -> dict[str, Cell]:
    """Layer -> a quantity over the seeds."""
    first: dict[str, Any] = next(iter(seeds.values()))
    return {layer: Cell(list(seeds), [each[layer][name] for each in seeds.values()]) for layer in first}


def _grid(table: ResultTable, rows, name: str, about: str):
    names = list(cells(rows[0][2], name))
    header = ["method", *(f"layer {n} ({layer})" for n, layer in enumerate(names, 1)), "n seeds"]
    numbers = [[significant(cell.mean, cell.std) for cell in cells(seeds, name).values()] for _, _, seeds in rows]
    body = [[row.label, *entry, str(len(seeds))] for (row, _, seeds), entry in zip(rows, numbers, strict=True)]
    notes = [f"Between the parameters after task 1 and after task {rows[0][1]}; biases count, heads do not."]
    return grid(table, about, header, body, notes)
