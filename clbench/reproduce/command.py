"""What `clbench reproduce` does: run what is missing of a table or figure, then show it beside the paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clbench import analysis
from clbench.registry import analyses
from clbench.report.build import paper_comparison
from clbench.report.build.provenance import run as run_of
from clbench.report.build.pruning.studies import TOTALS, Study
from clbench.report.build.references import reference_tables
from clbench.report.build.result_table import ResultRow
from clbench.report.build.tables import tables
from clbench.report.compose import Findings, add_statistics, document, sections
from clbench.report.compose import findings as found_in
from clbench.report.document import Document, Note, Picture, Records, Section, Table
from clbench.reproduce import verdicts
from clbench.reproduce.claims import OF_ACCURACY, Directions
from clbench.reproduce.experiments import Reproduction
from clbench.reproduce.lines import LOST, Line
from clbench.results import Result, Run, SeedRun
from clbench.results.differences import flatten
from clbench.run.machine import Machine
from clbench.run.schedule import Executor, Silent, Watcher, run_experiments
from clbench.run.train import Train

METRICS = ["mean", "BWT", "FWT"]  # what the tables of the paper print, but for those of generators


Options = dict[str, Line]  # digest of a training -> every option of it


@dataclass
class Shown:
    """A table or figure, ready to be written."""

    name: str
    title: str
    findings: Findings = field(default_factory=lambda: Findings([], []))
    analyses: list[analysis.Analysis] = field(default_factory=list)
    claims: list[Table] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    directions: Directions = field(default_factory=lambda: OF_ACCURACY)  # which way each number is better
    verdicts: list[verdicts.Verdict] = field(default_factory=list)
    results: analysis.Loaded = field(default_factory=list)  # that figures are made of
    made: analysis.Loaded = field(default_factory=list)  # every result that it is made of
    lacking: str | None = None  # why a figure cannot be made of the runs that there are
    options: Options = field(default_factory=dict)

    def options_of(self, result: Result) -> Line:
        """Every option of a result, those too that its file leaves out because they say nothing."""
        return {**self.options.get(result.digest, {}), **flatten(result.config)}

    def document(self) -> Document:
        """Tables of methods, studies, analyses, claims; the runs of a table of methods stand beside it already."""
        labels = {line["digest"]: line["label"] for line in self.lines if "digest" in line}
        runs = [run_of(labels.get(result.digest, path.stem), path, result) for path, result in self.results]
        without = [Note(f"Not shown: {self.lacking}")] if self.lacking else []
        tables = [table for one in self.analyses for table in one.tables]
        parts = (*tables, *self.claims, *without, *(runs if not self.findings.tables else ()))
        rest = [Section(self.title, parts, "", self.pictures)] if parts else []
        return Document(
            self.title,
            (*sections(self.findings), *rest),
            lambda: [self.as_object()],
            lambda: Records.of(self.lines),
            document(found_in(self.made)).long,
        )

    def pictures(self) -> list[Picture]:
        """Named after the figure: two may show the same analysis of the same stream."""
        return [
            replace(picture, name=f"{self.name}-{picture.name}")
            for one in self.analyses
            for picture in one.pictures()
        ]

    def as_object(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "lines": self.lines,
            "claims": [verdict.object() for verdict in self.verdicts],
            "lacking": self.lacking,
        }


@dataclass(frozen=True)
class How:
    """Where and how things are run, and what is shown of them."""

    out: Path
    machine: Machine
    preset: str | None = None
    seeds: tuple[int, ...] | None = None  # None: as its file has them
    overlay: dict[str, Any] = field(default_factory=dict)  # options that win over the files'
    force: bool = False
    watch: Watcher = field(default_factory=Silent)
    executor: Executor | None = None
    references: tuple[str, ...] = ("paper",)
    stats: bool = False


def reproduce(wanted: Sequence[Reproduction], how: How) -> list[Shown]:
    """Run what is missing of each, then show it; printed numbers are read before anything is run."""
    for name in how.references:
        reference_tables(name)
    return [shown(one, *run(one, how), how) for one in wanted]


def run(one: Reproduction, how: How) -> tuple[analysis.Loaded, Options]:
    """The results of a table or figure, of the seeds it asks for, and every option of them.

    Finished ones are not run again.
    """
    experiments = one.experiments(how.preset, how.seeds, how.overlay)
    machine = replace(how.machine, keep=one.checkpoints)
    done = run_experiments(experiments, how.out, machine, how.executor, how.force, how.watch)
    options = {each.config.digest: each.config.values() for each in experiments if isinstance(each, Train)}
    return done, options


def shown(one: Reproduction, done: analysis.Loaded, options: Options, how: How) -> Shown:
    found = Shown(one.name, one.title, made=done, options=options)
    if one.show in ("report", "study"):
        add_report(found, one, done, how)
    wanted = [name for name in (one.show, one.also) if name is not None and name in analyses]
    found.results = done if wanted else []
    for name in wanted:
        add_analysis(found, name)
    if found.results and not found.findings.tables:
        found.lines += [
            line for _, result in found.results for line in lost_lines(found.options_of(result), result.runs)
        ]
    if one.claims:
        found.verdicts = [claim.judged(found.lines, found.directions) for claim in one.claims]
        found.claims.append(verdicts.table(found.verdicts, one.title))
    return found


def add_report(found: Shown, one: Reproduction, done: analysis.Loaded, how: How) -> None:
    """Tables of methods beside the paper's, or a pruning study's."""
    of_methods = one.show == "report"
    painted = any(isinstance(run, Run) and run.samples for _, result in done for run in result.runs)
    findings: Findings = found_in(done, METRICS if of_methods and not painted else None)
    if of_methods:
        printed = [table for name in how.references for table in reference_tables(name)]
        paper_comparison.add(findings.tables, [one for one in printed if any(map(one.matches, findings.tables))])
    if how.stats and of_methods:
        add_statistics(findings)
    found.findings = findings
    for table in findings.tables:
        found.lines += [line for row in table.rows for line in seed_lines(row, found.options_of(row.result))]
        found.directions = {**found.directions, **{c.name: c.better for c in table.columns if c.better}}
    found.lines += [
        line for comparison in findings.studies for study in comparison.studies for line in round_lines(study)
    ]
    if findings.studies:
        found.directions = {column.name: column.better for column in TOTALS if column.better}


def seed_lines(row: ResultRow, options: Line) -> Iterator[Line]:
    """What a row says of each seed."""
    values = {name: dict(zip(cell.seeds, cell.values, strict=True)) for name, cell in row.cells.items()}
    named = {**options, "label": row.label}
    for seed in row.seeds:
        yield {**named, "seed": seed, **{name: found.get(seed) for name, found in values.items()}}
    yield from lost_lines(named, row.result.runs)


def lost_lines(named: Line, runs: Sequence[SeedRun]) -> Iterator[Line]:
    """Of every seed without numbers, why: no claim about its group can be borne out."""
    for run in runs:
        if run.status != "done":
            state = "is unfinished" if run.status == "running" else run.status
            yield {**named, "seed": run.seed, LOST: f"seed {run.seed} {state}"}


def round_lines(study: Study) -> Iterator[Line]:
    """What a study says of each seed after each round; round 0 is the trained network."""
    named = {**study.pruning, "importance": study.importance}
    for run in study.finished:
        for stage in range(study.rounds + 1):
            numbers = {column.name: study.value(run, column.name, stage) for column in study.quantities}
            yield {**named, "seed": run.seed, "round": stage, **numbers}
    yield from lost_lines(named, study.result.runs)


def add_analysis(found: Shown, name: str) -> None:
    """A figure's numbers; what the runs lack for it is said in its place."""
    try:
        done = analyses[name](found.results)
    except analysis.Lacking as why:
        found.lacking = str(why)
        return
    options = {result.digest: found.options_of(result) for _, result in found.results}
    for table in tables(found.results, [*METRICS, "SMT", "read"]):
        found.directions = {**found.directions, **{c.name: c.better for c in table.columns if c.better}}
    found.analyses.append(done)
    if not found.findings.tables:  # beside a table of methods, claims are about its numbers
        found.lines += [{**options[line["digest"]], **line} for line in done.rows]
