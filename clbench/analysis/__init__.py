"""What runs say beyond their accuracy: importance, parameter space, growth, ablations (Figs. 3, 7 to 11).

`read` the result files, give them to an analysis, and have its grids, its numbers and `draw(folder)`:

    found = importance_distribution(read([Path("runs")]), stage=1)
    pictures = found.draw(Path("plots"))
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from clbench.analysis.ablation import over_tasks, over_width, pruning_strategies
from clbench.analysis.base import Analysis, Lacking, Loaded, read
from clbench.analysis.growth import parameter_growth
from clbench.analysis.importance import importance_distribution
from clbench.analysis.parameters import parameter_space
from clbench.analysis.samples import of_generators
from clbench.analysis.stages import over_stages
from clbench.analysis.text import FORMATS, text
from clbench.analysis.values import over_values
from clbench.errors import UserError

__all__ = [
    "ANALYSES",
    "FORMATS",
    "Analysis",
    "Lacking",
    "Loaded",
    "analyze",
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
    "text",
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
    """The analyses of the results in files and folders, as text in one of FORMATS; pictures into `plots`.

    what: names of ANALYSES, each of which must be possible; None for every one that the runs allow, with a line on
    each other one (in markdown). UserError: no such name, no result, a damaged file, Lacking.
    """
    if fmt not in FORMATS:
        raise UserError(f"no format called {fmt!r}; there are {', '.join(FORMATS)}")
    for name in what or ():
        if name not in ANALYSES:
            raise UserError(f"no analysis called {name!r}; there are {', '.join(ANALYSES)}")
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
            without.append(f"- {name} is left out: {why}")
    drawn = [picture for analysis in found for picture in analysis.draw(plots)] if plots else []
    words = text(found, fmt, drawn, loaded)
    more = [
        *(["", *without] if without else []),
        *(["", "Plots:", "", *(f"- {p}" for p in drawn)] if drawn else []),
    ]
    return words + "".join(f"{line}\n" for line in more) if fmt == "md" else words
