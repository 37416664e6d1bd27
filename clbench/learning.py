"""One group of seeds through one stream: build, resume, learn task after task, score, keep a checkpoint."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from clbench import checkpoint
from clbench.config import Config
from clbench.datasets import load
from clbench.errors import UserError
from clbench.models.classifier import Classifier
from clbench.registry import load_plugin, networks, strategies
from clbench.results import Run
from clbench.streams.assemble import Common, assemble
from clbench.streams.find import find
from clbench.task import Stream, Task
from clbench.training import Trainer

Keep = Literal["all", "last", "none"]


@dataclass(frozen=True)
class News:
    """What a group tells while it learns: samples trained since, of how many, and after a stage its runs."""

    samples: int = 0
    total: int | None = None
    runs: list[Run] | None = None


@dataclass(frozen=True)
class Machine:
    """Where and how a run executes: nothing of it belongs to the configuration."""

    device: str = "auto"
    threads: int = 1  # intra-op threads a process; more is slower for small networks on a busy machine
    data_root: Path | None = None
    allow_modified: bool = False
    plugins: tuple[Path, ...] = ()
    keep: Keep = "last"  # which checkpoints stay

    def prepare(self) -> torch.device:
        """Set up this process; must come before the first computation, as threads inherit flushing."""
        torch.set_flush_denormal(True)  # importances hold many values near 1e-40, which slow a CPU several times
        torch.set_num_threads(self.threads)
        for plugin in self.plugins:
            load_plugin(plugin)
        return choose_device(self.device)


def choose_device(name: str) -> torch.device:
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def build_stream(config: Config, machine: Machine, device: torch.device) -> Stream:
    """The stream of a configuration, read from disk (or fetched)."""
    function, data = find(config.stream)
    options = dict(config.stream_options)
    common = Common(**{name: options.pop(name) for name in Common.__dataclass_fields__})

    def images(name: str):
        return load(name, machine.data_root, allow_modified=machine.allow_modified)

    parts = function(images if data is None else images(data), common.seed, **options)
    single = strategies[config.method].single_head and config.scenario == "task"
    stream = assemble(config.stream, parts, common, "domain" if single else config.scenario, device)
    bare = [task.name for task in stream.tasks if task.validation is None]
    if bare and (config.score == "validation" or (config.train.patience and config.train.stop_on == "validation")):
        share = common.validation
        raise UserError(
            f"stream.validation={share} leaves task {bare[0]} no validation image, which --score validation and "
            "train.stop_on=validation need; --set stream.validation=0.1"
        )
    return stream


def build_trainer(config: Config, stream: Stream, seeds: tuple[int, ...], device: torch.device) -> Trainer:
    """Model, strategy and trainer of some of the configuration's seeds, before the first task."""

    def network() -> torch.nn.Module:
        return networks[config.network](stream.input_shape, **config.network_options)

    model = Classifier(network, stream, seeds, device)
    strategy = strategies[config.method](**config.strategy_options)
    if problem := strategy.unfit(config.scenario, model):
        raise UserError(f"{config.method} {problem}")
    strategy.start(model, stream)
    return Trainer(model, strategy, stream, config.train)


