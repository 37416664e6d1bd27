"""What runs say beyond their accuracy: importance, parameter space, growth, ablations (Figs. 3, 7 to 11).

`read` the result files, give them to an analysis, and have its tables, its numbers and `draw(folder)`:

    found = importance_distribution(read([Path("runs")]), stage=1)
    pictures = found.draw(Path("plots"))
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clbench.analysis.ablation import over_tasks, over_width, pruning_strategies
from clbench.analysis.base import Analysis, Lacking, Loaded, read
from clbench.analysis.describe import describe
from clbench.analysis.growth import parameter_growth
from clbench.analysis.importance import importance_distribution
from clbench.analysis.parameters import parameter_space
from clbench.analysis.samples import of_generators
from clbench.analysis.stages import over_stages
from clbench.analysis.values import over_values
from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.report import write, written
from clbench.report.document import Document

__all__ = [
    "ANALYSES",
    "Analysis",
    "Lacking",
    "Loaded",
    "analyze",
    "describe",
    "examine",
    "importance_distribution",
    "of_generators",
    "over_stages",
    "over_tasks",
    "over_values",
    "over_width",
    "parameter_growth",
    "parameter_space",
    "pruning_strategies",
    "read",
]

ANALYSES = ("importance", "parameters", "growth", "tasks", "stages", "width", "pruning", "values", "samples")


def analyze(
    paths: list[Path],
    what: list[str] | None = None,
    fmt: str = "md",
    plots: Path | None = None,
    stage: int | None = None,
    frechet: str = "units",
    weights: str = "mean",
    accept_modified: bool = False,
) -> str:
    """The analyses of the results in files and folders, as text in a format; pictures into `plots`.

    The other words are those of `examine`. UserError: no such format or name, no result, a damaged file, Lacking.
    """
    write.chosen(fmt, None, "md")
    return written([examine(paths, what, stage, frechet, weights, accept_modified)], fmt, plots)


def examine(
    paths: list[Path],
    what: list[str] | None = None,
    stage: int | None = None,
    frechet: str = "units",
    weights: str = "mean",
    accept_modified: bool = False,
) -> Document:
    """what: names of ANALYSES, each of which must be possible; None for every one that the runs allow, with a
    note on each other one. UserError: no such name, no result, a damaged file, Lacking.
    """
    for name in what or ():
        if name not in ANALYSES:
            raise UserError(f"no analysis called {name!r}; {did_you_mean(name, ANALYSES)}")
    loaded = read(paths, accept_modified)
    makers: dict[str, Callable[[], Analysis]] = {
        "importance": lambda: importance_distribution(loaded, stage),
        "parameters": lambda: parameter_space(loaded, stage, frechet, weights),
        "growth": lambda: parameter_growth(loaded),
        "tasks": lambda: over_tasks(loaded),
        "stages": lambda: over_stages(loaded),
        "width": lambda: over_width(loaded),
        "pruning": lambda: pruning_strategies(loaded),
        "values": lambda: over_values(loaded),
        "samples": lambda: of_generators(loaded),
    }
    found, without = [], []
    for name in dict.fromkeys(what or ANALYSES):
        try:
            found.append(makers[name]())
        except Lacking as why:
            if what:
                raise
            without.append(f"{name} is left out: {why}")
    return describe(found, loaded, without)
