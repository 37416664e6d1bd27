"""What makes parsed JSON a result: the published schema first, then what a schema cannot say."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from clbench.results.digests import key_of
from clbench.results.scored_stages import scored_after
from clbench.results.statuses import status_of

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

# kind -> its schemas by version, files of clbench/schema
KINDS = {
    "train": {1: "result-1.json", 2: "result.json"},
    "pruning": {1: "pruning-1.json", 2: "pruning.json"},
}
STAGE_LISTS = ("seconds", "samples_per_second", "network_parameters", "state_parameters", "made_by")


def fault(raw: Any) -> str | None:
    """The first departure of a parsed file from the schema of its version as `field: what`, or None."""
    if not isinstance(raw, dict):
        return f"not a result: a JSON object was expected, not {type(raw).__name__}"
    kind = raw.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return f"kind: {_short(repr(kind))} is none of {', '.join(KINDS)}; not a result of clbench"
    version = raw.get("schema_version")
    known = KINDS[kind]
    return schema_fault(
        raw, known[version] if version in list(known) and type(version) is int else known[max(known)]
    )


def schema_fault(raw: Any, schema: str) -> str | None:
    """Where parsed JSON first departs from a schema, a file of clbench/schema, as `field: what`, or None."""
    if _fits(_quick(schema), raw):
        return None
    for error in _validator(schema).iter_errors(raw):
        return f"{_field(error.absolute_path)}{_short(error.message)}"
    return None


def _fits(schema: jsonschema_rs.Draft202012Validator, raw: Any) -> bool:
    """Whether it does for certain: a tenth of the time that it takes to say where something does not."""
    try:
        return schema.is_valid(raw)
    except (ValueError, TypeError):  # what no JSON can hold, such as a date of YAML
        return False


def run_fault(runs: Any, kind: str) -> str | None:
    """The same of runs alone, as a checkpoint has them."""
    for error in _validator_of_runs(kind).iter_errors(runs):
        return f"runs{_field(error.absolute_path) or ': '}{_short(error.message)}"
    return None


@functools.cache
def _validator_of_runs(kind: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator

    known = _schema(KINDS[kind][max(KINDS[kind])])["$defs"]
    run = {**known["run"], "required": ["seed"]}  # an earlier clbench knew of fewer fields
    return Draft202012Validator({"type": "array", "items": run, "$defs": known})


@functools.cache
def _quick(name: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(_schema(name))


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # slow to import, and seldom needed

    return Draft202012Validator(_schema(name))


def _schema(name: str) -> Any:
    return json.loads((files("clbench.results") / "schema" / name).read_text("utf-8"))


def _field(path: Any) -> str:
    """['runs', 0, 'matrix', 2, 1] as `runs[0].matrix[2][1]: `; nothing for the file as a whole."""
    name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return f"{name.removeprefix('.')}: " if name else ""


def _short(message: str, limit: int = 160) -> str:
    # jsonschema quotes the whole offending value, which may be a whole file, before it says what is wrong
    return message if len(message) <= limit else f"{message[: limit // 2]} ... {message[-limit // 2 :]}"


def inconsistencies(raw: dict[str, Any]) -> Iterator[str]:
    """What else is wrong with a file that is valid in today's schema, as `field: what`."""
    seeds = [run["seed"] for run in raw["runs"]]
    if len(set(seeds)) < len(seeds):
        yield f"runs: a seed occurs twice: {_short(str(seeds))}"
    if "seeds" in raw["config"]:
        planned = raw["config"]["seeds"]
        yield f"config.seeds: {_short(str(planned))} are not those of the runs, {_short(str(seeds))}"
    for key, maker in raw["makers"].items():
        if key != key_of(maker):
            yield f"makers.{key}: is not the key of what it says ({key_of(maker)})"
    for index, run in enumerate(raw["runs"]):
        if unknown := set(run["made_by"]) - raw["makers"].keys():
            yield f"runs[{index}].made_by: {_short(repr(min(unknown)))} is none of the makers"
        if missing := sorted(set(run["together"]) - set(seeds)):
            yield f"runs[{index}].together: seed {missing[0]} is not in the file"
        if run["together"].count(run["seed"]) != 1 or len(set(run["together"])) < len(run["together"]):
            yield f"runs[{index}].together: a group has each of its seeds once, and {run['seed']} is of it"
    if raw["status"] != (status := status_of(run["status"] for run in raw["runs"])):
        yield f"status: {raw['status']!r} does not follow from the runs, which make it {status!r}"
    if raw["kind"] == "train":
        bounds = [raw["score"][name] for name in ("low", "high")]
        joint = raw["protocol"] == "joint"
        train = raw["config"].get("train")
        every = train.get("score_every", 1) if isinstance(train, dict) and not joint else 1
        if type(every) is not int or every < 0:
            yield f"config.train.score_every: {_short(repr(every))} is no number of tasks"
            every = 1
        tasks = len(raw["tasks"])
        found = functools.partial(_run_inconsistencies, tasks=tasks, joint=joint, bounds=bounds, every=every)
    else:
        rounds = len(raw["config"]["pruning"]["rates"])
        found = functools.partial(_study_inconsistencies, layers=raw["layers"], rounds=rounds)
    for index, run in enumerate(raw["runs"]):
        for field, what in found(run):
            yield f"runs[{index}].{field}: {what}"


def _outside(value: float, low: float | None, high: float | None) -> str | None:
    if low is not None and value < low:
        return f"{value} is less than the minimum of {low:g}, that of the score"
    if high is not None and value > high:
        return f"{value} is greater than the maximum of {high:g}, that of the score"
    return None


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
    for name in ("survivors", "importance_seconds", "seconds", "samples_per_second", "made_by"):
        if len(run[name]) != stages:
            yield name, f"{len(run[name])} entries, but accuracy has {stages} stages"


def _run_inconsistencies(
    run: dict[str, Any], tasks: int, joint: bool, bounds: list[float | None], every: int
) -> Iterator[tuple[str, str]]:
    matrix, done = run["matrix"], run["status"] == "done"
    stages = 1 if joint else tasks
    for stage, row in enumerate(matrix):
        if len(row) != tasks:
            yield f"matrix[{stage}]", f"{len(row)} entries for {tasks} tasks"
        for task, value in enumerate(row):
            if value is not None and (fault := _outside(value, *bounds)):
                yield f"matrix[{stage}][{task}]", fault
        learned = 0 if stage == 0 else tasks if joint else stage
        due = [task for task in scored_after(stage, tasks, every) if task < learned]
        lacking = [task for task in due if task < len(row) and row[task] is None]
        if done and lacking:
            yield f"matrix[{stage}][{lacking[0]}]", "null in a finished run"
    if len(matrix) > tasks + 1:
        yield "matrix", f"{len(matrix)} rows are too many for {tasks} tasks"
    if done and len(matrix) not in {stages + 1, tasks + 1}:
        yield "matrix", f"{len(matrix)} rows, but a finished run has {stages + 1}"
    for name in (
        *STAGE_LISTS,
        *(name for name in ("pruned", "samples", "state_bytes", "passes") if run.get(name)),
    ):
        if len(run[name]) != len(matrix):
            yield name, f"{len(run[name])} entries, but the matrix has {len(matrix)} stages"
