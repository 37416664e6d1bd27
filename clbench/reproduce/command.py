"""What `clbench reproduce` does: run what is missing of a table or figure, then show it beside the paper."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clbench import analysis
from clbench.atomic import write_whole
from clbench.groups import Machine
from clbench.jsonfile import dumps
from clbench.report import Findings, add_statistics, beside, drawn, html, latex, markdown, pruning
from clbench.report import findings as found_in
from clbench.report.differences import flatten
from clbench.report.grid import Grid
from clbench.report.pruning import Comparison
from clbench.report.pruning.studies import Study
from clbench.report.references import reference_tables
from clbench.report.table import Row, Table
from clbench.reproduce import claims
from clbench.reproduce.experiments import Reproduction
from clbench.runner import Silent, Spread, Watcher, conduct

FORMATS = ("md", "json", "html", "latex", "latex-tables")
METRICS = ["ACC", "BWT", "FWT"]  # what the tables of the paper print
ANALYSES: dict[str, Callable[[analysis.Loaded], analysis.Analysis]] = {
    "growth": analysis.parameter_growth,
    "tasks": analysis.over_tasks,
    "width": analysis.over_width,
    "pruning": analysis.pruning_strategies,
    "importance": analysis.importance_distribution,
    "parameters": analysis.parameter_space,
}


@dataclass
class Shown:
    """A table or figure, ready to be written."""

    name: str
    title: str
    tables: list[Table] = field(default_factory=list)
    studies: list[Comparison] = field(default_factory=list)
    grids: list[Grid] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)
    lines: list[claims.Line] = field(default_factory=list)
    verdicts: list[claims.Verdict] = field(default_factory=list)
    results: analysis.Loaded = field(default_factory=list)  # that figures are made of
    images: dict[str, bytes] = field(default_factory=dict)  # the figure's pictures as PNG, by what they show
    made: analysis.Loaded = field(default_factory=list)  # every result that it is made of
    lacking: str | None = None  # why a figure cannot be made of the runs that there are

    def objects(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "lines": self.lines,
            "claims": [verdict.object() for verdict in self.verdicts],
            "pictures": [str(picture) for picture in self.pictures],
            "lacking": self.lacking,
        }


@dataclass(frozen=True)
class How:
    """Where and how things are run, and what is shown of them."""

    out: Path
    machine: Machine
    preset: str | None = None
    seeds: int | None = None
    overlay: dict[str, Any] = field(default_factory=dict)  # options that win over the files'
    workers: int = 1
    force: bool = False
    watch: Watcher = field(default_factory=Silent)
    spread: Spread | None = None
    plots: Path | None = None
    references: tuple[str, ...] = ("paper",)
    stats: bool = False
    illustrated: bool = False  # figures are drawn, whether or not there is a folder for them


def reproduce(wanted: Sequence[Reproduction], how: How) -> list[Shown]:
    """Run what is missing of each, then show it; printed numbers are read before anything is run."""
    for name in how.references:
        reference_tables(name)
    return [shown(one, run(one, how), how) for one in wanted]


def run(one: Reproduction, how: How) -> analysis.Loaded:
    """The results of a table or figure, of the seeds it asks for; finished ones are not run again."""
    experiments = one.experiments(how.preset, how.seeds, how.overlay)
    machine = replace(how.machine, keep=one.checkpoints)
    return conduct(experiments, how.out, machine, how.workers, how.force, how.watch, how.spread)


def shown(one: Reproduction, done: analysis.Loaded, how: How) -> Shown:
    found = Shown(one.name, one.title, made=done)
    if one.show in ("report", "study"):
        add_report(found, one, done, how)
    wanted = [name for name in (one.show, one.also) if name in ANALYSES]
    found.results = done if wanted else []
    for name in wanted:
        add_analysis(found, name, how)
    if one.claims:
        found.verdicts = [claim.judged(found.lines) for claim in one.claims]
        found.grids.append(claims.grid(found.verdicts, one.title))
    return found


def add_report(found: Shown, one: Reproduction, done: analysis.Loaded, how: How) -> None:
    """Tables of methods beside the paper's, or a pruning study's."""
    of_methods = one.show == "report"
    findings: Findings = found_in(done, METRICS if of_methods else None)
    if of_methods:
        printed = [table for name in how.references for table in reference_tables(name)]
        beside.add(findings.tables, [one for one in printed if any(map(one.matches, findings.tables))])
    if how.stats and of_methods:
        add_statistics(findings, ["ACC"])
    found.tables, found.studies = findings.tables, findings.studies
    found.lines += [line for table in findings.tables for row in table.rows for line in seed_lines(row)]
    found.lines += [
        line for comparison in findings.studies for study in comparison.studies for line in round_lines(study)
    ]
    if how.plots:
        found.pictures += drawn(findings, how.plots)


def seed_lines(row: Row) -> Iterator[claims.Line]:
    """What a row says of each seed."""
    values = {name: dict(zip(cell.seeds, cell.values, strict=True)) for name, cell in row.cells.items()}
    for seed in row.seeds:
        named = {**flatten(row.result.config), "method": row.method, "label": row.label, "seed": seed}
        yield {**named, **{name: found.get(seed) for name, found in values.items()}}


def round_lines(study: Study) -> Iterator[claims.Line]:
    """What a study says of each seed after each round; round 0 is the trained network."""
    named = {**study.pruning, "importance": study.importance}
    for run in study.finished:
        for stage in range(study.rounds + 1):
            numbers = {column.name: study.value(run, column.name, stage) for column in study.quantities}
            yield {**named, "seed": run.seed, "round": stage, **numbers}


def add_analysis(found: Shown, name: str, how: How) -> None:
    """A figure's numbers and picture; what the runs lack for it is said in its place."""
    try:
        done = ANALYSES[name](found.results)
    except analysis.Lacking as why:
        found.lacking = str(why)
        return
    options = {result.digest: flatten(result.config) for _, result in found.results}
    found.grids += done.grids
    found.lines += [{**options[line["digest"]], **line} for line in done.rows]
    if how.plots or how.illustrated:
        with tempfile.TemporaryDirectory() as folder:
            drawn = {path.name: path.read_bytes() for path in done.draw(Path(folder))}
        found.images |= {f"{found.title}: {Path(n).stem}": drawn[n] for n in drawn if n.endswith(".png")}
        if how.plots:
            found.pictures += keep(drawn, how.plots, found.name)


