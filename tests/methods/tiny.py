"""Tiny streams of real digits, and methods trained on them by the program's own loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clbench import datasets
from clbench.config.resolve import Config, resolve
from clbench.learn.trainer import Trainer
from clbench.models.params import Params, copies
from clbench.registry import load_plugin, strategies
from clbench.results import Run
from clbench.run.machine import Machine
from clbench.run.train import Train, build_stream, build_trainer
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Batch, Task

CPU = torch.device("cpu")
load_plugin(Path(__file__).parent / "my_networks.py")
NETWORKS = ("mlp", "norm-mlp", "dropout-mlp")  # plain, with batch norm, with dropout layers of torch's own
METHODS = list(strategies)
QUADRATIC = [m for m in METHODS if issubclass(strategies[m], Quadratic)]


def met(kinds: Iterable[Any], every: int = 4, methods: Sequence[Any] = METHODS) -> list[tuple[Any, Any]]:
    """Pairs of a kind and a method: the first kind with every method, each other one with one method in `every`.

    So every kind meets methods of several sorts, and every method a kind, in a fraction of the time of all pairs.
    """
    first, *others = kinds
    turns = [(k, m) for n, k in enumerate(others) for i, m in enumerate(methods) if (i + n) % every == 0]
    return [*((first, m) for m in methods), *turns]


SEQUENTIAL = [m for m in METHODS if strategies[m].protocol == "sequential"]
TINY = (
    "stream.tasks=2",
    "stream.limit=50",
    "network.hidden=15,7",  # odd, so that a seed's slice ends in the middle of a vector register
    "train.epochs=2",
    "train.batch_size=16",
    "train.lr=0.05",
    "strategy.anpyc.step=25",
    "strategy.xdg.closed=0.3",  # of few units
    "strategy.xdg-ewc.closed=0.3",
    "strategy.xdg-si.closed=0.3",
    # memories that fill and overflow within a task of 50 images
    *(f"strategy.{m}.memory_size=30" for m in ("er", "er-ace", "agem", "derpp", "gdumb", "icarl", "wa")),
    *(f"strategy.{m}.replay=12" for m in ("er", "er-ace", "agem", "derpp")),
    "strategy.gdumb.epochs=60",
    "strategy.dgr.hidden=16",
    "strategy.dgr.latent=5",
)
# Settings under which task 1 is plain training, for methods that do more than pull in it: pruning changes weights
# and trains longer, replay shows images again, gates close units.
BARE = {
    "anpyc": ("strategy.pruning=none",),
    "er": ("strategy.replay=0",),
    "er-ace": ("strategy.replay=0",),
    "derpp": ("strategy.alpha=0", "strategy.beta=0"),
    "packnet": ("strategy.prune=0",),
    "wa": ("strategy.clip=false",),
    "xdg": ("strategy.closed=0",),
    "xdg-ewc": ("strategy.closed=0",),
    "xdg-si": ("strategy.closed=0",),
}
# gdumb trains on its memory, never on a task; hat learns its gates with the weights; icarl's outputs are sigmoids
NEVER_PLAIN = ("gdumb", "hat", "icarl")


@cache
def digits() -> datasets.Images:
    return datasets.load("digits")


def config(
    method: str,
    *sets: str,
    stream: str = "permuted-digits",
    scenario: str = "task",
    seeds: tuple[int, ...] = (0, 1),
    network: str = "mlp",
) -> Config:
    return resolve(method, stream, scenario=scenario, seeds=seeds, sets=(*TINY, *sets), network=network)


def started(chosen: Config, seeds: tuple[int, ...] | None = None) -> Trainer:
    """A trainer before its first task."""
    return build_trainer(chosen, build_stream(chosen, Machine(), CPU), seeds or chosen.seeds, CPU)


def learn(trainer: Trainer, chosen: Config, tasks: int | None = None) -> Trainer:
    for task in trainer.stream.tasks[:tasks]:
        learn_task(chosen, trainer, task)
    return trainer


def learn_task(chosen: Config, trainer: Trainer, task: Task, runs: Sequence[Run] = ()) -> None:
    """As the stage of a run that records nothing but in `runs`."""
    experiment = Train(chosen)
    group = experiment.group(trainer.model.seeds, Path("unused"))
    experiment.learn_task(group, trainer, task, list(runs))


def train(method: str, *sets: str, seeds: tuple[int, ...] = (0, 1), tasks: int | None = None, **where) -> Trainer:
    chosen = config(method, *sets, seeds=seeds, **where)
    return learn(started(chosen), chosen, tasks)


def spied(trainer: Trainer) -> list[list[bool]]:
    """Which seeds were still learning at each step to come."""
    seen: list[list[bool]] = []
    trainer.progress = lambda samples: seen.append(trainer.model.active.tolist())
    return seen


def weights(trainer: Trainer, seed: int = 0) -> Params:
    """Those of one seed, by its place."""
    return {name: p.detach()[seed].clone() for name, p in trainer.model.params.items()}


def same(a: Params, b: Params) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def close(a: Params, b: Params, rtol: float = 1e-5, atol: float = 1e-7) -> bool:
    return a.keys() == b.keys() and all(torch.allclose(a[n], b[n], rtol, atol) for n in a)


def alike(a: Params, b: Params) -> bool:
    """To rounding, which Adam enlarges: on some processors the last bit depends on where a vector ends."""
    return close(a, b, rtol=1e-4, atol=1e-4)


def finite(trainer: Trainer) -> bool:
    return all(bool(p.isfinite().all()) for p in trainer.model.params.values())


def snapshot(trainer: Trainer) -> Params:
    """Everything a measurement must leave as it was."""
    model = trainer.model
    found = copies({**model.params, **model.buffers})
    found |= {f"gradient {n}": p.grad.clone() for n, p in model.params.items() if p.grad is not None}
    found |= {f"needs gradient {n}": torch.tensor(p.requires_grad) for n, p in model.params.items()}
    found["training"] = torch.tensor([model.training, model.network.training])
    for purpose, generators in trainer.draws_of.items():
        found |= {f"{purpose} {i}": g.get_state() for i, g in enumerate(generators)}
    return found


def batch_of(task: Task, x: Tensor, y: Tensor, rate: float = 0.1) -> Batch:
    return Batch(x, y, task, rate=rate)


def one_sample_gradients(
    trainer: Trainer, task: Task, seed: int, value: Callable[[Tensor, Tensor], Tensor]
) -> list[Params]:
    """Gradients of value(logits [k], label) of each training image of a task alone, by plain autograd."""
    model, found = trainer.model, []
    names = list(model.shared)
    for n in range(len(task.train)):
        index = torch.tensor([n])
        x = task.train.take(index).expand(len(model.seeds), 1, *trainer.stream.input_shape)
        logits = trainer.strategy.outputs(model, x, task)[seed, 0]
        label = task.train.labels[n] - model.columns(task).start
        gradients = torch.autograd.grad(value(logits, label), [model.shared[name] for name in names])
        found.append({name: g[seed] for name, g in zip(names, gradients, strict=True)})
    return found


def bare(method: str) -> tuple[str, ...]:
    """Without what changes weights or trains longer whatever the strength."""
    return BARE.get(method, ())
