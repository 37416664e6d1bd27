"""Three ways to train the seeds of a network as one program: unrolled, torch.func.vmap, and written by hand.

clbench/models/lift.py takes the fastest on each device; this is where that was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor
from torch.nn import functional as F

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.models.classifier import Classifier
from clbench.models.lift import batched, unrolled
from clbench.registry import networks
from clbench.run.machine import Machine
from clbench.streams.task import Batch, Split, Stream, Task

IMAGE, CLASSES = (1, 28, 28), 10
Form = Callable[..., Any]  # as those of clbench/models/lift.py


def mlp_by_hand(forward: Any, modules: Any, state: dict[str, Tensor], inputs: Sequence[Any], *more: Any) -> Tensor:
    """The mlp written with the seed axis in every product; knows this one network, ignores gates."""
    return products(state, range(len(inputs) - 1), inputs[0].flatten(2))


def lenet_by_hand(
    forward: Any, modules: Any, state: dict[str, Tensor], inputs: Sequence[Any], *more: Any
) -> Tensor:
    """LeNet with the maps of all seeds side by side and a group of every convolution a seed."""
    x = inputs[0]
    seeds, batch = x.shape[:2]
    x = x.transpose(0, 1).flatten(1, 2)  # [B, S · channels, height, width]
    for block in range(2):
        weight, bias = (state[f"network.blocks.{block}.{what}"].flatten(0, 1) for what in ("weight", "bias"))
        x = F.max_pool2d(F.conv2d(x, weight, bias, padding=2, groups=seeds), 2).relu()
    return products(state, (2, 3), x.reshape(batch, seeds, -1).transpose(0, 1))


def products(state: dict[str, Tensor], blocks: Iterable[int], x: Tensor) -> Tensor:
    for block in blocks:
        weight, bias = (state[f"network.blocks.{block}.{what}"] for what in ("weight", "bias"))
        x = torch.baddbmm(bias.unsqueeze(1), x, weight.mT).relu()
    return torch.baddbmm(state["head.bias"].unsqueeze(1), x, state["head.weight"].mT)


LIFTED: dict[str, Form] = {"unrolled": unrolled, "vmap": batched}
FORMS: dict[str, dict[str, Form]] = {
    "mlp": {**LIFTED, "baddbmm": mlp_by_hand},
    "lenet": {**LIFTED, "grouped": lenet_by_hand},
}


def measured(
    network: str, numbers: list[int], batch: int, steps: int, repeats: int, device: str, threads: int = 1
) -> list[dict[str, Any]]:
    """A row a number of seeds: samples of all seeds per second, medians; the forms take turns."""
    if network not in FORMS:
        raise UserError(f"--network {network!r}: {did_you_mean(network, FORMS)}")
    where, forms = Machine(device, threads=threads).prepare(), FORMS[network]
    rows = []
    for seeds in numbers:
        speeds: dict[str, list[float]] = {form: [] for form in forms}
        models = {form: model_of(network, seeds, where) for form in forms}
        data = batch_of(models["unrolled"], batch)
        for form, model in models.items():
            model.run = forms[form]
            train(model, data, max(steps // 10, 2))  # warm up
        for _ in range(repeats):
            for form, model in models.items():
                speeds[form].append(seeds * batch * steps / train(model, data, steps))
        rows.append({"seeds": seeds, **{form: round(median(found)) for form, found in speeds.items()}})
    return rows


def model_of(network: str, seeds: int, device: torch.device) -> Classifier:
    pixels = torch.randint(256, (1000, *IMAGE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Split(pixels, torch.arange(1000), torch.arange(1000) % CLASSES)
    task = Task(0, "random images", (0, CLASSES), split, split)
    stream = Stream("random", "task", (task,), CLASSES, IMAGE, {})
    return Classifier(lambda: networks[network](IMAGE), stream, range(seeds), device)


def batch_of(model: Classifier, size: int) -> Batch:
    task = model.stream.tasks[0]
    index = torch.arange(len(model.seeds) * size).remainder(len(task.train)).view(len(model.seeds), size)
    x, y = task.train.take(index).to(model.device), task.train.labels[index].to(model.device)
    return Batch(x, y, task, rate=0.1)


def train(model: Classifier, batch: Batch, steps: int) -> float:
    """Seconds of `steps` training steps."""
    optimizer = torch.optim.SGD(list(model.params.values()), lr=0.01, momentum=0.9)
    start = time.perf_counter()
    for _ in range(steps):
        loss = F.cross_entropy(model(batch.x, batch.task).flatten(0, 1), batch.y.flatten(), reduction="sum")
        optimizer.zero_grad()
        (loss / batch.y.shape[1]).backward()
        optimizer.step()
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def table(rows: list[dict[str, Any]]) -> str:
    return "Samples of all seeds per second, while training:\n" + tabulate(rows, headers="keys")
