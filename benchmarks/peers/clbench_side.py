"""clbench's numbers for `python -m benchmarks peers`, and all that the other program needs to compute its own.

Tasks 1 to 3 of a split stream in the task scenario: there the heads of old tasks stand still while a new one is
learned, so a penalty that has the heads in it equals one that has not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from clbench.config.resolve import Config, resolve
from clbench.learn.importance import Labels, fisher
from clbench.learn.trainer import Trainer
from clbench.models.params import Params
from clbench.run.experiment import SeedGroup
from clbench.run.machine import Machine
from clbench.run.train import Train, build_stream, build_trainer
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Batch, Task

Arrays = dict[str, np.ndarray]
TASKS, CLASSES, LAM, TEMPERATURE = 3, 2, 100.0, 2.0


@dataclass(frozen=True)
class Setting:
    """What is compared on: a small mlp, trained as clbench.toml says for the stream."""

    stream: str = "split-mnist"
    batch_size: int = 64
    limit: int | None = None  # training images a task
    data_root: Path | None = None

    def config(self, method: str, *options: str) -> Config:
        sets = [f"stream.tasks={TASKS}", f"stream.classes={CLASSES}", "network.hidden=100,50"]
        sets += [f"train.batch_size={self.batch_size}"]
        sets += [f"stream.limit={self.limit}"] if self.limit else []
        sets += [f"strategy.{option}" for option in options]
        return resolve(method, self.stream, scenario="task", seeds=(0,), sets=tuple(sets))


def write(setting: Setting, folder: Path) -> None:
    """setting.json, data.npz and weights.npz for both sides, clbench's numbers in clbench.npz and clbench.json."""
    group, trainer = started(setting, "ewc", "fisher=batch", "consolidation=gradient", f"lam={LAM}")
    weights, data = {"start": weights_of(trainer)}, images(trainer)
    sizes = [p.shape[2] for name, p in trainer.model.params.items() if name.endswith("weight")]
    found, fishers = ewc(group, trainer, weights)
    group, trainer = started(setting, "lwf", "lam=1", f"temperature={TEMPERATURE}")
    found |= lwf(group, trainer, weights, data)
    both = {"tasks": TASKS, "classes": CLASSES, "lam": LAM, "temperature": TEMPERATURE, "sizes": sizes}
    (folder / "setting.json").write_text(json.dumps({**both, "batch_size": setting.batch_size}, indent=1))
    facts = {"images": len(data["images 0"]), "fishers": fishers, "versions": {"torch": torch.__version__}}
    (folder / "clbench.json").write_text(json.dumps(facts, indent=1))
    named = {f"{moment}/{name}": w for moment, each in weights.items() for name, w in each.items()}
    for file, arrays in {"data": data, "weights": named, "clbench": found}.items():
        np.savez(folder / f"{file}.npz", **arrays)  # type: ignore[arg-type]


def started(setting: Setting, method: str, *options: str) -> tuple[SeedGroup, Trainer]:
    """A method before its first task."""
    machine = Machine("cpu", data_root=setting.data_root)
    device, config = machine.prepare(), setting.config(method, *options)
    return Train(config).group((0,), Path()), build_trainer(
        config, build_stream(config, machine, device), (0,), device
    )


def ewc(group: SeedGroup, trainer: Trainer, weights: dict[str, Arrays]) -> tuple[Arrays, dict[str, float]]:
    """Importance of task 1 at its end, and where task 2 has moved the network: the penalty and its gradient.

    With them how many times the batch-wise Fisher the per-sample ones are.
    """
    first, second, *_ = trainer.stream.tasks
    strategy = trainer.strategy
    assert isinstance(strategy, Quadratic)
    group.experiment.learn_stage(group, trainer, 1, [])
    weights["anchor"] = weights_of(trainer)
    fishers = {"exact": ratio(trainer, first, "exact"), "empirical": ratio(trainer, first, "empirical")}
    learn(trainer, second)
    weights["moved"] = weights_of(trainer)
    return {
        **under("importance", strategy.omega),
        "penalty": penalty(strategy, trainer.model.shared).numpy(),
        **under("penalty gradient", pull(trainer, second)),
    }, fishers


def ratio(trainer: Trainer, task: Task, labels: Labels) -> float:
    """How many times the Fisher of these labels is the batch-wise one, summed over all shared parameters."""
    sums = [
        sum(float(f.double().sum()) for f in fisher(trainer, task, kind).values()) for kind in (labels, "batch")
    ]
    return sums[0] / sums[1]


def learn(trainer: Trainer, task: Task) -> None:
    """All of a task but its end, at which a method takes a new anchor."""
    trainer.model.seen = task.index + 1
    trainer.strategy.begin_task(trainer, task)
    trainer.strategy.learn(trainer, task)


def penalty(strategy: Quadratic, shared: Params) -> Tensor:
    """½ λ Σ F (W - W*)², whose gradient clbench adds; it never computes the penalty itself."""
    away = {name: p.detach().double() - strategy.anchor[name] for name, p in shared.items()}
    each = [(strategy.omega[name] * d.square()).sum() for name, d in away.items()]
    return 0.5 * strategy.lam * torch.stack(each).sum()


def pull(trainer: Trainer, task: Task) -> Params:
    """What the method adds to gradients of zero."""
    for p in trainer.model.params.values():
        p.grad = torch.zeros_like(p)
    trainer.strategy.edit_gradients(trainer.model, batch_of(trainer, task))
    return {name: p.grad for name, p in trainer.model.shared.items() if p.grad is not None}


def lwf(group: SeedGroup, trainer: Trainer, weights: dict[str, Arrays], data: Arrays) -> Arrays:
    """What LwF adds to the loss of a batch of task 3, whose teacher knows tasks 1 and 2, and its gradient."""
    *earlier, last = trainer.stream.tasks
    for task in earlier:
        group.experiment.learn_stage(group, trainer, task.index + 1, [])
    weights["teacher"] = weights_of(trainer)
    learn(trainer, last)
    weights["student"] = weights_of(trainer)
    batch, model = batch_of(trainer, last), trainer.model
    data["batch"] = batch.x[0].numpy()
    # the small difference of two losses: in single precision it has four digits
    model.params = {name: p.detach().double().requires_grad_() for name, p in model.params.items()}
    batch = replace(batch, x=batch.x.double())
    added = trainer.strategy.loss(model, batch) - trainer.strategy.loss_on(model, batch)
    gradients = torch.autograd.grad(added.sum(), list(model.params.values()))
    return {
        "distillation": added[0].detach().numpy(),
        **under("distillation gradient", dict(zip(model.params, gradients, strict=True))),
    }


def batch_of(trainer: Trainer, task: Task) -> Batch:
    return next(trainer.batches(task, trainer.dense(task.train), rate=0.0))


def images(trainer: Trainer) -> Arrays:
    """Training images and labels (within the task) in the order in which importance is measured."""
    found: Arrays = {}
    for task in trainer.stream.tasks:
        parts = [(x[0], y[0]) for x, y in trainer.sweep(task, task.train, trainer.options.batch_size)]
        found[f"images {task.index}"] = torch.cat([x for x, _ in parts]).numpy()
        found[f"labels {task.index}"] = (torch.cat([y for _, y in parts]) - task.columns[0]).numpy()
    return found


def weights_of(trainer: Trainer) -> Arrays:
    return {name: p.detach()[0].clone().numpy() for name, p in trainer.model.params.items()}


def under(group: str, tensors: Params) -> Arrays:
    """Those of the one seed."""
    return {f"{group}/{name}": t[0].numpy() for name, t in tensors.items()}
