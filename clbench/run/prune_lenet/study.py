"""The study itself: train LeNet, then round after round measure importance, prune the lowest, retrain, test."""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from clbench.datasets import load
from clbench.learn.importance import measured
from clbench.learn.pruning import lowest
from clbench.learn.trainer import Trainer
from clbench.models.base import Model
from clbench.models.classifier import Classifier
from clbench.models.params import Params
from clbench.networks.lenet import LeNet
from clbench.results import PrunedRun, PruningResult
from clbench.results.atomic import forget_temporaries
from clbench.run import checkpoint
from clbench.run.experiment import Experiment, Scores, SeedGroup
from clbench.run.machine import Machine
from clbench.run.prune_lenet.settings import STUDY, Settings
from clbench.run.train import require_same
from clbench.strategies.base import Strategy
from clbench.streams.assemble import Common, Part, assemble
from clbench.streams.task import Batch, Stream, Task

FREE = ("magnitude", "random")  # measures that need no pass over the data


@dataclass
class Rounds(Strategy):
    """Prunes what is asked for, and keeps the pruned weights at zero from then on."""

    settings: Settings

    remembers = ("alive",)

    def start(self, model: Model, stream: Stream) -> None:
        self.alive = {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.shared.items()}

    def scores(self, trainer: Trainer, task: Task) -> Params:
        """What each weight is worth, [S, ...] a parameter."""
        how = self.settings
        if how.importance == "random":
            return trainer.draws("pruning", trainer.model.shared)
        sign = 1.0 if how.delta == "keep" else -1.0
        return measured(how.importance, trainer, task, how.importance_batch, "sum", sign)

    @torch.no_grad()
    def prune(self, model: Model, scores: Params, rate: float) -> None:
        """Set the lowest `rate` of the weights alive to zero: of all together, or of each layer."""
        for names in self.ranked_together(model):
            flat = [
                torch.cat([t[n].detach().flatten(1) for n in names], 1) for t in (scores, self.alive, model.params)
            ]
            cut = lowest(flat[0], flat[1], 100 * rate, ties=flat[2].abs())
            for name, part in zip(names, cut.split([model.params[n][0].numel() for n in names], 1), strict=True):
                p = model.params[name]
                self.alive[name] &= ~part.view_as(p)
                p.masked_fill_(~self.alive[name], 0)

    def ranked_together(self, model: Model) -> list[list[str]]:
        names = list(model.shared)
        if self.settings.scope == "global":
            return [names]
        layers = dict.fromkeys(model.slots[name].layer for name in names)
        return [[name for name in names if model.slots[name].layer == layer] for layer in layers]

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        for name, alive in self.alive.items():
            if (gradient := model.params[name].grad) is not None:
                gradient.mul_(alive)

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        for name, alive in self.alive.items():
            model.params[name].mul_(alive)

    def survivors(self) -> Tensor:
        """Weights alive, int64 [S, layers], in the order of `layer_names`."""
        return torch.stack([alive.flatten(1).sum(1) for alive in self.alive.values()], 1)


