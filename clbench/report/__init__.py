"""Reports: result files in, tables and plots out. Only reads; never imports torch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from ..results import KINDS, find, load
from . import csv, json, latex, markdown, pruning
from .cells import columns
from .rows import tables
from .table import Row, Table

__all__ = ["FORMATS", "Findings", "Row", "Table", "read", "report"]

FORMATS = ("md", "csv", "latex", "latex-tables", "json", "html")
log = logging.getLogger(__name__)


@dataclass
class Findings:
    """What result files hold, ready to be written: tables of methods, and comparisons of pruning studies."""

    tables: list[Table]
    studies: list[pruning.Comparison]


def report(
    paths: list[Path],
    fmt: str = "md",
    metrics: list[str] | None = None,
    plots: Path | None = None,
    kind: str | None = None,
) -> str:
    """The results in the files and folders given, as text in one of FORMATS, with the metrics as columns.

    With `plots`, pictures go into that folder; markdown ends with their list, and each is logged. `kind`: train or
    pruning, to report on the results of that kind alone.
    UserError: no such format, kind or metric, no result found, a damaged result, a folder not writable.
    """
    if fmt not in FORMATS:
        raise UserError(f"no report format called {fmt!r}; there are {', '.join(FORMATS)}")
    found = read(paths, metrics, kind)
    text = written(found, fmt)
    if plots is None:
        return text
    pictures = drawn(found, plots)
    for picture in pictures:
        log.info("wrote %s", picture)
    return text + "".join(["\nPlots:\n\n", *(f"- {picture}\n" for picture in pictures)] if fmt == "md" else [])


def written(found: Findings, fmt: str) -> str:
    if fmt == "html":
        from . import html  # jinja2, which the other formats do without

        return html.write(found.tables, found.studies)
    if fmt == "json":
        return json.write(found.tables, pruning.objects(found.studies))
    if fmt == "csv" and found.studies:
        if found.tables:
            raise UserError("trainings and pruning studies have no columns in common; add --kind train or pruning")
        return pruning.csv(found.studies)
    if fmt == "csv":
        return csv.write(found.tables)
    set_as = {"md": markdown.write, "latex": latex.document, "latex-tables": latex.write}[fmt]
    return set_as(found.tables, pruning.grids(found.studies))


def drawn(found: Findings, folder: Path) -> list[Path]:
    from . import plots  # matplotlib is slow to import and often not needed
    from .pruning import plots as of_studies

    pictures = plots.draw(found.tables, folder) if found.tables else []
    return [*pictures, *(of_studies.draw(found.studies, folder) if found.studies else [])]


def read(paths: list[Path], metrics: list[str] | None = None, kind: str | None = None) -> Findings:
    """What is behind a report. Names of metrics are those of `clbench.metrics.METRICS`, and the costs."""
    if kind is not None and kind not in KINDS:
        raise UserError(f"no kind of result called {kind!r}; there are {', '.join(KINDS)}")
    chosen = columns(metrics)
    loaded = [(file, load(file)) for file in find(paths)]
    loaded = [(file, result) for file, result in loaded if kind in (None, result.kind)]
    if not loaded:
        which = f"no results of the kind {kind}" if kind else "no results"
        raise UserError(f"{which} in {', '.join(map(str, paths)) or 'no paths'}; `clbench train` writes them")
    studies = [(file, result) for file, result in loaded if result.kind == "pruning"]
    trained = [(file, result) for file, result in loaded if result.kind == "train"]
    return Findings(tables(trained, chosen) if trained else [], pruning.comparisons(studies) if studies else [])
