"""What makes parsed JSON a result: the published schema first, then what a schema cannot say."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

KINDS = {"train": "result.json", "pruning": "pruning.json"}  # kind -> its schema, a file of clbench/schema
STAGE_LISTS = ("seconds", "samples_per_second", "network_parameters", "state_parameters")


def fault(raw: Any) -> str | None:
    """The first thing wrong with a parsed file as `field: what`, or None."""
    if not isinstance(raw, dict):
        return f"not a result: a JSON object was expected, not {type(raw).__name__}"
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return f"kind: {_short(repr(kind))} is none of {', '.join(KINDS)}; not a result of clbench"
    return schema_fault(raw, KINDS[kind]) or next(_inconsistencies(raw), None)


def schema_fault(raw: Any, schema: str) -> str | None:
    """Where parsed JSON first departs from a schema, a file of clbench/schema, as `field: what`, or None."""
    for error in _validator(schema).iter_errors(raw):
        return f"{_field(error.absolute_path)}{_short(error.message)}"
    return None


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((files("clbench") / "schema" / name).read_text("utf-8")))


def _field(path: Any) -> str:
    """['runs', 0, 'matrix', 2, 1] as `runs[0].matrix[2][1]: `; nothing for the file as a whole."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"{name.removeprefix('.')}: " if name else ""


def _short(message: str, limit: int = 160) -> str:
    # jsonschema quotes the whole offending value, which may be a whole file, before it says what is wrong
    return message if len(message) <= limit else f"{message[: limit // 2]} ... {message[-limit // 2 :]}"


def _inconsistencies(raw: dict[str, Any]) -> Iterator[str]:
    seeds = [run["seed"] for run in raw["runs"]]
    if len(set(seeds)) < len(seeds):
        yield f"runs: a seed occurs twice: {_short(str(seeds))}"
    planned = raw["config"]["seeds"]
    if sorted(seeds) != sorted(planned):
        yield f"config.seeds: {_short(str(planned))} are not those of the runs, {_short(str(seeds))}"
    if raw["kind"] == "train":
        found = functools.partial(_run_inconsistencies, tasks=len(raw["tasks"]), joint=raw["protocol"] == "joint")
    else:
        rounds = len(raw["config"]["pruning"]["rates"])
        found = functools.partial(_study_inconsistencies, layers=raw["layers"], rounds=rounds)
    for index, run in enumerate(raw["runs"]):
        for field, what in found(run):
            yield f"runs[{index}].{field}: {what}"


def _study_inconsistencies(run: dict[str, Any], layers: dict[str, int], rounds: int) -> Iterator[tuple[str, str]]:
    sizes, before = [layers[name] for name in sorted(layers)], None
    for stage, alive in enumerate(run["survivors"]):
        if len(alive) != len(sizes):
            yield f"survivors[{stage}]", f"{len(alive)} entries for {len(sizes)} layers"
        elif any(a > most for a, most in zip(alive, before or sizes, strict=True)):
            yield f"survivors[{stage}]", "more weights than the stage before had"
        else:
            before = alive
    stages = len(run["accuracy"])
    if stages > rounds + 1 or (run["status"] == "done" and stages != rounds + 1):
        yield "accuracy", f"{stages} stages, but {rounds} rounds have {rounds + 1}"
    if run["status"] == "done" and None in run["accuracy"]:
        yield f"accuracy[{run['accuracy'].index(None)}]", "null in a finished run"
    for name in ("survivors", "importance_seconds", "seconds", "samples_per_second"):
        if len(run[name]) != stages:
            yield name, f"{len(run[name])} entries, but accuracy has {stages} stages"


def _run_inconsistencies(run: dict[str, Any], tasks: int, joint: bool) -> Iterator[tuple[str, str]]:
    matrix, done = run["matrix"], run["status"] == "done"
    stages = 1 if joint else tasks
    for stage, row in enumerate(matrix):
        if len(row) != tasks:
            yield f"matrix[{stage}]", f"{len(row)} entries for {tasks} tasks"
        learned = 0 if stage == 0 else tasks if joint else stage
        if done and None in row[:learned]:
            yield f"matrix[{stage}][{row.index(None)}]", "null in a finished run"
    if len(matrix) > tasks + 1:
        yield "matrix", f"{len(matrix)} rows are too many for {tasks} tasks"
    if done and len(matrix) not in {stages + 1, tasks + 1}:
        yield "matrix", f"{len(matrix)} rows, but a finished run has {stages + 1}"
    for name in (*STAGE_LISTS, *(["pruned"] if run.get("pruned") else [])):
        if len(run[name]) != len(matrix):
            yield name, f"{len(run[name])} entries, but the matrix has {len(matrix)} stages"
