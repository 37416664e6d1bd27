"""Results -> tables that hold only what can be compared -> rows, one a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clbench.metrics import Unavailable, final_mean
from clbench.report.build.cells import Cell, cell, columns, finished, left_out, matrix_of
from clbench.report.build.makers import remarks
from clbench.report.build.notes import (
    APART,
    default_notes,
    heading,
    painted_notes,
    preset_notes,
    sample_notes,
    score_notes,
    scoring_notes,
    training_notes,
)
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.scales import digits_of
from clbench.results import Result
from clbench.results.differences import brief, described, differing, flatten, shown, sortable
from clbench.scores import Score, score_of

ORDER = ["sgd", "sgd-f", "finetuning", "ewc", "si", "mas", "lwf", "hat", "anpyc"]  # the paper's, then joint


def tables(
    loaded: list[tuple[Path, Result]], names: list[str] | None = None, others: Sequence[Score] = ()
) -> list[ResultTable]:
    """One table for everything that may be compared, in the order of their headings; columns by their names.

    UserError for a name that is no metric, no cost, and not that of a mean of any of the results' scores or of
    the `others`.
    """
    scores = list(dict.fromkeys([*(score_of(result) for _, result in loaded), *others]))
    groups: dict[str, list[tuple[Path, Result]]] = {}
    for path, result in loaded:
        groups.setdefault(comparable(result), []).append((path, result))
    found = [_table(group, names, scores) for _, group in sorted(groups.items())]
    for table in found:
        namesakes = [other for other in found if other.stream == table.stream]
        table.heading = heading(table, namesakes)
        table.title = table.stream if len(namesakes) == 1 else table.heading
    return sorted(found, key=lambda table: table.heading)


def group_key(result: Result) -> dict[str, Any]:
    """All that two results must agree in to share a table."""
    config = result.config
    named = {name: config.get(name) for name in ("stream", "scenario", "network", "score")}
    measure = asdict(score_of(result))  # `score` is the split that it was measured on
    return {**named, "measure": measure, "tasks": result.tasks, "data": result.data}


def comparable(result: Result) -> str:
    """The same of two results that may share a table."""
    return json.dumps(group_key(result), sort_keys=True)


def _table(group: list[tuple[Path, Result]], names: list[str] | None, scores: Iterable[Score]) -> ResultTable:
    kept, notes = _without_duplicates(group)
    rows = _ordered([ResultRow(path, result, result.config["method"]) for path, result in kept])
    joints = [row.result for row in rows if row.joint]
    score = score_of(group[0][1])
    digits = digits_of(score, [mean for row in rows if (mean := _mean(row.result)) is not None])
    painted = any(run.samples for row in rows for run in row.result.runs)
    chosen = columns(names, score, scores, digits, painted)
    for row in rows:
        row.ceiling = _partner(row.result, joints)
        row.cells = {column.name: cell(column, row.result, row.ceiling) for column in chosen}
        missing = len(row.result.runs) - len(row.seeds)
        if row.seeds and missing:
            row.notes.append(f"{missing} of {len(row.result.runs)} seeds left out: {left_out(row.result)}")
        row.notes += remarks(row.result)
    defaults = default_notes([(row.method, row.result) for row in rows])
    words = [*score_notes(score, chosen), *training_notes(rows), *preset_notes(rows), *defaults]
    notes = [*words, *sample_notes(rows), *scoring_notes(rows), *painted_notes(rows), *notes]
    return ResultTable(rows, chosen, notes=notes, digits=digits)


def _mean(result: Result) -> float | None:
    """Of the finished seeds' means after the last task."""
    try:
        return Cell(values=[final_mean(matrix_of(run), score_of(result)) for run in finished(result)]).mean
    except Unavailable:
        return None


def _without_duplicates(group: list[tuple[Path, Result]]) -> tuple[list[tuple[Path, Result]], list[str]]:
    """Of files with the same digest the one with the most finished seeds, and a note on each other one."""
    best: dict[str, tuple[Path, Result]] = {}
    for path, result in sorted(group, key=lambda one: (-len(finished(one[1])), str(one[0]))):
        best.setdefault(result.digest, (path, result))
    return list(best.values()), [
        f"{path} is left out: it has the configuration of {best[result.digest][0]} ({result.digest}); "
        "clbench merge joins their seeds"
        for path, result in group
        if path != best[result.digest][0]
    ]


def _ordered(rows: list[ResultRow]) -> list[ResultRow]:
    """The paper's order, others by name, joint last; rows of one method by the options they differ in."""
    keys: dict[str, tuple] = {}
    own: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        own.setdefault(row.method, []).append(_options(row))
    names_of = {method: differing(same) for method, same in own.items()}
    say_of = {method: teller(same, names_of[method]) for method, same in own.items()}
    for row in rows:
        names, options = names_of[row.method], flatten(_options(row))
        words = described(options, names, say_of[row.method])
        row.label = f"{row.method} ({words})" if words else row.method
        values = [sortable(options.get(name, "")) for name in names]
        keys[row.result.digest] = (*place(row), values, row.result.digest)
    return sorted(rows, key=lambda row: keys[row.result.digest])


def place(row: ResultRow) -> tuple[bool, int, str]:
    """Where it stands among rows of other methods, to sort by."""
    return row.joint, ORDER.index(row.method) if row.method in ORDER else len(ORDER), row.method


def teller(configurations: list[dict[str, Any]], names: list[str]) -> Callable[[Any], str]:
    """How values of the options are written: in brief if that tells the configurations apart."""
    told = {described(options, names, brief) for options in configurations}
    return brief if len(told) == len(configurations) else shown


def _options(row: ResultRow) -> dict[str, Any]:
    """What is the row's own: all of its configuration but what the heading says."""
    own = {name: value for name, value in row.result.config.items() if name not in APART}
    return {**own, "preset": row.result.config.get("preset"), "seeds": row.result.seeds}


def _partner(result: Result, joints: list[Result]) -> Result | None:
    """The joint run to compare with: most like this one in training, then with the most seeds in common."""
    seeds = {run.seed for run in finished(result)}
    shared = {joint.digest: len(seeds & {run.seed for run in finished(joint)}) for joint in joints}
    able = [joint for joint in joints if shared[joint.digest]]
    same = result.config.get("train")
    return max(able, key=lambda joint: (joint.config.get("train") == same, shared[joint.digest]), default=None)
