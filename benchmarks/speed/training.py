"""Training, importance and evaluation beside a bare PyTorch loop over tensors in memory: one process, one network.

Every timing of a method stands between two of the bare loop and is divided by their mean, so that the drift of
a machine cancels; medians and extremes over repeats are reported. Timed is the whole training phase of the later
tasks (the pull of a regulariser is active there), the permuted copy of the images included on both sides. Beside
wall time stands processor time, which says nearly the same on a quiet machine and stays meaningful on a busy one.
The bare loop trains one seed; where clbench trains several at once, samples are those of all. A method's
percentage of the peak counts the operations of its training steps, those that it adds included.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.speed.allowed import allowed
from benchmarks.speed.arithmetic import Work, product_rate, work_of
from benchmarks.speed.bare import Bare, scored
from benchmarks.speed.clock import Clock, judged, ratios, spread
from clbench.config.resolve import Config, resolve
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.run.machine import Machine
from clbench.run.train import build_stream, build_trainer
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Stream

METHODS = ("finetuning", "ewc", "si", "mas", "anpyc", "hat", "lwf", "er", "derpp")
STREAMS = {"mlp": "permuted-mnist", "lenet": "split-mnist"}  # of other networks split-cifar10
# samples per second, as a share of the bare loop's, or of what a method's own arithmetic leaves of it
TARGETS = {"finetuning": 1.05, "ewc": 0.95, "si": 0.95, "mas": 0.95, "anpyc": 0.95}
TARGET_OF_ALLOWED = 0.9
IMPORTANCE = 1.0  # an importance pass of the mlp, in epochs of the bare loop
TOGETHER = 1.5  # on a GPU: the time of several seeds, over that of one
EPOCH, EPOCH_IMAGES = 0.25, 60_000  # on a GPU: seconds of an epoch of so many images, ten seeds of fine-tuning
Say = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    networks: tuple[str, ...] = ("mlp",)
    stream: str | None = None  # None: each network's own
    seeds: tuple[int, ...] = (1, 10)
    methods: tuple[str, ...] = METHODS
    tasks: int = 2
    epochs: int = 1
    repeats: int = 3
    limit: int | None = None  # training images a task
    batch_size: int = 128
    threads: int = 1
    device: str = "cpu"
    sets: tuple[str, ...] = ()
    data_root: Path | None = None

    def stream_of(self, network: str) -> str:
        return self.stream or STREAMS.get(network, "split-cifar10")

    def options(self, method: str) -> list[str]:
        """What is set of a configuration, for --set."""
        sets = [f"stream.tasks={self.tasks}", f"train.epochs={self.epochs}", f"train.batch_size={self.batch_size}"]
        sets += ["train.optimizer=sgd", "train.lr=0.01", "train.momentum=0.9", "train.lr_step=0"]
        sets += ["strategy.pruning=none"] if method == "anpyc" else []
        sets += [f"stream.limit={self.limit}"] if self.limit else []
        return [*sets, *self.sets]

    def config(self, method: str, network: str) -> Config:
        return resolve(method, self.stream_of(network), network=network, sets=tuple(self.options(method)))

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "data_root": None}


@dataclass
class Timing:
    """Of a method with a network and so many seeds. One entry a repeat; ratios are to the bare loop around it.

    importance: seconds over those of the bare loop's epoch, of as many seeds. share: of evaluation in all seconds
    of a task (trained, measured, all later tasks scored).
    """

    name: str
    network: str
    seeds: int
    work: Work
    allowed: float = 1.0
    samples_per_second: list[float] = field(default_factory=list)
    ratio: list[Clock] = field(default_factory=list)
    importance: list[Clock] = field(default_factory=list)
    importance_seconds: list[float] = field(default_factory=list)
    images_per_second: list[float] = field(default_factory=list)
    evaluation: list[Clock] = field(default_factory=list)
    share: list[float] = field(default_factory=list)


def measured(setting: Setting, say: Say) -> dict[str, Any]:
    """What a table and --json show. UserError where a method diverges, whose timings would mean nothing."""
    machine = Machine(setting.device, threads=setting.threads, data_root=setting.data_root)
    device = machine.prepare()
    peaks = [product_rate(device)]
    timings: list[Timing] = []
    for network in setting.networks:
        timings += timings_of(network, setting, machine, device, peaks, say)
    peak = median(peaks)
    return {
        "peak": spread((rate / 1e9 for rate in peaks), "GFLOP/s", 1),
        "training": [training_row(timing, peak) for timing in timings],
        "importance": [importance_row(timing) for timing in timings if timing.importance],
        "evaluation": [evaluation_row(timing) for timing in timings],
        "together": together_rows(timings, device),
    }


def timings_of(
    network: str, setting: Setting, machine: Machine, device: torch.device, peaks: list[float], say: Say
) -> list[Timing]:
    config = setting.config(setting.methods[0], network)
    stream = build_stream(config, machine, device)
    if len(stream.tasks) < 2:
        raise UserError(f"{stream.name} has one task here, and only later tasks are timed")
    bare = Bare(config, stream, device)
    work = work_of(bare.network, bare.shape)
    bare.run()
    of_bare = Timing("bare", network, 1, work)
    found = [of_bare]
    for seeds in setting.seeds:
        for method in setting.methods:
            say(f"{method}, {network}, {seeds} seed{'s' * (seeds > 1)}")
            trainer = prepared(setting.config(method, network), stream, seeds, device)
            share = allowed(trainer, work, stream.tasks[1:])
            found.append(Timing(method, network, seeds, work, share))
            measure(trainer, bare, found[-1], of_bare, setting.repeats)
            del trainer
            gc.collect()
            peaks.append(product_rate(device))
    return found


def prepared(config: Config, stream: Stream, seeds: int, device: torch.device) -> Trainer:
    """A trainer that has learned the first task and measured what matters to it."""
    trainer = build_trainer(config, stream, tuple(range(seeds)), device)
    strategy, task = trainer.strategy, stream.tasks[0]
    trainer.model.seen = 1
    strategy.begin_task(trainer, task)
    strategy.learn(trainer, task)
    if strategy.statistics == "per-task":
        trainer.model.keep_statistics(0)
    strategy.end_task(trainer, task)
    return trainer


def measure(trainer: Trainer, bare: Bare, timing: Timing, of_bare: Timing, repeats: int) -> None:
    """Training, importance and evaluation, each between two runs of the bare loop."""
    seeds = timing.seeds
    before, scored_before = bare.run(), bare.score()
    for _ in range(repeats):
        spent, importance = timed(trainer, bare.device)
        after = bare.run()
        scoring = evaluated(trainer, bare.device)
        scored_after = bare.score()
        around, scored_around = before + after, scored_before + scored_after
        timing.samples_per_second.append(seeds * bare.samples / spent.wall)
        timing.ratio.append(around.over(spent, seeds / 2))
        timing.images_per_second.append(seeds * bare.tested / scoring.wall)
        timing.evaluation.append(scored_around.over(scoring, seeds / 2))
        of_importance = 0.0 if importance is None else importance.wall
        whole = spent.wall / len(bare.tasks) + of_importance + scoring.wall
        timing.share.append(scoring.wall / whole)
        if importance is not None:
            timing.importance.append(importance.over(around, 2 * bare.epochs / seeds))
            timing.importance_seconds.append(importance.wall)
        of_bare.samples_per_second.append(bare.samples / after.wall)
        of_bare.ratio.append(before.over(after))
        of_bare.images_per_second.append(bare.tested / scored_after.wall)
        of_bare.evaluation.append(scored_before.over(scored_after))
        of_bare.share.append(scored_after.wall / (after.wall / len(bare.tasks) + scored_after.wall))
        before, scored_before = after, scored_after


def timed(trainer: Trainer, device: torch.device) -> tuple[Clock, Clock | None]:
    """What learning the later tasks takes, and the pass that measures importance after the last of them."""
    strategy, spent = trainer.strategy, Clock(0, 0)
    for task in trainer.stream.tasks[1:]:
        trainer.model.seen = task.index + 1
        trainer.kept = None  # so that the copy is made, and counted, in every repeat
        start = Clock.now(device)
        strategy.begin_task(trainer, task)
        strategy.learn(trainer, task)
        spent += Clock.now(device) - start
        if strategy.statistics == "per-task":
            trainer.model.keep_statistics(task.index)
    if (first := int(trainer.first_bad.max())) >= 0:
        raise UserError(f"{type(strategy).__name__} diverged at step {first}")
    if not isinstance(strategy, Quadratic):
        return spent, None
    start = Clock.now(device)
    strategy.measure(trainer, task)
    return spent, Clock.now(device) - start


def evaluated(trainer: Trainer, device: torch.device) -> Clock:
    """What scoring the later tasks takes."""
    start = Clock.now(device)
    for task in trainer.stream.tasks[1:]:
        trainer.score(task, scored(task))
    return Clock.now(device) - start


# -- rows ---------------------------------------------------------------------------------------------------------


def named(timing: Timing, what: str) -> dict[str, Any]:
    return {what: timing.name, "network": timing.network, "seeds": timing.seeds}


def training_row(timing: Timing, peak: float) -> dict[str, Any]:
    speed = median(timing.samples_per_second)
    row = {**named(timing, "training"), "samples/s": round(speed)}
    row["% of peak"] = round(100 * speed * timing.work.step / timing.allowed / peak, 1)
    row |= ratios(timing.ratio)
    row["allowed"] = round(timing.allowed, 3)
    row["ratio/allowed"] = round(row["ratio"] / timing.allowed, 3)
    if timing.name in ("bare", *TARGETS):
        return {**row, **judged(row["ratio"], TARGETS.get(timing.name))}
    return {**row, **judged(row["ratio/allowed"], TARGET_OF_ALLOWED)}


def importance_row(timing: Timing) -> dict[str, Any]:
    row = {**named(timing, "importance"), "seconds": round(median(timing.importance_seconds), 3)}
    row |= ratios(timing.importance)
    return {**row, **judged(row["ratio"], IMPORTANCE if timing.network == "mlp" else None, at_most=True)}


def evaluation_row(timing: Timing) -> dict[str, Any]:
    row = {**named(timing, "evaluation"), "images/s": round(median(timing.images_per_second))}
    return {**row, **ratios(timing.evaluation), "% of time": round(100 * median(timing.share), 1)}


def together_rows(timings: list[Timing], device: torch.device) -> list[dict[str, Any]]:
    """Several seeds as one program beside one: targets are those of a GPU, the mlp, ten seeds and fine-tuning."""
    speeds = {(t.network, t.name, t.seeds): median(t.samples_per_second) for t in timings}
    rows = []
    for (network, name, seeds), speed in speeds.items():
        alone = speeds.get((network, name, 1))
        if seeds == 1 or alone is None:
            continue
        row: dict[str, Any] = {"together": name, "network": network, "seeds": seeds}
        row["time over one seed's"] = round(seeds * alone / speed, 3)
        row["seconds of 60,000 images"] = round(seeds * EPOCH_IMAGES / speed, 3)
        judges = device.type == "cuda" and (network, name, seeds) == ("mlp", "finetuning", 10)
        times = judged(row["time over one seed's"], TOGETHER if judges else None, at_most=True)
        epoch = judged(row["seconds of 60,000 images"], EPOCH if judges else None, at_most=True)
        row |= {"target": times["target"], "target of seconds": epoch["target"]}
        row["ok"] = (times["ok"] and epoch["ok"]) if judges else None
        rows.append(row)
    return rows