@dataclass
class Group:
    """Seeds that are trained as one program, and where their checkpoints lie."""

    config: Config
    seeds: tuple[int, ...]
    folder: Path
    digest: str | None = None  # of the stored configuration, which an older clbench may have written

    def learn(self, machine: Machine, tell: Callable[[News], None]) -> list[Run]:
        """Train to the end, from the last checkpoint if there is one."""
        device = machine.prepare()
        stream = build_stream(self.config, machine, device)
        trainer = build_trainer(self.config, stream, self.seeds, device)
        runs, stage = self.resume(trainer)
        if not runs:
            runs = [Run(seed, together=list(self.seeds)) for seed in self.seeds]
            self.record(trainer, runs, 0, 0.0, 0.0)
        plan = self.plan(trainer)
        tell(News(sum(plan[:stage]), sum(plan), runs))
        trainer.progress = lambda samples: tell(News(samples * len(self.seeds)))
        for task in stream.tasks[stage:]:
            if trainer.first_bad.ge(0).all():
                break  # every seed has diverged
            self.one_task(trainer, task, runs)
            self.keep_checkpoint(trainer, task.index + 1, runs, machine.keep)
            tell(News(runs=runs))
        for run in runs:
            run.status = "done" if run.status == "running" else run.status
        if machine.keep != "all":  # an earlier start may have been killed before it removed one
            self.forget_checkpoints(spare=1 if machine.keep == "last" else 0)
        return runs

    def one_task(self, trainer: Trainer, task: Task, runs: list[Run]) -> None:
        before, start = trainer.trained, time.perf_counter()
        trainer.model.seen = task.index + 1
        trainer.strategy.begin_task(trainer, task)
        trainer.strategy.learn(trainer, task)
        learned = time.perf_counter() - start
        trainer.strategy.end_task(trainer, task)
        samples = (trainer.trained - before) * len(self.seeds)
        self.record(trainer, runs, task.index + 1, time.perf_counter() - start, samples / max(learned, 1e-9))

    def record(self, trainer: Trainer, runs: list[Run], stage: int, seconds: float, speed: float) -> None:
        """A row of the matrix of every seed, and what the stage cost."""
        stream, joint = trainer.stream, trainer.strategy.protocol == "joint"
        columns = [self.scored(trainer, task) for task in stream.tasks]
        state = trainer.strategy.state().values()
        for s, run in enumerate(runs):
            if run.status == "diverged":
                continue
            run.matrix.append([column[s] for column in columns])
            run.seconds.append(round(seconds, 4))
            run.samples_per_second.append(round(speed, 1))
            run.network_parameters.append(trainer.model.parameters_at(len(stream.tasks) if joint else stage))
            run.state_parameters.append(sum(t[0].numel() for t in state))
            run.peak_memory_bytes = peak_memory(trainer.model.device)
            if trainer.first_bad[s] >= 0:
                run.status, run.step = "diverged", int(trainer.first_bad[s])
                run.reason = (
                    f"the loss was not finite at step {run.step} (task {stage}); lower the rate or strength"
                )

    def scored(self, trainer: Trainer, task: Task) -> list[float | None]:
        split = task.validation if self.config.score == "validation" else task.test
        assert split is not None  # build_stream() sees to it
        return trainer.score(task, split)

    # -- checkpoints ------------------------------------------------------------------------------------------

    def resume(self, trainer: Trainer) -> tuple[list[Run], int]:
        """The runs so far and the stage reached: ([], 0) where nothing was kept."""
        kept = self.kept()
        if not kept:
            return [], 0
        stage = max(kept)
        return self.load(trainer, stage), stage

    def load(self, trainer: Trainer, stage: int) -> list[Run]:
        path = self.kept()[stage]
        found = checkpoint.read(path)
        mine = self.belongs(stage)
        if {name: found.record.get(name) for name in mine} != mine:
            raise checkpoint.damaged(path, "it is of another configuration, stage or group of seeds")
        checkpoint.restore(trainer, found, path)
        return [Run(**run) for run in found.record["runs"]]

    def keep_checkpoint(self, trainer: Trainer, stage: int, runs: list[Run], keep: Keep) -> None:
        record = {**self.belongs(stage), "runs": [asdict(run) for run in runs]}
        path = checkpoint.path_of(self.folder, stage, self.seeds)
        checkpoint.write(path, checkpoint.collect(trainer), record)
        if keep != "all":
            self.forget_checkpoints(spare=1)

    def belongs(self, stage: int) -> dict[str, Any]:
        """What a checkpoint says of whose it is."""
        return {"config": self.digest or self.config.digest, "stage": stage, "seeds": list(self.seeds)}

    def forget_checkpoints(self, spare: int) -> None:
        """Remove all but the last `spare`."""
        kept = list(self.kept().values())
        for path in kept[: len(kept) - spare]:
            path.unlink(missing_ok=True)

    def plan(self, trainer: Trainer) -> list[int]:
        """Samples each task will take, all seeds: for the estimate of the time left."""
        strategy, stream, train = trainer.strategy, trainer.stream, self.config.train
        images = [len(task.train) for task in stream.tasks]
        fitted = [sum(images)] * len(images) if strategy.protocol == "joint" else images  # at once
        each = zip(stream.tasks, map(train.passes, fitted), strict=True)
        return [round(strategy.samples(task, stream, epochs)) * len(self.seeds) for task, epochs in each]

    def kept(self) -> dict[int, Path]:
        """Checkpoints by stage, in order."""
        return checkpoint.stages(self.folder, self.seeds)

    def rescored(self, machine: Machine, stage: int, data: dict[str, str]) -> list[list[float | None]]:
        """For `evaluate`: scores [seed][task] of a kept stage; stage 0 is the untrained network.

        UserError where the stream's checksums are not `data`.
        """
        device = machine.prepare()
        stream = build_stream(self.config, machine, device)
        if stream.checksums != data:
            raise UserError(f"the data ({', '.join(stream.checksums)}) is not that of the run; its sha256 differs")
        trainer = build_trainer(self.config, stream, self.seeds, device)
        if stage > 0:
            self.load(trainer, stage)
        joint = trainer.strategy.protocol == "joint"
        trainer.model.seen = len(stream.tasks) if joint and stage else stage
        columns = [self.scored(trainer, task) for task in stream.tasks]
        return [[column[s] for column in columns] for s in range(len(self.seeds))]


def peak_memory(device: torch.device) -> int:
    """Bytes: of the process on a CPU, of torch's allocations on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