def keep(drawn: dict[str, bytes], folder: Path, name: str) -> list[Path]:
    """Write a figure's pictures, named after it: two figures may show the same analysis of the same stream."""
    for picture, content in drawn.items():
        write_whole(folder / f"{name}-{picture}", content)
    return [folder / f"{name}-{picture}" for picture in drawn]


# -- as text --------------------------------------------------------------------------------------------------


def text(found: Sequence[Shown], fmt: str, folder: Path | None = None) -> str:
    """In one of FORMATS; markdown for a file in `folder` shows its pictures, and lists them without one."""
    if fmt == "md":
        return "\n".join(as_markdown(one, folder) for one in found)
    if fmt == "json":
        return dumps([one.objects() for one in found])
    tables = [table for one in found for table in one.tables]
    studies = [study for one in found for study in one.studies]
    grids = [grid for one in found for grid in one.grids]
    if fmt == "html":
        return html.write(tables, studies, map(as_further, found))
    return (latex.document if fmt == "latex" else latex.write)(tables, [*pruning.grids(studies), *grids])


def as_further(one: Shown) -> html.Further:
    """The runs of a figure; those of a table stand beside it already."""
    labels = {line["digest"]: line["label"] for line in one.lines if "digest" in line}
    runs = [(labels.get(result.digest, path.stem), path, result) for path, result in one.results if not one.tables]
    return html.Further(one.title, one.grids, one.images, runs)


def as_markdown(one: Shown, folder: Path | None) -> str:
    words = [f"## {one.title}", ""]
    if one.tables or one.studies or one.grids:
        words.append(markdown.write(one.tables, [*pruning.grids(one.studies), *one.grids]))
    if one.lacking:
        words.append(f"Not shown: {one.lacking}\n")
    if one.pictures and folder is None:
        words += [*(f"- {picture}" for picture in one.pictures), ""]
    elif folder is not None:
        drawn = [os.path.relpath(picture, folder) for picture in one.pictures if picture.suffix == ".png"]
        words += [f"![{one.title}: {Path(picture).stem}](<{picture}>)\n" for picture in drawn]
    return "\n".join(words)
