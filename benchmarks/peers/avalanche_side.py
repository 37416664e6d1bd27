"""Avalanche's numbers for what clbench_side.py wrote: python -I avalanche_side.py FOLDER, run where Avalanche is.

Reads setting.json, data.npz and weights.npz, writes avalanche.npz and avalanche.json. Every number comes out of
Avalanche's own plugins; this file gives them the network with its weights and the images in their order.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks import tensors_benchmark
from avalanche.models import MultiHeadClassifier, MultiTaskModule
from avalanche.models.utils import avalanche_model_adaptation
from avalanche.training.plugins import EvaluationPlugin, EWCPlugin, LwFPlugin, SynapticIntelligencePlugin
from avalanche.training.supervised import Naive
from torch import Tensor, nn

Arrays = dict[str, np.ndarray]


class Network(MultiTaskModule):
    """Fully connected ReLU layers and a head a task; `take` gives it weights under clbench's names."""

    def __init__(self, sizes: list[int], classes: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.heads = MultiHeadClassifier(sizes[-1], initial_out_features=classes)

    def forward(self, x: Tensor, task_labels: Tensor | None) -> Tensor:
        x = x.flatten(1)
        for block in self.blocks:
            x = block(x).relu()
        return self.heads(x, task_labels)

    def take(self, weights: Arrays) -> None:
        with torch.no_grad():
            for name, p in self.named_parameters():
                p.copy_(torch.from_numpy(part(weights, name, p)))


def part(weights: Arrays, name: str, p: Tensor) -> np.ndarray:
    """clbench keeps the heads of all tasks as one, 'head.weight': the rows of the head that `name` belongs to."""
    if not name.startswith("heads."):
        return weights[f"network.{name}"]
    _, _, task, _, what = name.split(".")
    return weights[f"head.{what}"][int(task) * len(p) : (int(task) + 1) * len(p)]


def as_clbench(tensors: dict[str, Tensor]) -> Arrays:
    """Avalanche's names to clbench's, the heads joined in the order of the tasks."""
    found = {f"network.{name}": t.numpy() for name, t in tensors.items() if not name.startswith("heads.")}
    for what in ("weight", "bias"):
        heads = [t for name, t in tensors.items() if name.startswith("heads.") and name.endswith(what)]
        found[f"head.{what}"] = torch.cat(heads).numpy()
    return found


def gradients(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """Of every parameter, zeros where the loss does not depend on it."""
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)}


def experiences(data: Arrays, tasks: int) -> list[Any]:
    """The training images of the first tasks as a task-incremental benchmark, in their order."""
    sets = [tuple(torch.from_numpy(data[f"{what} {t}"]) for what in ("images", "labels")) for t in range(tasks)]
    scenario = tensors_benchmark(train_tensors=sets, test_tensors=sets, task_labels=list(range(tasks)))
    return list(scenario.train_stream)


def network(setting: dict[str, Any], seen: list[Any]) -> Network:
    """Grown as an Avalanche strategy grows it: a head for every experience it has been shown."""
    model = Network(setting["sizes"], setting["classes"])
    for experience in seen:
        avalanche_model_adaptation(model, experience)
    return model


def ewc(setting: dict[str, Any], weights: dict[str, Arrays], tasks: list[Any]) -> Arrays:
    """Importance of task 1 at its end, and the penalty with its gradient where task 2 has moved the network."""
    plugin, model = EWCPlugin(setting["lam"]), network(setting, tasks[:1])
    model.take(weights["anchor"])
    strategy = SimpleNamespace(
        model=model,
        _criterion=nn.CrossEntropyLoss(),
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        experience=tasks[0],
        device=torch.device("cpu"),
        train_mb_size=setting["batch_size"],
        clock=SimpleNamespace(train_exp_counter=0),
    )
    plugin.after_training_exp(strategy)
    importance = {name: held.data for name, held in plugin.importances[0].items()}
    avalanche_model_adaptation(model, tasks[1])
    model.take(weights["moved"])
    strategy.clock.train_exp_counter, strategy.loss = 1, torch.zeros(())
    plugin.before_backward(strategy)
    return {
        **under("importance", as_clbench(importance)),
        "penalty": strategy.loss.detach().numpy(),
        **under("penalty gradient", as_clbench(gradients(model, strategy.loss))),
    }


