"""Three ways to train the seeds of the mlp as one program: unrolled, torch.func.vmap, batched products by hand.

clbench/models/lift.py takes the fastest on each device; this is where that was seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from tabulate import tabulate
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.learning import Machine
from clbench.models.classifier import Classifier
from clbench.models.lift import Gates, batched, unrolled
from clbench.networks.mlp import MLP
from clbench.task import Batch, Split, Stream, Task

PIXELS, CLASSES = 784, 10
Form = Callable[[nn.Module, dict[str, Tensor], Tensor, Gates], Tensor]


def by_hand(network: nn.Module, state: dict[str, Tensor], x: Tensor, gates: Gates) -> Tensor:
    """The mlp written with the seed axis in every product; knows this one network, ignores gates."""
    for block in range(len(gates)):
        weight, bias = (state[f"network.blocks.{block}.{what}"] for what in ("weight", "bias"))
        x = torch.baddbmm(bias.unsqueeze(1), x, weight.mT).relu()
    return torch.baddbmm(state["head.bias"].unsqueeze(1), x, state["head.weight"].mT)


FORMS: dict[str, Form] = {"unrolled": unrolled, "vmap": batched, "baddbmm": by_hand}


def measured(numbers: list[int], batch: int, steps: int, repeats: int, device: str) -> list[dict[str, Any]]:
    """A row a number of seeds: samples of all seeds per second, medians; the forms take turns."""
    where = Machine(device, threads=1).prepare()
    rows = []
    for seeds in numbers:
        speeds: dict[str, list[float]] = {form: [] for form in FORMS}
        models = {form: model_of(seeds, where) for form in FORMS}
        data = batch_of(models["unrolled"], batch)
        for form, model in models.items():
            model.run = FORMS[form]
            train(model, data, max(steps // 10, 2))  # warm up
        for _ in range(repeats):
            for form, model in models.items():
                speeds[form].append(seeds * batch * steps / train(model, data, steps))
        rows.append({"seeds": seeds, **{form: round(median(found)) for form, found in speeds.items()}})
    return rows


def model_of(seeds: int, device: torch.device) -> Classifier:
    pixels = torch.randint(256, (1000, PIXELS), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = Split(pixels, torch.arange(1000), torch.arange(1000) % CLASSES)
    task = Task(0, "random images", (0, CLASSES), split, split)
    stream = Stream("random", "task", (task,), CLASSES, (PIXELS,), {})
    return Classifier(lambda: MLP((PIXELS,)), stream, range(seeds), device)


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
