"""Result files in, documents out: tables of methods, pruning studies, ranks, and what is asked for beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.report import write
from clbench.report.build import beside as beside_build
from clbench.report.build import methods, pruning
from clbench.report.build.cells import WITH_COSTS, columns
from clbench.report.build.file_names import stems, study_stem
from clbench.report.build.result_table import ResultTable
from clbench.report.build.tables import tables
from clbench.report.document import Document, Picture, Records, Section
from clbench.report.write import written
from clbench.results import KINDS, find, load, none_found

if TYPE_CHECKING:
    from clbench.report.build.across import Across
    from clbench.report.build.ranking import Ranking

FULL = ("csv", "json", "html")  # which have room for seconds, memory and stored bytes beside the metrics


@dataclass
class Findings:
    """What result files hold, ready to be written: tables of methods, and comparisons of pruning studies.

    `rankings`: of methods over several tables, where statistics are asked for. `across`: tables to show as one.
    """

    tables: list[ResultTable]
    studies: list[pruning.Comparison]
    rankings: list[Ranking] = field(default_factory=list)
    across: list[Across] = field(default_factory=list)


def report(
    paths: list[Path],
    fmt: str = "md",
    metrics: list[str] | None = None,
    plots: Path | None = None,
    kind: str | None = None,
    references: Sequence[str] = (),
    stats: bool = False,
    accept_modified: bool = False,
    versus: str | None = None,
    beside: Sequence[str] = (),
    across: str | None = None,
) -> str:
    """The results in the files and folders given, as text in a format, with the metrics as columns.

    With `plots`, pictures go into that folder. The other words are those of `describe`.
    UserError: no such format, kind or metric, no result found, a damaged result or reference, a folder not
    writable.
    """
    write.chosen(fmt, None, "md")
    asked = metrics_for(fmt, metrics, across)
    without_plots(across, plots)
    document = describe(paths, asked, kind, references, stats, accept_modified, versus, beside, across)
    return written([document], fmt, plots)


def without_plots(across: str | None, plots: Path | None) -> None:
    if across and plots:
        raise UserError("--across has no place for --plots: it is a table alone; leave out one of them")


def metrics_for(fmt: str, metrics: list[str] | None, across: str | None = None) -> list[str] | None:
    """The columns that are asked for, else those that a format has room for; over several tables the mean."""
    if metrics is None and across:
        return ["mean"]
    return WITH_COSTS if metrics is None and fmt in FULL else metrics


def describe(
    paths: list[Path],
    metrics: list[str] | None = None,
    kind: str | None = None,
    references: Sequence[str] = (),
    stats: bool = False,
    accept_modified: bool = False,
    versus: str | None = None,
    beside: Sequence[str] = (),
    across: str | None = None,
) -> Document:
    """The results in the files and folders given. `kind`: train or pruning, of the results of that kind alone.

    `references`: files of printed numbers to set beside the results, `paper` for the packaged one. `stats`:
    intervals, paired tests and ranks of the metrics chosen, of the mean (ACC) where none is; CSV has no place for
    either. `versus`: these with tests of this method against every other alone. `accept_modified`: read files that
    do not agree with their sha256, and mark their tables. `beside`: NAME=FOLDER of further results,
    whose mean is a column after that of these. `across`: scenario, stream or network, of which tables that differ
    in nothing else become one.
    """
    found = read(paths, metrics, kind, accept_modified)
    for each in beside:
        add_beside(found, each, accept_modified)
    stats = stats or versus is not None
    if (references or stats) and not found.tables:
        raise UserError("--reference and --stats are about trainings, and here are pruning studies alone")
    if across and (references or stats):
        raise UserError("--across has no place for --reference, --stats and --versus; leave it out or them")
    if references:
        add_references(found, references)
    if stats:
        add_statistics(found, metrics, versus)
    if across:
        from clbench.report.build.across import across as over

        found.across = over(found.tables, across)
    return document(found, flat=not references and not stats and not across)


def add_beside(found: Findings, beside: str, accept_modified: bool = False) -> None:
    name, where = beside_build.divided(beside)
    beside_build.add(found.tables, name, where, read([where], ["mean"], "train", accept_modified).tables)


def add_references(found: Findings, references: Sequence[str]) -> None:
    from clbench.report.build import paper_comparison  # scipy.stats is slow to import and often not needed
    from clbench.report.build.references import reference_tables

    paper_comparison.add(found.tables, [table for name in references for table in reference_tables(name)])


def add_statistics(found: Findings, metrics: list[str] | None = None, versus: str | None = None) -> None:
    """Of the metrics that tables have of these names; of the mean where none or the default ones are named."""
    from clbench.report.build import ranking, significance

    names = list(dict.fromkeys("mean" if name == "default" else name for name in metrics or ["mean"]))
    if not any(table.ranked(names) for table in found.tables):
        raise UserError(f"--stats: none of {', '.join(names)} is a metric; add one to --metrics")
    significance.add(found.tables, names, versus)
    found.rankings = ranking.rankings(found.tables, names)


def document(found: Findings, title: str = "", flat: bool = True) -> Document:
    """flat: whether a line of CSV has all that is said of a configuration."""
    return Document(
        title,
        tuple(sections(found)),
        lambda: [
            *methods.objects(found.tables),
            *(one.as_object() for one in found.across),
            *(one.as_object() for one in found.rankings),
            *pruning.objects(found.studies),
        ],
        partial(_records, found, flat),
        partial(_long_records, found),
    )


def sections(found: Findings) -> list[Section]:
    """Of tables shown as one, of all others of methods, of ranks, of every comparison of pruning studies."""
    shown = {id(table) for one in found.across for table in one.tables}
    of_tables = [
        (table, stem)
        for table, stem in zip(found.tables, stems(found.tables), strict=True)
        if id(table) not in shown
    ]
    ranks = [one.table() for one in found.rankings]
    return [
        *(Section(methods.divided(one.merged.heading)[0], (one.table(),)) for one in found.across),
        *(methods.section(table, partial(_drawn, table, stem)) for table, stem in of_tables),
        *(
            [Section("ranks over streams", tuple(ranks), "", partial(_ranks_drawn, found.rankings))]
            if ranks
            else []
        ),
        *(pruning.section(one, partial(_drawn, one, study_stem(one))) for one in found.studies),
    ]


def _drawn(subject: Any, stem: str) -> list[Picture]:
    from clbench.report.draw import pictures_of  # matplotlib is slow to import and often not needed

    return pictures_of(subject, stem)


def _ranks_drawn(rankings: Sequence[Ranking]) -> list[Picture]:
    return [picture for one in rankings for picture in _drawn(one, "critical-difference")]


def _records(found: Findings, flat: bool) -> Records:
    if not flat:
        raise UserError(
            "csv has a line a configuration and no place for --reference or --stats or --across; use --format json"
        )
    _one_kind(found)
    return pruning.records(found.studies) if found.studies else methods.records(found.tables)


def _long_records(found: Findings) -> Records:
    _one_kind(found)
    return pruning.long_records(found.studies) if found.studies else methods.long_records(found.tables)


def _one_kind(found: Findings) -> None:
    if found.studies and found.tables:
        raise UserError("trainings and pruning studies have no columns in common; add --kind train or pruning")


def read(
    paths: list[Path], metrics: list[str] | None = None, kind: str | None = None, accept_modified: bool = False
) -> Findings:
    """What is behind a report. Metrics: names of `clbench.metrics.METRICS`, of scores' means, and of costs."""
    if kind is not None and kind not in KINDS:
        raise UserError(f"no kind of result called {kind!r}; {did_you_mean(kind, KINDS)}")
    loaded = [(file, load(file, accept_modified)) for file in find(paths)]
    loaded = [(file, result) for file, result in loaded if kind in (None, result.kind)]
    if not loaded:
        raise none_found(paths, *([kind] if kind else []))
    return findings(loaded, metrics)


def findings(loaded: Sequence[tuple[Path, Any]], metrics: list[str] | None = None) -> Findings:
    """The same of results in memory, of any kind."""
    studies = [(file, result) for file, result in loaded if result.kind == "pruning"]
    trained = [(file, result) for file, result in loaded if result.kind == "train"]
    if not trained:
        columns(metrics)  # a name that is unknown is an error all the same
    return Findings(tables(trained, metrics) if trained else [], pruning.comparisons(studies) if studies else [])
