"""Comparisons of pruning studies as sections of a document, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from clbench.report.build.cells import Cell, Column
from clbench.report.build.cells import text as spread_out
from clbench.report.build.methods import divided
from clbench.report.build.provenance import run
from clbench.report.build.pruning.studies import TOTALS, Comparison, Study, table4
from clbench.report.document import Curves, Pictures, Records, Section, Series, Table, table_of_words
from clbench.scores import ACCURACY as SCORE

ACCURACY = Column("accuracy", "%", "higher")
COMPRESSION = Column("compression", "times", None)
TESTED = TOTALS[3]


def tables(one: Comparison) -> Iterator[Table]:
    """The measures side by side, then each study layer by layer."""
    finished = [study for study in one.studies if study.finished]
    if len(finished) > 1 or not finished:
        yield measures(one, finished)
    for study in finished:
        yield layers(study, one.notes if len(finished) == 1 else [])


def measures(one: Comparison, finished: list[Study]) -> Table:
    """Accuracy of every measure after each round, and how far the network has shrunk by then."""
    rounds = max((study.rounds for study in one.studies), default=0)
    stages = range(rounds + 1)
    alike = [
        len({text(study.cell(COMPRESSION, stage), COMPRESSION) for study in finished}) == 1 for stage in stages
    ]

    def head(stage: int) -> str:
        sized = alike[stage] and bool(finished) and stage
        shrunk = f" ({text(finished[0].cell(COMPRESSION, stage), COMPRESSION)}x)" if sized else ""
        return f"round {stage}{shrunk}" if stage else "trained"

    def entry(study: Study, stage: int) -> str:
        shrunk = "" if alike[stage] else f" ({text(study.cell(COMPRESSION, stage), COMPRESSION)}x)"
        return text(study.cell(ACCURACY, stage), ACCURACY) + shrunk

    body = [[study.label, *(entry(study, s) for s in stages), str(len(study.seeds))] for study in finished]
    paper = next((study for study in finished if study.paper("accuracy", 0) is not None), None)
    if paper:
        figures = [f"{paper.paper('accuracy', s):.2f} ({paper.paper('compression', s)}x)" for s in stages if s]
        body.append(["entropy (paper)", f"{paper.paper('accuracy', 0):.2f}", *figures, "–"])
    header = ["importance", *map(head, stages), "n seeds"]
    return table_of_words(
        f"{one.heading}: test accuracy (%)",
        header,
        body,
        [*note_on_deviation(finished), *one.notes, *source(paper is not None)],
    )


def layers(study: Study, notes: list[str]) -> Table:
    """Table IV: survivors of every layer, total, compression, percent pruned and accuracy after each round."""
    stages, quantities = range(study.rounds + 1), study.quantities
    compared = study.paper("total", 0) is not None
    header = ["", *(name for s in stages for name in [f"round {s}" if s else "trained", *["paper"] * compared])]
    body = []
    for quantity in quantities:
        named = {"compression": "compression (times)", "pruned": "pruned (%)", "accuracy": "test accuracy (%)"}
        entries = [
            entry
            for s in stages
            for entry in [text(study.cell(quantity, s), quantity), *[printed(study, quantity, s)] * compared]
        ]
        body.append([named.get(quantity.name, quantity.name), *entries])
    output = f"{study.result.output_parameters:,}"
    general = [
        *note_on_deviation([study]),
        f"The output layer's {output} weights are neither pruned nor counted, as in the paper's table.",
        *notes,
        *source(compared),
    ]
    return table_of_words(heading(study), header, body, general)


def heading(study: Study) -> str:
    config, train = study.result.config, study.result.config["train"]
    limit = f" ({config['limit']} training images)" if config.get("limit") else ""
    preset = f", preset {config['preset']}" if config.get("preset") else ""
    epochs = f"{train['epochs']} epochs, then {study.pruning['retrain_epochs']} after each round"
    seeds = f"{len(study.seeds)} seed{'s' * (len(study.seeds) > 1)}"
    where = "over all layers" if study.pruning["scope"] == "global" else "in each layer"
    return f"prune-lenet on {config['dataset']}{limit} by {study.label}, ranked {where}: {epochs}{preset}, {seeds}"


def text(cell: Cell, column: Column) -> str:
    """The mean and its spread; a size on which all seeds agree, as a total is, without one."""
    agreed = column.name != "accuracy" and cell.std == 0
    return spread_out(Cell(cell.seeds[:1], cell.values[:1]) if agreed else cell, column)


def printed(study: Study, quantity: Column, stage: int) -> str:
    """The paper's figure as the paper prints it."""
    figure = study.paper(quantity.name, stage)
    return "–" if figure is None else f"{figure:.{quantity.digits}f}"


