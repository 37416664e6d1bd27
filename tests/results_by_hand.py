"""Results written by hand, as small as a result can be: no network is trained."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clbench.results import Result, Run, digest, settle
from clbench.results.digests import key_of, seal

MAKER = {"clbench": "0.1.0", "commit": "ab" * 20, "torch": "2.9.0", "device": "cpu", "threads": 1, "plugins": {}}

R3 = [
    [0.5, 0.5, 0.5],
    [0.9, 0.4, 0.5],
    [0.7, 0.8, 0.6],
    [0.6, 0.7, 0.95],
]  # three tasks, two of them forgotten
JOINT3 = [[0.5, 0.5, 0.5], [0.95, 0.9, 0.97]]


def run(seed: int = 0, matrix: Sequence[Sequence[float | None]] = R3, **changes: Any) -> Run:
    stages = len(matrix)
    fields: dict[str, Any] = {
        "status": "done",
        "matrix": [list(row) for row in matrix],
        "seconds": [float(stage) for stage in range(stages)],
        "samples_per_second": [1000.0 * (stage > 0) for stage in range(stages)],
        "network_parameters": [100 + 10 * stage for stage in range(stages)],
        "state_parameters": [200 * stage for stage in range(stages)],
        "peak_memory_bytes": 4096,
        "made_by": [key_of(MAKER)] * stages,
        "together": [seed],
    }
    return Run(seed=seed, **{**fields, **changes})


def sealed_anew(path: Path) -> None:
    """After a change by hand: its sha256 as that of what it says now."""
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "sha256": seal(raw)}))


def shifted(matrix: Sequence[Sequence[float]], by: float) -> list[list[float]]:
    return [[min(max(value + by, 0.0), 1.0) for value in row] for row in matrix]


def result(
    method: str = "ewc",
    matrices: Sequence[Sequence[Sequence[float | None]]] = (R3,),
    runs: list[Run] | None = None,
    data: dict[str, str] | None = None,
    **config: Any,
) -> Result:
    """A finished result, one seed a matrix; `config` replaces whole entries of the configuration."""
    runs = runs if runs is not None else [run(seed, matrix) for seed, matrix in enumerate(matrices)]
    tasks = len(runs[0].matrix[0]) if runs[0].matrix else 3
    whole: dict[str, Any] = {
        "method": method,
        "scenario": "task",
        "score": "test",
        "preset": None,
        "strategy": {},
        "stream": {"name": "split-toy", "tasks": tasks, "seed": 0},
        "network": {"name": "mlp", "hidden": [16], "dropout": 0.0},
        "train": {"epochs": 1, "lr": 0.1},
        **config,
    }
    found = Result(
        digest=digest(whole),
        config=whole,
        protocol="joint" if method == "joint" else "sequential",
        tasks=[f"task {n}" for n in range(1, tasks + 1)],
        data=data if data is not None else {"toy.bin": "ab" * 32},
        makers={key_of(MAKER): MAKER},
        runs=runs,
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
    )
    settle(found)
    return found