@dataclass(frozen=True)
class PruneLenet(Experiment):
    """A study by one measure; stage 0 is the trained network, stage r the network after r rounds."""

    config: Settings

    kind = "pruning"
    new_run = PrunedRun

    @property
    def name(self) -> str:
        return f"{STUDY} by {self.config.importance}"

    @property
    def title(self) -> str:
        return f"{STUDY} by {self.config.importance} on {self.config.dataset}"

    @property
    def own_file(self) -> bool:
        return self.config.own_file

    def checksums(self, machine: Machine, device: torch.device) -> dict[str, str]:
        return build_stream(self.config, machine, device).checksums

    def result(self, machine: Machine, device: torch.device) -> PruningResult:
        stream = build_stream(self.config, machine, device)
        model = build_trainer(self.config, stream, self.config.seeds[:1], device).model
        heads = {name: p for name, p in model.params.items() if name not in model.shared}
        return PruningResult(
            digest=self.config.digest,
            config=self.config.as_dict(),
            origins=self.config.origins,
            layers={called: model.params[name][0].numel() for name, called in layer_names(model).items()},
            output_parameters=sum(p[0].numel() for p in heads.values()),
            data=stream.checksums,
            runs=[],
        )

    def build(self, seeds: tuple[int, ...], machine: Machine, device: torch.device) -> Trainer:
        return build_trainer(self.config, build_stream(self.config, machine, device), seeds, device)

    def plan(self, trainer: Trainer) -> list[int]:
        images = len(trainer.stream.tasks[0].train) * len(trainer.model.seeds)
        passes = self.config.retrain_epochs + (self.config.importance not in FREE)
        return [self.config.epochs * images, *[passes * images] * len(self.config.rates)]

    def name_of(self, stage: int) -> str:
        return f"round {stage}" if stage else "training"

    def learn_stage(self, group: SeedGroup, trainer: Trainer, stage: int, runs: list[PrunedRun]) -> bool:
        if stage == 0:
            return self.train(group, trainer, runs)
        self.prune_and_retrain(group, trainer, stage, runs)
        return True

    def train(self, group: SeedGroup, trainer: Trainer, runs: list[PrunedRun]) -> bool:
        """Stage 0, which studies by other measures begin with too: the first leaves it for the others."""
        path = checkpoint.path_of(trained_folder(group.folder.parent, self.config), 0, group.seeds)
        path.parent.mkdir(parents=True, exist_ok=True)
        belongs = {
            "trained": self.config.trained_digest,
            "data": trainer.stream.checksums,
            "seeds": list(group.seeds),
        }
        with FileLock(path.with_name(f".{path.stem}.lock")):
            if path.exists() and self.take_over(group, trainer, path, belongs, runs):
                return False
            forget_temporaries(path.parent, path.name)
            self.fit(group, trainer, 0, runs, self.config.epochs, time.perf_counter(), 0.0)
            record = {**belongs, "runs": [asdict(run) for run in runs], "makers": group.makers}
            checkpoint.write(path, checkpoint.collect(trainer), record)
            return True

    def take_over(
        self, group: SeedGroup, trainer: Trainer, path: Path, belongs: dict, runs: list[PrunedRun]
    ) -> bool:
        """Whether the file holds this network; if so it is in the trainer, and what it cost in the runs."""
        try:
            found = checkpoint.read(path)
        except checkpoint.Damaged as why:
            warnings.warn(f"{why.what}; trained again", stacklevel=2)
            return False
        if {name: found.record.get(name) for name in belongs} != belongs:
            return False
        checkpoint.restore(trainer, found, path)
        group.makers |= found.record["makers"]
        for run, earlier in zip(runs, found.record["runs"], strict=True):
            vars(run).update(earlier)
        return True

    def prune_and_retrain(self, group: SeedGroup, trainer: Trainer, stage: int, runs: list[PrunedRun]) -> None:
        task, strategy, start = trainer.stream.tasks[0], trainer.strategy, time.perf_counter()
        assert isinstance(strategy, Rounds)
        scores = strategy.scores(trainer, task)
        measuring = time.perf_counter() - start
        if self.config.importance not in FREE:
            trainer.progress(len(task.train))
        before = strategy.survivors()
        strategy.prune(trainer.model, scores, self.config.rates[stage - 1])
        self.warn_of_empty(trainer.model, before, strategy.survivors(), group.seeds, stage)
        self.fit(group, trainer, stage, runs, self.config.retrain_epochs, start, measuring)

    def warn_of_empty(
        self, model: Model, before: Tensor, after: Tensor, seeds: tuple[int, ...], stage: int
    ) -> None:
        """Where a round takes the last weights of a layer. before, after: weights alive, [S, layers]."""
        names = list(layer_names(model).values())
        for seed, emptied in zip(seeds, ((before > 0) & (after == 0)).tolist(), strict=True):
            layers = [name for name, gone in zip(names, emptied, strict=True) if gone and name.endswith("W")]
            if layers:
                warnings.warn(
                    f"{STUDY} by {self.config.importance}, seed {seed}, round {stage}: {' and '.join(layers)} "
                    f"ha{'ve' if len(layers) > 1 else 's'} no weight left, so that every image is answered alike; "
                    "--scope layer, or lower --rates, leave every layer some",
                    stacklevel=2,
                )

    def fit(
        self,
        group: SeedGroup,
        trainer: Trainer,
        stage: int,
        runs: list[PrunedRun],
        epochs: int,
        start: float,
        measuring: float,
    ) -> None:
        """Train for so many epochs, then record the stage, which began at `start` and ends when it is scored."""
        task, before, began = trainer.stream.tasks[0], trainer.trained, time.perf_counter()
        if epochs:
            trainer.fit(task, epochs=epochs)
        speed = (trainer.trained - before) * len(group.seeds) / max(time.perf_counter() - began, 1e-9)
        accuracy = trainer.score(task, task.test)
        group.record(
            trainer,
            runs,
            stage,
            time.perf_counter() - start,
            speed,
            accuracy=accuracy,
            survivors=trainer.strategy.survivors().tolist(),  # type: ignore[attr-defined]
            importance_seconds=[round(measuring, 4)] * len(group.seeds),
        )

    def score_again(self, group: SeedGroup, machine: Machine, stage: int, data: dict[str, str]) -> Scores:
        """Accuracy on the data set's test images."""
        trainer = self.kept_trainer(group, machine, stage, data)
        task = trainer.stream.tasks[0]
        return Scores([[accuracy] for accuracy in trainer.score(task, task.test)])

    def kept_trainer(self, group: SeedGroup, machine: Machine, stage: int, data: dict[str, str]) -> Trainer:
        trainer = self.build(group.seeds, machine, machine.prepare())
        require_same(trainer.stream.checksums, data)
        group.load(trainer, stage)
        return trainer


def trained_folder(folder: Path, settings: Settings) -> Path:
    """Where studies with results in `folder` leave the networks they begin with."""
    return folder / f"trained-{settings.trained_digest}"


def build_stream(settings: Settings, machine: Machine, device: torch.device) -> Stream:
    """All classes of the data set as one task, read from disk (or fetched)."""
    images = load(
        settings.dataset,
        machine.data_root,
        download=machine.download,
        allow_modified=machine.allow_modified,
    )
    part = Part(images.name, images, tuple(range(len(images.classes))))
    return assemble(f"{STUDY} on {settings.dataset}", [part], Common(limit=settings.limit), "task", device)


def build_trainer(settings: Settings, stream: Stream, seeds: tuple[int, ...], device: torch.device) -> Trainer:
    model = Classifier(lambda: LeNet(stream.input_shape), stream, seeds, device)
    strategy = Rounds(settings)
    strategy.start(model, stream)
    return Trainer(model, strategy, stream, settings.training)


def layer_names(model: Model) -> dict[str, str]:
    """Parameter -> what table IV calls it: 'network.blocks.0.weight' -> 'layer1 W'."""
    kind = {"weight": "W", "bias": "b"}
    slots = {name: model.slots[name] for name in model.shared}
    return {name: f"layer{(slot.block or 0) + 1} {kind[slot.kind]}" for name, slot in slots.items()}
