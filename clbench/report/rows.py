"""Results -> tables that hold only what can be compared -> rows, one a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..results import Result
from .cells import Column, cell, finished, left_out
from .differences import described, differing, flatten, sortable
from .notes import APART, default_notes, heading, preset_notes, training_notes
from .table import Row, Table

ORDER = ["sgd", "sgd-f", "finetuning", "ewc", "si", "mas", "lwf", "hat", "anpyc"]  # the paper's, then joint


def tables(loaded: list[tuple[Path, Result]], columns: list[Column]) -> list[Table]:
    """One table for everything that may be compared, in the order of their headings."""
    groups: dict[str, list[tuple[Path, Result]]] = {}
    for path, result in loaded:
        groups.setdefault(_comparable(result), []).append((path, result))
    found = [_table(group, columns) for _, group in sorted(groups.items())]
    for table in found:
        namesakes = [other for other in found if other.stream == table.stream]
        table.heading = heading(table, namesakes)
        table.title = table.stream if len(namesakes) == 1 else table.heading
    return sorted(found, key=lambda table: table.heading)


def group_key(result: Result) -> dict[str, Any]:
    """All that two results must agree in to share a table."""
    config = result.config
    named = {name: config.get(name) for name in ("stream", "scenario", "network", "score")}
    return {**named, "tasks": result.tasks, "data": result.data}


def _comparable(result: Result) -> str:
    return json.dumps(group_key(result), sort_keys=True)


def _table(group: list[tuple[Path, Result]], columns: list[Column]) -> Table:
    kept, notes = _without_duplicates(group)
    rows = _ordered([Row(path, result, result.config["method"]) for path, result in kept])
    joints = [row.result for row in rows if row.joint]
    for row in rows:
        joint = _partner(row.result, joints)
        row.cells = {column.name: cell(column, row.result, joint) for column in columns}
        missing = len(row.result.runs) - len(row.seeds)
        if row.seeds and missing:
            row.notes.append(f"{missing} of {len(row.result.runs)} seeds left out: {left_out(row.result)}")
    defaults = default_notes([(row.method, row.result) for row in rows])
    return Table(rows, columns, notes=[*training_notes(rows), *preset_notes(rows), *defaults, *notes])


def _without_duplicates(group: list[tuple[Path, Result]]) -> tuple[list[tuple[Path, Result]], list[str]]:
    """Of files with the same digest the one with the most finished seeds, and a note on each other one."""
    best: dict[str, tuple[Path, Result]] = {}
    for path, result in sorted(group, key=lambda one: (-len(finished(one[1])), str(one[0]))):
        best.setdefault(result.digest, (path, result))
    return list(best.values()), [
        f"{path} is left out: it has the configuration of {best[result.digest][0]} ({result.digest})"
        for path, result in group
        if path != best[result.digest][0]
    ]


def _ordered(rows: list[Row]) -> list[Row]:
    """The paper's order, others by name, joint last; rows of one method by the options they differ in."""
    keys: dict[str, tuple] = {}
    for row in rows:
        same = [_options(other) for other in rows if other.method == row.method]
        names, options = differing(same), flatten(_options(row))
        words = described(options, names)
        row.label = f"{row.method} ({words})" if words else row.method
        place = ORDER.index(row.method) if row.method in ORDER else len(ORDER)
        values = [sortable(options.get(name, "")) for name in names]
        keys[row.result.digest] = (row.joint, place, row.method, values, row.result.digest)
    return sorted(rows, key=lambda row: keys[row.result.digest])


def _options(row: Row) -> dict[str, Any]:
    """What is the row's own: all of its configuration but what the heading says."""
    own = {name: value for name, value in row.result.config.items() if name not in APART}
    return {**own, "preset": row.result.config.get("preset")}


def _partner(result: Result, joints: list[Result]) -> Result | None:
    """The joint run to compare with: most like this one in training, then with the most seeds in common."""
    seeds = {run.seed for run in finished(result)}
    shared = {joint.digest: len(seeds & {run.seed for run in finished(joint)}) for joint in joints}
    able = [joint for joint in joints if shared[joint.digest]]
    same = result.config.get("train")
    return max(able, key=lambda joint: (joint.config.get("train") == same, shared[joint.digest]), default=None)
