"""How importance is distributed over the shared parameters, after normalisation (Fig. 9)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clbench.analysis.base import Analysis, Drawing, Lacking, Loaded, comparable, fixed, grid, identity
from clbench.analysis.checkpoint_arrays import Arrays, arrays
from clbench.metrics import Array
from clbench.registry import analyses
from clbench.report.build.cells import Cell
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table

DECADES = 8  # that the density shows below the largest importance
LOW = 0.01  # normalised importance below which a parameter counts as of low importance
NUMBERS = {
    "kurtosis": "kurtosis (excess)",
    "skewness": "skewness",
    "low": f"below {LOW:g} (%)",
    "zero": "lowest value (%)",
}
AXES = {"kurtosis": "excess kurtosis", "skewness": "skewness"}
NOTES = (
    "Importances of all shared parameters of a seed together, min-max normalised to 0..1.",
    "Kurtosis is Fisher's (0 for a normal distribution), skewness Fisher-Pearson's; both are those of scipy.stats "
    "without bias correction, and the normalisation leaves them as they are.",
)


def normalised(importance: Array) -> Array:
    """(x - min) / (max - min); zeros where all are equal. The paper says 'normalized' and no more."""
    lowest, highest = importance.min(), importance.max()
    return (importance - lowest) / (highest - lowest) if highest > lowest else np.zeros_like(importance)


def described(values: Array) -> dict[str, float]:
    """Of normalised importances [N]: kurtosis and skewness (NaN where all are equal), percent low and zero."""
    from scipy import stats  # slow to import

    spread = bool(values.max() > values.min())
    return {
        "kurtosis": float(stats.kurtosis(values)) if spread else np.nan,
        "skewness": float(stats.skew(values)) if spread else np.nan,
        "low": float(100 * (values < LOW).mean()),
        "zero": float(100 * (values == 0).mean()),
    }


def density(values: Array, bins: int = 48) -> tuple[Array, Array]:
    """Edges [bins + 1] of log10(x) and the percent of all parameters a decade [bins] in each bin.

    Over the last DECADES decades up to 1: what is smaller, zero included, is in no bin.
    """
    edges = np.linspace(-DECADES, 0, bins + 1)
    seen = np.log10(values[values >= 10.0**-DECADES])
    counts, _ = np.histogram(seen, edges)
    return edges, 100 * counts / (len(values) * (edges[1] - edges[0]))


@analyses.register("importance")
def importance_distribution(loaded: Loaded, stage: int | None = None) -> Analysis:
    """Density, kurtosis and skewness of every method's importance (state tensor omega) after a stage.

    stage: None for the last. After it omega is the sum over the tasks so far. Lacking: no method keeps an
    importance, or the stage's checkpoint is not there.
    """
    found = [(table, *_of_table(table, stage)) for table in comparable(loaded)]
    found = [(table, kept, notes) for table, kept, notes in found if kept]
    if not found:
        raise Lacking("no method here keeps an importance of its parameters; train ewc, mas, si or anpyc")
    lines = [
        {**identity(table, one.row, seed), "stage": one.stage, **numbers}
        for table, kept, _ in found
        for one in kept
        for seed, numbers in one.numbers.items()
    ]
    pictures = [picture for table, kept, _ in found for picture in _pictures(table, kept)]
    return Analysis("importance", [_grid(*one) for one in found], lines, pictures)


@dataclass(frozen=True)
class Kept:
    """A row's importance after a stage: NUMBERS of every seed, and the mean of their densities."""

    row: ResultRow
    stage: int
    numbers: dict[int, dict[str, float]]
    edges: Array
    density: Array

    def cells(self) -> dict[str, Cell]:
        """Each of NUMBERS over the seeds; without values where a seed has none."""
        columns = {name: [numbers[name] for numbers in self.numbers.values()] for name in NUMBERS}
        return {n: Cell(list(self.numbers), v) if np.isfinite(v).all() else Cell() for n, v in columns.items()}


def kept(row: ResultRow, stage: int, seeds: dict[int, Arrays]) -> Kept:
    """Measured once over every seed's importances, normalised."""
    flat = {seed: normalised(np.concatenate([t.ravel() for t in omega.values()])) for seed, omega in seeds.items()}
    each = [density(values) for values in flat.values()]
    numbers = {seed: described(values) for seed, values in flat.items()}
    return Kept(row, stage, numbers, each[0][0], np.mean([percent for _, percent in each], axis=0))


def _of_table(table: ResultTable, stage: int | None) -> tuple[list[Kept], list[str]]:
    """Of every row that keeps an importance; and notes."""
    found, notes = [], []
    for row in table.rows:
        held = arrays(row, stage, "method/omega/")
        at, seeds = held.stage, held.seeds
        if not all(seeds.values()):
            notes.append(f"{row.label} keeps no importance and is left out.")
            continue
        found.append(kept(row, at, seeds))
        if _unpruned(row, at):
            notes.append(
                f"{row.label} did not prune in its last task, whose importances are among these; "
                "train with --set strategy.prune_last=true."
            )
    return found, notes


def _unpruned(row: ResultRow, stage: int) -> bool:
    options = row.result.config.get("strategy", {})
    prunes = options.get("pruning", "none") != "none" and not options.get("prune_last", True)
    return prunes and stage == len(row.result.tasks)


def _grid(table: ResultTable, found: list[Kept], notes: list[str]) -> Table:
    header = ["method", "stage", *NUMBERS.values(), "n seeds"]
    body = [
        [one.row.label, str(one.stage), *map(fixed, one.cells().values()), str(len(one.numbers))] for one in found
    ]
    return grid(table, "Importance of the shared parameters", header, body, [*NOTES, *notes])


def _pictures(table: ResultTable, found: list[Kept]) -> list[Drawing]:
    rows = [one.row for one in found]
    moments = {words: [one.cells()[name] for one in found] for name, words in AXES.items()}
    return [
        Drawing(table, "densities", (rows, found[0].edges, [one.density for one in found]), "-density"),
        Drawing(table, "moments", (rows, moments), "-moments"),
    ]
