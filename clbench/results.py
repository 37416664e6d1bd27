"""Result files: one JSON a configuration, written whole, validated when read. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from . import jsonfile
from .errors import UserError

SCHEMA_VERSION = 1
Raw = dict[str, Any]
UPGRADES: dict[int, Callable[[Raw], Raw]] = {}  # version -> what turns a file of it into one of the next


@dataclass
class SeedRun:
    """What one seed did, of any kind of result. Lists over stages have one entry a stage reached."""

    seed: int
    status: str = "running"  # running | done | diverged | failed
    reason: str | None = None  # why it diverged or failed, else None
    step: int | None = None  # optimiser step, counted from the beginning, at which it diverged
    seconds: list[float] = field(default_factory=list)  # wall time of training a stage
    samples_per_second: list[float] = field(default_factory=list)
    peak_memory_bytes: int = 0
    together: list[int] = field(default_factory=list)  # the seeds trained in one program with this one


@dataclass
class Run(SeedRun):
    """One seed of a method on a stream; stage t is after t tasks, stage 0 untrained."""

    matrix: list[list[float | None]] = field(default_factory=list)  # R[stage][task], shares in 0..1
    network_parameters: list[int] = field(default_factory=list)  # network with the heads of the tasks seen
    state_parameters: list[int] = field(default_factory=list)  # numbers the method keeps beside the network
    pruned: list[float] = field(default_factory=list)  # share of weights zeroed in each stage, if it prunes
    chosen: list[Raw] = field(
        default_factory=list
    )  # of a continual search: what each task chose, and what it tried


@dataclass
class PrunedRun(SeedRun):
    """One seed of a pruning study; stage 0 is the trained network, stage r after r rounds."""

    accuracy: list[float | None] = field(default_factory=list)  # on test images, shares in 0..1
    survivors: list[list[int]] = field(default_factory=list)  # [stage][layer], in the order of the result's layers
    importance_seconds: list[float] = field(default_factory=list)  # part of `seconds`; stage 0: 0


@dataclass(kw_only=True)
class AnyResult:
    """What every result file holds. `config` is the configuration verbatim; metrics are never stored."""

    digest: str
    config: dict[str, Any]
    data: dict[str, str]  # file name -> sha256 of what was read
    environment: dict[str, Any]
    runs: list[Any]
    status: str = "running"
    reason: str | None = None
    started: str = ""
    finished: str | None = None
    origins: dict[str, str] | None = None  # value of the configuration -> where it came from: origins.py
    kind: str = ""
    schema_version: int = SCHEMA_VERSION

    def news(self, runs: list[Any]) -> str:
        """In a few words how far these of its runs have come."""
        raise NotImplementedError


@dataclass(kw_only=True)
class Result(AnyResult):
    """Of `clbench train`."""

    protocol: str  # sequential | joint (all tasks at once in stage 1)
    tasks: list[str]
    runs: list[Run]
    search: Raw | None = None  # how its hyper-parameters were chosen, if `clbench sweep` did
    kind: str = "train"

    def news(self, runs: list[Run]) -> str:
        """'ACC 93.1 after task 3': over the tasks learned so far (joint: all), mean of the seeds that go on."""
        joint = self.protocol == "joint"
        rows = [run.matrix[-1] for run in runs if run.matrix and run.status != "diverged"]
        stage = max((len(run.matrix) for run in runs), default=1) - 1
        values = [v for row in rows for v in (row if joint and stage else row[:stage]) if v is not None]
        learned = "of all tasks at once" if joint else f"after task {stage}"
        return f"ACC {100 * sum(values) / len(values):.2f} {learned}" if values else "untrained"


@dataclass(kw_only=True)
class PruningResult(AnyResult):
    """Of `clbench prune-lenet`. `layers` are those that are pruned, and their weights: 'layer1 W' -> 800."""

    layers: dict[str, int]
    output_parameters: int  # of the output layer, which is never pruned and, as in the paper, not counted
    runs: list[PrunedRun]
    kind: str = "pruning"

    def news(self, runs: list[PrunedRun]) -> str:
        """'accuracy 98.87 at 5.0x after round 1': mean of the seeds that go on."""
        going = [run for run in runs if run.accuracy and run.accuracy[-1] is not None and run.status != "diverged"]
        if not going:
            return "untrained"
        accuracy = sum(run.accuracy[-1] or 0.0 for run in going) / len(going)
        left = sum(sum(run.survivors[-1]) for run in going) / len(going)
        round_ = len(going[0].accuracy) - 1
        where = f"at {sum(self.layers.values()) / max(left, 1):.1f}x after round {round_}" if round_ else "trained"
        return f"accuracy {100 * accuracy:.2f} {where}"


KINDS: dict[str, tuple[type[AnyResult], type[SeedRun]]] = {
    "train": (Result, Run),
    "pruning": (PruningResult, PrunedRun),
}


def digest(config: dict[str, Any]) -> str:
    """First 12 hex digits of the SHA-256 of the canonical JSON; UserError on NaN or Infinity."""
    try:
        text = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise UserError(f"the configuration holds a number that is not finite: {error}") from None
    except TypeError as error:  # such as a date, which YAML makes of 2001-01-01
        raise UserError(f"the configuration holds what JSON cannot: {error}") from None
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save(result: AnyResult, path: Path) -> None:
    """Write the whole file or none of it; UserError if the disk refuses. Equal results give equal bytes."""
    jsonfile.write(asdict(result), path)


def load(path: Path) -> Any:
    """The result in a file, of the class of its kind; UserError names the file and the field that is wrong."""
    from . import result_checks  # jsonschema is slow to import, and saving does without it

    raw = jsonfile.read(path)
    if isinstance(raw, dict):
        raw = _upgrade(path, raw)
    fault = result_checks.fault(raw)
    if fault:
        raise UserError(f"{path}: {fault}")
    whole, run = KINDS[raw["kind"]]
    result = whole(**{**raw, "runs": [run(**each) for each in raw["runs"]]})
    expected = digest(result.config)
    if result.digest != expected:
        raise UserError(
            f"{path}: digest: {result.digest!r} is not that of the config ({expected!r}); the file was edited"
        )
    return result


def find(paths: list[Path]) -> list[Path]:
    """Files as given and, sorted, the result files in the folders given; each once."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not os.path.exists(path):  # unlike Path.exists, says no to names that cannot be
            raise UserError(f"{path}: no such file or folder")
        inside = sorted(p for p in path.rglob("*.json") if _is_result(p)) if path.is_dir() else [path]
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _is_result(path: Path) -> bool:
    """Whether the file is a result, or was one before it was damaged: that is reported, not skipped."""
    from . import result_checks

    if not path.is_file():
        return False
    try:
        raw = jsonfile.read(path)
    except UserError:
        return '"schema_version"' in jsonfile.text(path, errors="replace")
    return isinstance(raw, dict) and raw.get("kind") in list(result_checks.KINDS)


def _upgrade(path: Path, raw: Raw) -> Raw:
    """The same content in today's schema, one version a step."""
    version = raw.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        return raw  # the schema says what is wrong
    if version > SCHEMA_VERSION:
        raise UserError(
            f"{path}: schema_version: {version} was written by a newer clbench (this one reads up to "
            f"{SCHEMA_VERSION}); upgrade clbench"
        )
    while version < SCHEMA_VERSION:
        if version not in UPGRADES:
            raise UserError(f"{path}: schema_version: {version} is not one that clbench ever wrote")
        raw = UPGRADES[version](raw)
        version += 1
    return {**raw, "schema_version": version}
