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
class Run:
    """What one seed did. Lists over stages have one entry a stage reached, stage 0 (untrained) first."""

    seed: int
    status: str = "running"  # running | done | diverged | failed
    reason: str | None = None  # why it diverged or failed, else None
    step: int | None = None  # optimiser step of the stream at which it diverged
    matrix: list[list[float | None]] = field(default_factory=list)  # R[stage][task], shares in 0..1
    seconds: list[float] = field(default_factory=list)  # wall time of training a stage (stage 0: 0)
    samples_per_second: list[float] = field(default_factory=list)
    network_parameters: list[int] = field(default_factory=list)  # network with the heads of the tasks seen
    state_parameters: list[int] = field(default_factory=list)  # numbers the method keeps beside the network
    peak_memory_bytes: int = 0
    together: list[int] = field(default_factory=list)  # the seeds trained in one program with this one


@dataclass
class Result:
    """A whole result file. `config` is the configuration verbatim; metrics are never stored."""

    digest: str
    config: dict[str, Any]
    protocol: str  # sequential | joint (all tasks at once in stage 1)
    tasks: list[str]
    data: dict[str, str]  # file name -> sha256 of what was read
    environment: dict[str, Any]
    runs: list[Run]
    status: str = "running"
    reason: str | None = None
    started: str = ""
    finished: str | None = None
    kind: str = "train"
    schema_version: int = SCHEMA_VERSION


def digest(config: dict[str, Any]) -> str:
    """First 12 hex digits of the SHA-256 of the canonical JSON; UserError on NaN or Infinity."""
    try:
        text = json.dumps(config, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise UserError(f"the configuration holds a number that is not finite: {error}") from None
    except TypeError as error:  # such as a date, which YAML makes of 2001-01-01
        raise UserError(f"the configuration holds what JSON cannot: {error}") from None
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def save(result: Result, path: Path) -> None:
    """Write the whole file or none of it; UserError if the disk refuses. Equal results give equal bytes."""
    jsonfile.write(asdict(result), path)


def load(path: Path) -> Result:
    """The result in a file; UserError names the file and the field that is wrong."""
    from . import result_checks  # jsonschema is slow to import, and saving does without it

    raw = jsonfile.read(path)
    if isinstance(raw, dict):
        raw = _upgrade(path, raw)
    fault = result_checks.fault(raw)
    if fault:
        raise UserError(f"{path}: {fault}")
    raw["runs"] = [Run(**run) for run in raw["runs"]]
    result = Result(**raw)
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
