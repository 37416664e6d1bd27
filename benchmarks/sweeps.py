"""What a sweep costs beside its trainings, and whether the memory of its driver grows with the trials."""

from __future__ import annotations

import gc
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from tabulate import tabulate

from clbench.results.sweep_record import Record, Trial
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.schedule import run
from clbench.sweep.drive import SilentOnlooker, sweep
from clbench.sweep.plan import Asked, Plan, planned

TINY = ("stream.tasks=2", "stream.limit=64", "train.epochs=1", "network.hidden=8", "train.lr=0.05")
EVERY = 50  # trials between two looks at the memory


@dataclass(frozen=True)
class Setting:
    """Which runs are timed: as long as `epochs` makes them."""

    stream: str
    method: str
    epochs: int
    trials: int
    tiny: int  # trials of the memory's measurement
    data_root: Path | None


def measured(setting: Setting) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="clbench-sweeps-") as folder:
        return {"overhead": overhead(setting, Path(folder)), "memory": memory(setting, Path(folder))}


def overhead(setting: Setting, folder: Path) -> dict[str, float]:
    """Seconds of the same trainings by `train` and by `sweep`, one after the other, in this process."""
    values = ",".join(str(10**n) for n in range(setting.trials))
    sets = (f"train.epochs={setting.epochs}",)
    grids = (f"strategy.lam={values}",)
    plan = planned(None, Asked(setting.method, setting.stream, sets=sets, grids=grids, seeds=1))
    machine = Machine(device="cpu", data_root=setting.data_root)
    configs = [plan.trial({"strategy.lam": 10**n}) for n in range(setting.trials)]
    run(configs[0], folder / "first", machine)  # reads the data into the system's cache
    start = time.perf_counter()
    for config in [*configs, plan.winner({"strategy.lam": 1})]:
        run(config, folder / "bare", machine)
    bare = time.perf_counter() - start
    start = time.perf_counter()
    sweep(plan, folder / "sweep", machine)
    swept = time.perf_counter() - start
    return {
        "trainings": setting.trials + 1,
        "seconds of one": bare / (setting.trials + 1),
        "seconds by train": bare,
        "seconds by sweep": swept,
        "overhead (%)": 100 * (swept / bare - 1),
    }


class Weighing(SilentOnlooker):
    """Looks at the driver's memory now and then."""

    def __init__(self) -> None:
        self.megabytes: list[float] = []

    def trials(self, record: Record, trial: Trial) -> None:
        if trial.status == "done" and record.count("done") % EVERY == 0:
            gc.collect()
            self.megabytes.append(psutil.Process().memory_info().rss / 2**20)


def memory(setting: Setting, folder: Path) -> dict[str, Any]:
    """Megabytes of the driver after every 50 trials, which run in two other processes."""
    watch = Weighing()
    sweep(tiny(setting.tiny), folder / "tiny", Machine(device="cpu"), Local(2), watch=watch)
    rounded = [round(found, 1) for found in watch.megabytes]
    return {"trials": setting.tiny, "megabytes": rounded, "growth (MB)": round(rounded[-1] - rounded[0], 1)}


def tiny(trials: int) -> Plan:
    asked = Asked(
        "ewc",
        "permuted-digits",
        sets=TINY,
        grids=("strategy.lam=0.01..100:log",),
        seeds=1,
        options={"search": "random", "trials": trials},
    )
    return planned(None, asked)


def table(found: dict[str, Any]) -> str:
    return "\n\n".join(
        f"{name}\n{tabulate([[k, v] for k, v in rows.items()], floatfmt='.2f')}" for name, rows in found.items()
    )