def lwf(setting: dict[str, Any], weights: dict[str, Arrays], data: Arrays, tasks: list[Any]) -> Arrays:
    """Distillation on a batch of the last task, of every head before it, with its gradient."""
    plugin, model = LwFPlugin(alpha=1.0, temperature=setting["temperature"]), network(setting, [])
    model.take(weights["teacher"])
    for experience in tasks[:-1]:
        avalanche_model_adaptation(model, experience)
        model.take(weights["teacher"])
        plugin.after_training_exp(SimpleNamespace(model=model, experience=experience))
    avalanche_model_adaptation(model, tasks[-1])
    model.take(weights["student"])
    x = torch.from_numpy(data["batch"])
    labels = torch.full((len(x),), len(tasks) - 1)
    strategy = SimpleNamespace(mb_x=x, mb_output=model(x, labels), model=model, loss=torch.zeros(()))
    plugin.before_backward(strategy)
    return {
        "distillation": strategy.loss.detach().numpy(),
        **under("distillation gradient", as_clbench(gradients(model, strategy.loss))),
    }


def si(setting: dict[str, Any], weights: dict[str, Arrays], tasks: list[Any]) -> dict[str, float]:
    """Does SI change anything on a CPU? Two tasks at a strength of 1e8, and two without the plugin."""
    plugin = SynapticIntelligencePlugin(1e8)
    (_, with_it), (start, without) = (
        trained(setting, weights["start"], tasks, chosen) for chosen in ([plugin], [])
    )
    return {
        "strength": 1e8,
        "largest importance": max(float(held.data.abs().max()) for held in plugin.ewc_data[1].values()),
        "largest difference to fine-tuning": apart(with_it, without),
        "largest step of fine-tuning": apart(start, without),
    }


def trained(
    setting: dict[str, Any], start: Arrays, tasks: list[Any], plugins: list[Any]
) -> tuple[list[Tensor], list[Tensor]]:
    """The shared weights before and after an epoch of each of two tasks by Avalanche's own loop."""
    model = network(setting, [])
    model.take(start)
    before = [p.detach().clone() for p in model.blocks.parameters()]
    torch.manual_seed(0)  # orders and new heads
    strategy = Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01),
        criterion=nn.CrossEntropyLoss(),
        train_mb_size=setting["batch_size"],
        plugins=plugins,
        evaluator=EvaluationPlugin(),
    )
    for experience in tasks[:2]:
        strategy.train(experience)
    return before, [p.detach() for p in model.blocks.parameters()]


def apart(a: list[Tensor], b: list[Tensor]) -> float:
    return max(float((x - y).abs().max()) for x, y in zip(a, b, strict=True))


def under(group: str, arrays: Arrays) -> Arrays:
    return {f"{group}/{name}": array for name, array in arrays.items()}


def arrays_in(path: Path) -> Arrays:
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def groups(arrays: Arrays) -> dict[str, Arrays]:
    """'anchor/head.bias' -> ['anchor']['head.bias']."""
    found: dict[str, Arrays] = {}
    for name, array in arrays.items():
        group, _, rest = name.partition("/")
        found.setdefault(group, {})[rest] = array
    return found


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    setting = json.loads((folder / "setting.json").read_text())
    data, weights = arrays_in(folder / "data.npz"), groups(arrays_in(folder / "weights.npz"))
    tasks = experiences(data, setting["tasks"])
    found = {**ewc(setting, weights, tasks), **lwf(setting, weights, data, tasks)}
    np.savez(folder / "avalanche.npz", **found)  # type: ignore[arg-type]
    versions = {name: version(name) for name in ("avalanche-lib", "torch")}
    facts = {"versions": versions, "si": si(setting, weights, tasks)}
    (folder / "avalanche.json").write_text(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
