"""Result files: one JSON a configuration, written whole, validated when read. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1


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


def load(path: Path) -> Result:
    raise NotImplementedError


def save(result: Result, path: Path) -> None:
    raise NotImplementedError
