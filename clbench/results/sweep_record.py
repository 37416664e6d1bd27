"""The record of a sweep: one JSON file with every trial, written whole whenever one begins or ends."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clbench.errors import UserError
from clbench.results import jsonfile
from clbench.results.digests import seal
from clbench.results.result import version_fault
from clbench.scores import ACCURACY, Score

SCHEMA_VERSION = 2
SCHEMAS = {1: "sweep-1.json", 2: "sweep.json"}  # by version, files of clbench/results/schema
AFRESH = "move it away to search afresh: trials that are finished are not trained again"
ENDED = ("done", "diverged", "failed", "stopped", "repeated")


@dataclass
class Trial:
    """A point of the space. scores: the mean (ACC) on validation images as printed, after 1, 2, .. tasks."""

    number: int
    values: dict[str, Any]
    file: str  # its result, below the folder of results
    status: str = (
        "running"  # running | done | diverged | failed | stopped (hopeless) | repeated (as another trial)
    )
    reason: str | None = None
    scores: list[float] = field(default_factory=list)
    spread: list[float] = field(default_factory=list)  # per seed, the last score
    seconds: float = 0.0

    @property
    def score(self) -> float | None:
        return self.scores[-1] if self.status == "done" and self.scores else None


@dataclass
class Record:
    """A sweep so far. winner: {} until the winner has been trained.

    score: the fields of the Score that trials are judged by; None, as in older records: accuracy.
    """

    digest: str
    plan: dict[str, Any]
    status: str = "running"  # running | done
    started: str = ""
    finished: str | None = None
    trials: list[Trial] = field(default_factory=list)
    winner: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] | None = None  # of the values of the plan's configuration
    kind: str = "sweep"
    schema_version: int = SCHEMA_VERSION
    score: dict[str, Any] | None = None

    @property
    def measure(self) -> Score:
        return ACCURACY if self.score is None else Score(**self.score)

    @property
    def ranked(self) -> list[Trial]:
        """The finished trials, the best score first; of equals the first."""
        scored = [trial for trial in self.trials if trial.score is not None]
        return sorted(scored, key=lambda trial: (-self.measure.sign * (trial.score or 0.0), trial.number))

    @property
    def best(self) -> Trial | None:
        return next(iter(self.ranked), None)

    @property
    def tie(self) -> str:
        """'trials 2, 5 reach the same ACC as the best, trial 1: the first was taken'; empty without a tie."""
        first, *others = [t.number + 1 for t in self.ranked if self.best and t.score == self.best.score] or [0]
        if not others:
            return ""
        several = (
            f"trials {', '.join(map(str, others))} reach" if len(others) > 1 else f"trial {others[0]} reaches"
        )
        return f"{several} the same {self.measure.mean_name} as the best, trial {first}: the first was taken"

    def scored(self, score: float) -> str:
        """A trial's score in words, `98.21`: to the second digit, what is small to its fourth."""
        return f"{score:.2f}" if abs(score) >= 1 or self.measure == ACCURACY else f"{score:.4g}"

    def count(self, *states: str) -> int:
        return sum(trial.status in states for trial in self.trials)


def save(record: Record, path: Path) -> None:
    raw = asdict(record)
    jsonfile.write({**raw, "sha256": seal(raw)}, path)


def load(path: Path) -> Record:
    """The record in a file of any version; UserError names the file, and the field that is wrong."""
    raw = jsonfile.read(path)
    if not isinstance(raw, dict) or raw.get("kind") != "sweep":
        raise UserError(
            f"{path}: not the record of a sweep; clbench sweep writes them as sweep-METHOD-DIGEST.json"
        )
    from clbench.results import sweep_checks as checks  # jsonschema is slow to import, and saving does without it

    if fault := version_fault(raw, SCHEMA_VERSION, SCHEMAS):
        raise UserError(f"{path}: {fault}")
    if fault := checks.fault(raw, SCHEMAS[1 if raw.get("schema_version") == 1 else SCHEMA_VERSION]):
        raise UserError(f"{path}: {fault}; {AFRESH}")
    fields = {name: value for name, value in raw.items() if name not in ("sha256", "schema_version")}
    return Record(**{**fields, "trials": [Trial(**trial) for trial in raw["trials"]]})


def found(path: Path) -> Record | None:
    """The record in a file, if there is one."""
    return load(path) if path.exists() else None
