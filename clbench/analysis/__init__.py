"""What runs say beyond their accuracy: importance, parameter space, growth, ablations (Figs. 3, 7 to 11).

`read` the result files, give them to an analysis, and have its tables, its numbers and `draw(folder)`:

    found = importance_distribution(read([Path("runs")]), stage=1)
    pictures = found.draw(Path("plots"))
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clbench.analysis.ablation import over_tasks, over_width, pruning_strategies
from clbench.analysis.base import Analysis, Lacking, Loaded, read
from clbench.analysis.describe import describe
from clbench.analysis.growth import parameter_growth
from clbench.analysis.importance import importance_distribution
from clbench.analysis.parameters import parameter_space
from clbench.analysis.samples import of_generators
from clbench.analysis.stages import over_stages
from clbench.analysis.values import over_values
from clbench.registry import analyses
from clbench.report import write
from clbench.report.document import Document
from clbench.report.write import written

__all__ = [
    "Analysis",
    "Lacking",
    "Loaded",
    "analyze",
    "describe",
    "examine",
    "importance_distribution",
    "names",
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

# in which they are shown; others, of plugins too, come after these
ORDER = ("importance", "parameters", "growth", "tasks", "stages", "width", "pruning", "values", "samples")


def names() -> list[str]:
    """Every analysis that there is."""
    return sorted(analyses, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))


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
    """what: names of analyses, each of which must be possible; None for every one that the runs allow, with a
    note on each other one. UserError: no such name, no result, a damaged file, Lacking.
    """
    for name in what or ():
        analyses.require(name)
    loaded = read(paths, accept_modified)
    options = {"stage": stage, "frechet_of": frechet, "weights": weights}
    found, without = [], []
    for name in dict.fromkeys(what or names()):
        try:
            found.append(analyses[name](loaded, **taken_by(analyses[name], options)))
        except Lacking as why:
            if what:
                raise
            without.append(f"{name} is left out: {why}")
    return describe(found, loaded, without)


def taken_by(analysis: Callable[..., Analysis], options: dict[str, Any]) -> dict[str, Any]:
    """The options that an analysis has parameters for."""
    parameters = inspect.signature(analysis).parameters
    return {name: value for name, value in options.items() if name in parameters}
