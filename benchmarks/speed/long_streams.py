"""Long streams and many seeds: whole runs of `clbench train`, their seconds a task and their peak memory.

A task's seconds, of the result file, are those of training and of measuring importance, without scoring. All tasks
are scored at the end alone. Memory is the peak of the whole process, less that of an interpreter that has imported
torch alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from tabulate import tabulate

from benchmarks.speed.clock import CPU
from benchmarks.speed.memory import MB, torch_alone
from benchmarks.speed.processes import ALONE, Training, options, train
from benchmarks.speed.training import Say
from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.run.provenance import made_here

FEW = 10  # tasks that memory is compared with, and tasks at either end of a long stream
MANY_ENDS = 50  # tasks at either end of a very long stream
TASKS_OF_SEEDS = 3  # of the stream that many seeds learn


@dataclass(frozen=True)
class Setting:
    stream: str = "permuted-digits"
    methods: tuple[str, ...] = ("ewc", "si", "mas", "anpyc")
    tasks: int = 100
    many_tasks: int = 1000
    seeds: int = 50
    limit: int | None = None  # training images a task
    sets: tuple[str, ...] = ()
    data_root: Path | None = None

    def train(self, method: str, tasks: int, seeds: int = 1) -> Training:
        """UserError where a seed diverges: it would learn fewer tasks."""
        sets = [f"stream.tasks={tasks}", "train.epochs=1"]
        sets += [f"stream.limit={self.limit}"] if self.limit else []
        words = ["--method", method, "--stream", self.stream, "--seeds", str(seeds), "--workers", "1"]
        words += ["--threads", "1", "--device", "cpu", "--evaluate", "last"]
        done = train([*words, *options([*sets, *self.sets], self.data_root)], ALONE)
        for run in done.runs:
            if run["status"] != "done":
                raise UserError(f"{method} on {self.stream}, seed {run['seed']}: {run['reason']}")
        return done


def of_tasks(setting: Setting, base: int, say: Say) -> list[dict[str, Any]]:
    """A long stream: its last tasks beside its first, and its memory beside that of a short one."""
    rows = []
    for method in setting.methods:
        say(f"{method}: {setting.tasks} tasks")
        few, ends = min(FEW, setting.tasks - 1), min(FEW, setting.tasks // 2)
        short, long = setting.train(method, few), setting.train(method, setting.tasks)
        row = {"method": method, "tasks": setting.tasks, **first_and_last(long, ends)}
        row |= {f"MB after {few}": above(short, base), f"MB after {setting.tasks}": above(long, base)}
        rows.append({**row, "growth (MB)": round((long.used.peak - short.used.peak) / MB, 1)})
    return rows


def of_seeds(setting: Setting, base: int, say: Say) -> list[dict[str, Any]]:
    """Many seeds in one process beside one."""
    rows = []
    for method in setting.methods:
        say(f"{method}: {setting.seeds} seeds")
        one, many = (setting.train(method, TASKS_OF_SEEDS, seeds) for seeds in (1, setting.seeds))
        alone, together = (mean(run.runs[0]["seconds"][1:]) for run in (one, many))
        row = {"method": method, "seeds": setting.seeds, "s a task, one seed": round(alone, 3)}
        row |= {
            "s a task, all": round(together, 3),
            "over as many times one": round(together / alone / setting.seeds, 3),
        }
        row |= {"MB of one": above(one, base), "MB of all": above(many, base)}
        more = (many.used.peak - one.used.peak) / MB / (setting.seeds - 1)
        rows.append({**row, "MB a seed more": round(more, 1)})
    return rows


def of_many_tasks(setting: Setting, base: int, say: Say) -> list[dict[str, Any]]:
    """A very long stream."""
    rows = []
    for method in setting.methods:
        say(f"{method}: {setting.many_tasks} tasks")
        done = setting.train(method, setting.many_tasks)
        row = {"method": method, "tasks": setting.many_tasks}
        row |= first_and_last(done, min(MANY_ENDS, setting.many_tasks // 2))
        rows.append({**row, "MB": above(done, base), "wall (s)": round(done.used.clock.wall, 1)})
    return rows


PARTS: dict[str, Callable[[Setting, int, Say], list[dict[str, Any]]]] = {
    "tasks": of_tasks,
    "seeds": of_seeds,
    "many-tasks": of_many_tasks,
}


def measured(setting: Setting, parts: tuple[str, ...], say: Say) -> dict[str, Any]:
    """What `table` and --json show. UserError for a part that there is not."""
    for part in parts:
        if part not in PARTS:
            raise UserError(f"--parts: nothing called {part!r}; {did_you_mean(part, PARTS)}")
    base = torch_alone()
    found: dict[str, Any] = {
        "setting": {**asdict(setting), "data_root": None},
        "environment": {**made_here(1, CPU, {}), "load": os.getloadavg()},
        "torch (MB)": round(base / MB),
    }
    return {**found, **{part: PARTS[part](setting, base, say) for part in parts}}


def first_and_last(done: Training, ends: int) -> dict[str, Any]:
    """Mean seconds of the first tasks and of the last; stage 0 learns nothing."""
    seconds = done.runs[0]["seconds"][1:]
    first, last = mean(seconds[:ends]), mean(seconds[-ends:])
    numbers = {f"s a task, first {ends}": round(first, 4), f"s a task, last {ends}": round(last, 4)}
    return {**numbers, "last/first": round(last / first, 3)}


def above(done: Training, base: int) -> int:
    """MB at the peak, less those of torch alone."""
    return round((done.used.peak - base) / MB)


def table(found: dict[str, Any]) -> str:
    """A table a part."""
    here, parts = found["environment"], []
    for part in PARTS:
        if part in found:
            parts += [tabulate(found[part], headers="keys"), ""]
    words = f"{found['setting']['stream']}, torch {here['torch']}, one thread, load {here['load'][0]:.1f}"
    return "\n".join([*parts, f"{words}; memory above {found['torch (MB)']} MB of torch alone"])
