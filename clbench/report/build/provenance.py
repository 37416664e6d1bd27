"""How a result came to be: its command, every value with its origin, what made it, its data, its seeds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from clbench.config import origins
from clbench.report.build import command
from clbench.report.build.makers import remarks
from clbench.report.document import Provenance, Run
from clbench.results import AnyResult
from clbench.results.differences import flatten, shown

SEEDS = ("seed", "status", "reason", "stages", "seconds", "peak memory (MiB)", "trained with seeds")


def run(label: str, path: Path, result: AnyResult) -> Run:
    return Run(label, partial(provenance, path, result))


def provenance(path: Path, result: AnyResult) -> Provenance:
    words = command.command_that_made(result)
    done = sum(run.status == "done" for run in result.runs)
    general = {"file": str(path), "digest": result.digest, "status": result.status, "reason": result.reason}
    general |= {"remarks": "; ".join(remarks(result))} if remarks(result) else {}
    general |= {"started": result.started, "finished": result.finished, "kind": result.kind}
    facts: dict[str, dict[str, Any]] = {
        "result": general,
        "configuration": _with_origins(result),
        **{f"made by {key}": flatten(maker) for key, maker in result.makers.items()},
        "data (SHA-256)": result.data,
    }
    return Provenance(
        f"{result.status}, {done} of {len(result.runs)} seeds finished",
        tuple(_options(words)) if words else None,
        {name: {key: _said(value) for key, value in pairs.items()} for name, pairs in facts.items()},
        SEEDS,
        tuple(_seed(run) for run in result.runs),
    )


def _options(words: list[str]) -> Iterator[str]:
    """`--lr 0.1` of ["--lr", "0.1"]: a line should not break between them. clbench and its command come first."""
    yield shlex.join(words[:2])
    rest = words[2:]
    yield from (shlex.join(pair) for pair in zip(rest[::2], rest[1::2], strict=True))


def _with_origins(result: AnyResult) -> dict[str, str]:
    """Every option: `0.1, from mine.toml:3`; its value alone where that is the code's, or nobody knows."""
    came = result.origins or {}
    flat = flatten(result.config)
    set_ = {name for name in flat if came.get(name, origins.CODE) != origins.CODE}
    return {n: f"{_said(value)}{f', from {came[n]}' if n in set_ else ''}" for n, value in flat.items()}


def _said(value: Any) -> str:
    return "–" if value is None or value == "" else shown(value)


def _seed(run: Any) -> tuple[str, ...]:
    """As SEEDS names them."""
    where = f" (step {run.step})" if run.step is not None else ""
    reason = f"{run.reason or '–'}{where}"
    memory = "–" if run.peak_memory_bytes is None else f"{run.peak_memory_bytes / 2**20:.0f}"
    stages = str(len(run.seconds))
    return str(run.seed), run.status, reason, stages, f"{sum(run.seconds):.1f}", memory, shown(run.together)
