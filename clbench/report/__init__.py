"""Reports: result files in, tables and plots out. Only reads; never imports torch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import UserError
from clbench.report.build import pruning
from clbench.report.build.cells import columns
from clbench.report.build.result_table import Row, Table
from clbench.report.build.tables import tables
from clbench.report.write import csv, json, latex, md
from clbench.results import KINDS, find, load

if TYPE_CHECKING:
    from clbench.report.build.ranking import Ranking

__all__ = ["FORMATS", "Findings", "Row", "Table", "findings", "read", "report", "written"]

FORMATS = ("md", "csv", "latex", "latex-tables", "json", "html")
log = logging.getLogger(__name__)


@dataclass
class Findings:
    """What result files hold, ready to be written: tables of methods, and comparisons of pruning studies.

    `rankings`: of methods over several tables, where statistics are asked for.
    """

    tables: list[Table]
    studies: list[pruning.Comparison]
    rankings: list[Ranking] = field(default_factory=list)


def report(
    paths: list[Path],
    fmt: str = "md",
    metrics: list[str] | None = None,
    plots: Path | None = None,
    kind: str | None = None,
    references: Sequence[str] = (),
    stats: bool = False,
    accept_modified: bool = False,
) -> str:
    """The results in the files and folders given, as text in one of FORMATS, with the metrics as columns.

    With `plots`, pictures go into that folder; markdown ends with their list, and each is logged. `kind`: train or
    pruning, to report on the results of that kind alone. `references`: files of printed numbers to set beside
    the results, `paper` for the packaged one. `stats`: intervals, paired tests and ranks of the metrics chosen,
    of the mean (ACC) where none is; both in any format but csv. `accept_modified`: read files that do not agree
    with their sha256, and mark their tables.
    UserError: no such format, kind or metric, no result found, a damaged result or reference, a folder not
    writable.
    """
    if fmt not in FORMATS:
        raise UserError(f"no report format called {fmt!r}; there are {', '.join(FORMATS)}")
    if fmt == "csv" and (references or stats):
        raise UserError(
            "csv has a line a configuration and no place for --reference or --stats; use --format json"
        )
    found = read(paths, metrics, kind, accept_modified)
    if (references or stats) and not found.tables:
        raise UserError("--reference and --stats are about trainings, and here are pruning studies alone")
    if references:
        add_references(found, references)
    if stats:
        add_statistics(found, metrics)
    text = written(found, fmt)
    if plots is None:
        return text
    pictures = drawn(found, plots)
    for picture in pictures:
        log.info("wrote %s", picture)
    return text + "".join(["\nPlots:\n\n", *(f"- {picture}\n" for picture in pictures)] if fmt == "md" else [])


def add_references(found: Findings, references: Sequence[str]) -> None:
    from clbench.report.build import paper_comparison  # scipy.stats is slow to import and often not needed
    from clbench.report.build.references import reference_tables

    paper_comparison.add(found.tables, [table for name in references for table in reference_tables(name)])


def add_statistics(found: Findings, metrics: list[str] | None = None) -> None:
    """Of the metrics that tables have of these names; None: of the mean."""
    from clbench.report.build import ranking, significance

    names = ["mean"] if metrics is None else metrics
    if not any(table.ranked(names) for table in found.tables):
        raise UserError(f"--stats: none of {', '.join(names)} is a metric; add one to --metrics")
    significance.add(found.tables, names)
    found.rankings = ranking.rankings(found.tables, names)


def written(found: Findings, fmt: str) -> str:
    ranks = found.rankings
    if fmt == "html":
        from clbench.report.write import html  # jinja2, which the other formats do without

        return html.write(
            found.tables, found.studies, [html.Further("ranks over streams", [one.grid() for one in ranks])]
        )
    if fmt == "json":
        return json.write(found.tables, [*(one.as_object() for one in ranks), *pruning.objects(found.studies)])
    if fmt == "csv" and found.studies:
        if found.tables:
            raise UserError("trainings and pruning studies have no columns in common; add --kind train or pruning")
        return pruning.csv(found.studies)
    if fmt == "csv":
        return csv.write(found.tables)
    set_as = {"md": md.write, "latex": latex.document, "latex-tables": latex.write}[fmt]
    return set_as(found.tables, [*(ranking.grid() for ranking in ranks), *pruning.grids(found.studies)])


def drawn(found: Findings, folder: Path) -> list[Path]:
    from clbench.report.draw import methods  # matplotlib is slow to import and often not needed
    from clbench.report.draw import pruning as of_studies

    pictures = methods.draw(found.tables, folder) if found.tables else []
    if found.rankings:
        from clbench.report.draw import critical_difference

        pictures += critical_difference.draw(found.rankings, folder)
    return [*pictures, *(of_studies.draw(found.studies, folder) if found.studies else [])]


def read(
    paths: list[Path], metrics: list[str] | None = None, kind: str | None = None, accept_modified: bool = False
) -> Findings:
    """What is behind a report. Metrics: names of `clbench.metrics.METRICS`, of scores' means, and of costs."""
    if kind is not None and kind not in KINDS:
        raise UserError(f"no kind of result called {kind!r}; there are {', '.join(KINDS)}")
    loaded = [(file, load(file, accept_modified)) for file in find(paths)]
    loaded = [(file, result) for file, result in loaded if kind in (None, result.kind)]
    if not loaded:
        which = f"no results of the kind {kind}" if kind else "no results"
        raise UserError(f"{which} in {', '.join(map(str, paths)) or 'no paths'}; `clbench train` writes them")
    return findings(loaded, metrics)


def findings(loaded: Sequence[tuple[Path, Any]], metrics: list[str] | None = None) -> Findings:
    """The same of results in memory, of any kind."""
    studies = [(file, result) for file, result in loaded if result.kind == "pruning"]
    trained = [(file, result) for file, result in loaded if result.kind == "train"]
    if not trained:
        columns(metrics)  # a name that is unknown is an error all the same
    return Findings(tables(trained, metrics) if trained else [], pruning.comparisons(studies) if studies else [])
