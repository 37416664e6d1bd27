"""The search behind the tuned values of clbench.toml: every trial is an ordinary run scored on validation data.

`benchmarks/tuning.yaml` says what is tried; the trials' result files stay in `benchmarks/tuning/`, so that
`clbench report benchmarks/tuning` shows them and a second call runs only what is missing. No test image is scored.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tabulate import tabulate

from clbench.config.resolve import Config, resolve
from clbench.metrics import METRICS
from clbench.results import Result
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.progress import watcher
from clbench.run.schedule import run_all
from clbench.scores import ACCURACY

HERE = Path(__file__).parent
RECORD = HERE / "tuning"
PLANS = yaml.safe_load((HERE / "tuning.yaml").read_text())


def configs(stream: str) -> list[Config]:
    """Every trial of a stream, method after method."""
    plan = PLANS[stream]
    common = [f"{part}.{name}={value}" for part in ("train", "stream") for name, value in plan[part].items()]
    return [
        resolve(
            method,
            stream,
            scenario=plan["scenario"],
            network=plan["network"],
            seeds=(plan["seed"],),
            score="validation",
            sets=(*common, *options),
        )
        for method, grids in plan["methods"].items()
        for options in choices(grids)
    ]


def choices(grids: list[dict[str, Any]]) -> Iterator[list[str]]:
    """The product of each grid's lists: ['strategy.lam=3', 'strategy.pruning=none'], ..."""
    for grid in grids:
        lists = [[f"strategy.{name}={value}" for value in values] for name, values in grid.items()]
        yield from (list(options) for options in itertools.product(*lists))


def tune(stream: str, data_root: Path | None, workers: int) -> str:
    """Run the missing trials; a table of all of them, best first within a method, and where the best belong."""
    asked = configs(stream)
    with watcher() as watch:
        machine = Machine(data_root=data_root, keep="none")
        done = run_all(asked, RECORD, machine, Local(workers), watch=watch)
    plan = PLANS[stream]
    rows = [row(result, plan["methods"]) for _, result in done]
    rows.sort(key=lambda r: (r["method"], -(r[ACCURACY.mean_name] or 0)))
    section = f"[tuned.{stream}.{plan['scenario']}.{plan['network']}.strategy.METHOD]"
    table = tabulate(rows, headers="keys", floatfmt=".2f", missingval="-")
    return f"{table}\n\nThe best of a method belongs into {section} of clbench.toml, and holds there alone."


def row(result: Result, plan: dict[str, Any]) -> dict[str, Any]:
    """Method, the options that were searched, and ACC and BWT on validation data (None: diverged)."""
    method, run = result.config["method"], result.runs[0]
    searched = dict.fromkeys(name for grid in plan[method] for name in grid)
    options = ", ".join(f"{name}={result.config['strategy'][name]}" for name in searched)
    R = np.array(run.matrix, dtype=float) if run.status == "done" else None
    metrics = (METRICS["mean"], METRICS["BWT"])
    found = {metric.called(ACCURACY): None if R is None else metric.of(R) for metric in metrics}
    return {"method": method, "options": options, **found}
