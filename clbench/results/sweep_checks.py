"""What makes parsed JSON the record of a sweep: the published schema, its seal, then what a schema cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clbench.results.checks import schema_fault
from clbench.results.digests import digest, seal


def fault(raw: dict[str, Any], schema: str) -> str | None:
    """The first thing that is wrong, as `field: what`, or None. A file of schema 1 has no seal to agree with."""
    if found := schema_fault(raw, schema):
        return found
    if "sha256" in raw and raw["sha256"] != seal(raw):
        return "sha256: its contents do not agree with it, so it was changed since clbench wrote it"
    return next(inconsistencies(raw), None)


def inconsistencies(raw: dict[str, Any]) -> Iterator[str]:
    """What a schema cannot say: the digest is the plan's, trials lie in the space, the winner is one of them."""
    plan, trials, winner = raw["plan"], raw["trials"], raw["winner"]
    if raw["digest"] != digest(plan):
        yield f"digest: {raw['digest']!r} is not that of the plan ({digest(plan)!r})"
    if len(trials) > plan["trials"]:
        yield f"trials: {len(trials)}, but {plan['trials']} were planned"
    for index, trial in enumerate(trials):
        if trial["number"] != index:
            yield f"trials[{index}].number: {trial['number']} is not its place"
        if trial["values"].keys() != plan["space"].keys():
            yield f"trials[{index}].values: of {_names(trial['values'])}; searched are {_names(plan['space'])}"
        for name, value in trial["values"].items():
            if name in plan["space"] and not inside(value, plan["space"][name]):
                yield f"trials[{index}].values.{name}: {value!r} is none that was searched"
        if trial["status"] == "done" and not (trial["scores"] and trial["spread"]):
            yield f"trials[{index}].scores: of a finished trial, and empty"
        if trial["status"] == "repeated" and trial["file"] not in [each["file"] for each in trials[:index]]:
            yield f"trials[{index}].status: 'repeated', and no trial before has its file"
    if (raw["status"] == "done") != bool(winner) or (raw["finished"] is None) == bool(winner):
        yield f"status: {raw['status']!r}, {'with' if winner else 'without'} a winner"
    if "trial" in winner:
        chosen = next((trial for trial in trials if trial["number"] == winner["trial"]), None)
        told = [value for name, value in winner.items() if name.startswith("validation_")]
        if chosen is None or winner.get("values") != chosen["values"] or told != chosen["scores"][-1:]:
            yield f"winner: is not trial {winner['trial']} with its values and score"


def inside(value: Any, axis: dict[str, Any]) -> bool:
    """Whether a value is one of an axis of the space, as Axis.as_dict writes it."""
    if "values" in axis:
        return value in axis["values"]
    number = isinstance(value, int) if axis["integer"] else isinstance(value, int | float)
    return number and not isinstance(value, bool) and axis["low"] <= value <= axis["high"]


def _names(table: dict[str, Any]) -> str:
    return ", ".join(sorted(table)) or "nothing"
