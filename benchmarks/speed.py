"""Training of clbench beside a bare PyTorch loop over tensors in memory: one process, one thread, same network.

Every timing of a method stands between two of the bare loop and is divided by their mean, so that the drift of
a machine cancels; medians over repeats are reported. Timed is the whole training phase of the later tasks (the
pull of a regulariser is active there), the permuted copy of the images included on both sides. Beside wall time
stands processor time, which says nearly the same on a quiet machine and stays meaningful on a busy one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.resolve import Config, resolve
from clbench.config.training import Training
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.run.machine import Machine
from clbench.run.provenance import made_here
from clbench.run.train import build_stream, build_trainer
from clbench.strategies.quadratic import Quadratic
from clbench.streams.draws import generator
from clbench.streams.task import Stream, Task

TARGETS = {"finetuning": 0.9}  # samples per second, as a share of the bare loop's
OTHERS = 0.8
IMPORTANCE = 1.0  # an importance pass, in epochs of the bare loop
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Setting:
    stream: str = "permuted-mnist"
    tasks: int = 2
    epochs: int = 1
    repeats: int = 3
    limit: int | None = None  # training images a task
    methods: tuple[str, ...] = ("finetuning", "ewc", "si", "mas", "anpyc")
    data_root: Path | None = None

    def config(self, method: str) -> Config:
        sets = [f"stream.tasks={self.tasks}", f"train.epochs={self.epochs}", "train.batch_size=128"]
        sets += ["train.lr=0.01", "train.momentum=0.9", "strategy.anpyc.pruning=none"]
        sets += [f"stream.limit={self.limit}"] if self.limit else []
        return resolve(method, self.stream, sets=tuple(sets))


@dataclass(frozen=True)
class Clock:
    """Seconds on the wall and of the processor."""

    wall: float
    cpu: float

    @staticmethod
    def now() -> Clock:
        return Clock(time.perf_counter(), time.process_time())

    def __add__(self, other: Clock) -> Clock:
        return Clock(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Clock) -> Clock:
        return Clock(self.wall - other.wall, self.cpu - other.cpu)

    def over(self, other: Clock, times: float = 1.0) -> Clock:
        return Clock(times * self.wall / other.wall, times * self.cpu / other.cpu)


@dataclass
class Timing:
    """One entry a repeat. ratio: to the bare loop around it; importance: seconds over those of a bare epoch."""

    samples_per_second: list[float] = field(default_factory=list)
    ratio: list[Clock] = field(default_factory=list)
    importance: list[Clock] = field(default_factory=list)


def measured(setting: Setting, say: Callable[[str], None] | None = None) -> dict[str, Any]:
    """What `table` and --json show. UserError where a method diverges, whose timings would mean nothing."""
    say = say or (lambda text: None)
    machine = Machine("cpu", threads=1, data_root=setting.data_root)
    machine.prepare()
    first = setting.config(setting.methods[0])
    stream = build_stream(first, machine, CPU)
    bare = Bare(stream, first.train)
    say("warming up: every method learns the first task")
    bare.run()
    trainers = {name: prepared(setting.config(name), stream) for name in setting.methods}
    found = {name: Timing() for name in ("bare", *trainers)}
    for repeat in range(setting.repeats):
        before = bare.run()
        for name, trainer in trainers.items():
            spent, importance = timed(trainer)
            after = bare.run()
            around = before + after
            found[name].samples_per_second.append(bare.samples / spent.wall)
            found[name].ratio.append(around.over(spent, 0.5))
            if importance is not None:
                found[name].importance.append(importance.over(around, 2 * bare.epochs))
            found["bare"].samples_per_second.append(bare.samples / after.wall)
            found["bare"].ratio.append(before.over(after))
            before = after
        say(f"repeat {repeat + 1} of {setting.repeats}")
    return {
        "setting": {**asdict(setting), "data_root": None},
        "environment": {**made_here(machine.threads, CPU, {}), "load": os.getloadavg()},
        "training": [training_row(name, timing) for name, timing in found.items()],
        "importance": [importance_row(name, timing) for name, timing in found.items() if timing.importance],
    }


class Bare:
    """What a user would write without clbench: a new network a task, its images permuted, SGD, cross-entropy."""

    def __init__(self, stream: Stream, options: Training) -> None:
        split = stream.tasks[0].train
        if split.permutations is None:
            raise UserError(f"the bare loop permutes pixels: {stream.name} is no permuted stream")
        self.images = replace(split, permutations=None).take(torch.arange(len(split))).flatten(1)
        self.labels = split.labels
        self.orders = [permutation(task) for task in stream.tasks[1:]]
        self.classes = int(self.labels.max()) + 1
        self.options, self.epochs = options, options.epochs * len(self.orders)
        self.samples = self.epochs * len(self.images)

    def run(self) -> Clock:
        """What all timed tasks take."""
        start = Clock.now()
        for order in self.orders:
            self.learn(self.images[:, order])
        return Clock.now() - start

    def learn(self, x: Tensor) -> None:
        y, options = self.labels, self.options
        network = nn.Sequential(
            nn.Linear(x.shape[1], 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, self.classes)
        )
        optimizer = torch.optim.SGD(network.parameters(), lr=options.lr, momentum=options.momentum)
        random = generator(0, "order of the bare loop")
        for _ in range(options.epochs):
            for index in torch.randperm(len(x), generator=random).split(options.batch_size):
                loss = F.cross_entropy(network(x[index]), y[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()


def permutation(task: Task) -> Tensor:
    assert task.train.permutations is not None  # Bare asks before
    return task.train.permutations[0]


def prepared(config: Config, stream: Stream) -> Trainer:
    """A trainer that has learned the first task and measured what matters to it."""
    trainer = build_trainer(config, stream, (0,), CPU)
    trainer.model.seen = 1
    trainer.strategy.begin_task(trainer, stream.tasks[0])
    trainer.strategy.learn(trainer, stream.tasks[0])
    trainer.strategy.end_task(trainer, stream.tasks[0])
    return trainer


def timed(trainer: Trainer) -> tuple[Clock, Clock | None]:
    """What learning the later tasks takes, and the pass that measures importance after the last of them."""
    strategy, spent = trainer.strategy, Clock(0, 0)
    for task in trainer.stream.tasks[1:]:
        trainer.model.seen = task.index + 1
        trainer.kept = None  # so that the copy is made, and counted, in every repeat
        start = Clock.now()
        strategy.begin_task(trainer, task)
        strategy.learn(trainer, task)
        spent += Clock.now() - start
    if trainer.first_bad[0] >= 0:
        raise UserError(f"{type(strategy).__name__} diverged at step {int(trainer.first_bad[0])}")
    if not isinstance(strategy, Quadratic):
        return spent, None
    start = Clock.now()
    strategy.measure(trainer, task)
    return spent, Clock.now() - start


def training_row(name: str, timing: Timing) -> dict[str, Any]:
    target = None if name == "bare" else TARGETS.get(name, OTHERS)
    row = {"training": name, "samples/s": round(median(timing.samples_per_second)), **ratios(timing.ratio)}
    return {**row, "target": target, "ok": None if target is None else row["ratio"] >= target}


def importance_row(name: str, timing: Timing) -> dict[str, Any]:
    row = {"importance": name, **ratios(timing.importance)}
    return {**row, "target": IMPORTANCE, "ok": row["ratio"] <= IMPORTANCE}


def ratios(found: list[Clock]) -> dict[str, Any]:
    """Median and extremes by the wall, median by the processor."""
    wall = [clock.wall for clock in found]
    numbers = {"ratio": median(wall), "lowest": min(wall), "highest": max(wall)}
    numbers["processor time"] = median(clock.cpu for clock in found)
    return {name: round(number, 3) for name, number in numbers.items()}


def table(found: dict[str, Any]) -> str:
    """Both tables, targets beside what was measured."""

    def shown(rows: list[dict[str, Any]]) -> str:
        words = {True: "yes", False: "NO", None: ""}
        return tabulate([{**row, "ok": words[row["ok"]]} for row in rows], headers="keys")

    load = found["environment"]["load"][0]
    note = f"torch {found['environment']['torch']}, one thread, load of the machine {load:.1f}"
    parts = ["Training: ratio of its samples per second to a bare loop's (at least the target)."]
    parts += [shown(found["training"]), "", "Importance: ratio of a pass to an epoch of the bare loop (at most)."]
    parts += [shown(found["importance"]), "", "si gathers its importance while it trains; its pass only divides."]
    return "\n".join([*parts, note])