def note_on_deviation(studies: list[Study]) -> list[str]:
    return ["Mean ± sample standard deviation over seeds."] if any(len(s.seeds) > 1 for s in studies) else []


def source(compared: bool) -> list[str]:
    return [f"Paper: {table4()['source']}; one run."] if compared else []


def section(one: Comparison, pictures: Pictures = tuple) -> Section:
    title, rest = divided(one.heading)
    runs = [run(study.label, study.path, study.result) for study in one.studies]
    return Section(title, (*tables(one), *curves(one), *runs), rest, pictures)


def curves(one: Comparison) -> Iterator[Curves]:
    """Test accuracy after each round of every study with a finished seed; none where there is none."""
    rounds = max(study.rounds for study in one.studies) + 1
    series = [
        Series(study.label, np.array([study.cell(TESTED, s).values for s in range(study.rounds + 1)]).T)
        for study in one.studies
        if study.finished
    ]
    if series:
        ticks = tuple(map(str, range(rounds)))
        words = ("rounds of pruning", "test accuracy (%)", "after round ")
        yield Curves(one.heading, *words, ticks, tuple(series), SCORE.unit, SCORE.better)


def records(found: Sequence[Comparison]) -> Records:
    """A line a study, stage and quantity; mean and standard deviation unrounded."""
    described = ("dataset", "limit", "importance", "label", "scope", "digest", "preset", "n_seeds")
    columns = (*described, "stage", "quantity", "unit", "mean", "std", "paper")
    rows = []
    for study in (study for one in found for study in one.studies if study.finished):
        config = study.result.config
        whose = [config["dataset"], config.get("limit"), study.importance, study.label, study.pruning["scope"]]
        whose += [study.result.digest, config.get("preset"), len(study.seeds)]
        for stage in range(study.rounds + 1):
            for quantity in study.quantities:
                cell = study.cell(quantity, stage)
                figure = study.paper(quantity.name, stage)
                numbers = (stage, quantity.name, quantity.unit, cell.mean, cell.std, figure)
                rows.append(dict(zip(columns, (*whose, *numbers), strict=True)))
    return Records(columns, tuple(rows))


def long_records(found: Sequence[Comparison]) -> Records:
    """A line a run, stage and quantity: a network has one task, and its stages are rounds of pruning."""
    rows = [
        {
            "dataset": study.result.config["dataset"],
            "importance": study.importance,
            "label": study.label,
            "digest": study.result.digest,
            "file": str(study.path),
            "seed": run.seed,
            "status": run.status,
            "stage": stage,
            "quantity": quantity.name,
            "value": study.value(run, quantity.name, stage),
            "unit": quantity.unit,
        }
        for one in found
        for study in one.studies
        for run in study.finished
        for stage in range(study.rounds + 1)
        for quantity in study.quantities
    ]
    return Records.of(rows)


def objects(found: Sequence[Comparison]) -> list[dict[str, Any]]:
    """An object a study, with the value of every seed, unrounded."""
    return [study_object(one, study) for one in found for study in one.studies]


def study_object(one: Comparison, study: Study) -> dict[str, Any]:
    config = study.result.config
    return {
        "kind": "pruning",
        "table": one.heading,
        "dataset": config["dataset"],
        "limit": config.get("limit"),
        "label": study.label,
        "digest": study.result.digest,
        "preset": config.get("preset"),
        "pruning": study.pruning,
        "train": config["train"],
        "status": study.result.status,
        "file": str(study.path),
        "seeds": study.seeds,
        "output_parameters": study.result.output_parameters,
        "stages": [stage_object(study, stage) for stage in range(study.rounds + 1)] if study.finished else [],
        "notes": one.notes,
    }


def stage_object(study: Study, stage: int) -> dict[str, Any]:
    def numbers(quantity: Column) -> dict[str, Any]:
        cell: Cell = study.cell(quantity, stage)
        paper = {"paper": study.paper(quantity.name, stage)}
        return {"mean": cell.mean, "std": cell.std, "values": cell.values, "unit": quantity.unit, **paper}

    rate = study.pruning["rates"][stage - 1] if stage else None
    return {"stage": stage, "rate": rate, **{quantity.name: numbers(quantity) for quantity in study.quantities}}
