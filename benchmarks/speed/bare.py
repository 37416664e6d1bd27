"""What a user would write without clbench: a new network a task, its images as floats, SGD, cross-entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.speed.clock import Clock
from clbench.config.resolve import Config
from clbench.errors import UserError
from clbench.registry import networks
from clbench.streams.draws import generator
from clbench.streams.task import Split, Stream, Task

SCORED_AT_ONCE = 2000  # images a forward pass in evaluation


class Plain(nn.Module):
    """A network of clbench for one seed, without gates, and a head."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.head = network, nn.Linear(int(network.features), classes)  # type: ignore[arg-type]
        self.no_gates: Sequence[Any] = [None] * len(network.widths)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.network(x, self.no_gates))


def plain_network(config: Config, shape: tuple[int, ...], classes: int) -> nn.Module:
    """In PyTorch alone; UserError for a network that is no classifier's."""
    options = config.network_options
    if config.network == "mlp" and not options["dropout"]:
        sizes = [int(torch.tensor(shape).prod()), *options["hidden"]]
        layers = [part for a, b in pairwise(sizes) for part in (nn.Linear(a, b), nn.ReLU())]
        return nn.Sequential(nn.Flatten(), *layers, nn.Linear(sizes[-1], classes))
    own = {name: value for name, value in options.items() if name not in ("pretrained", "pixels")}
    network = networks[config.network](shape, **own)
    if not hasattr(network, "features") or not hasattr(network, "widths"):
        raise UserError(f"--network {config.network}: the bare loop trains classifiers, such as mlp or vgg9")
    return Plain(network, classes)


class Bare:
    """Learns, and scores, the later tasks of a stream. Images are floats in memory before any time is taken; a
    permuted task is a copy of them with its pixels in its order, which is part of the time, as in clbench."""

    def __init__(self, config: Config, stream: Stream, device: torch.device) -> None:
        self.config, self.device = config, device
        self.options, self.shape = config.train, stream.input_shape
        self.tasks = stream.tasks[1:]
        if any(task.augment is not None for task in self.tasks):
            raise UserError(f"the bare loop shows images as they are: {stream.name} augments them")
        self.permuted = self.tasks[0].train.permutations is not None
        once = self.tasks[:1] if self.permuted else self.tasks
        self.train_images = [floats(task.train) for task in once]
        self.test_images = [floats(scored(task)) for task in once]
        self.samples = self.options.epochs * sum(len(task.train) for task in self.tasks)
        self.tested = sum(len(scored(task)) for task in self.tasks)
        self.network = self.new_network(self.tasks[0])

    @property
    def epochs(self) -> int:
        """Of all tasks together."""
        return self.options.epochs * len(self.tasks)

    def new_network(self, task: Task) -> nn.Module:
        first, stop = task.columns
        return plain_network(self.config, self.shape, stop - first).to(self.device)

    def images(self, held: list[Tensor], place: int) -> Tensor:
        if not self.permuted:
            return held[place]
        order = self.tasks[place].train.permutations
        assert order is not None
        return held[0].flatten(1)[:, order[0]]

    def run(self) -> Clock:
        """What learning all timed tasks takes."""
        start = Clock.now(self.device)
        for place, task in enumerate(self.tasks):
            self.learn(self.images(self.train_images, place), task.train.labels - task.columns[0], task)
        return Clock.now(self.device) - start

    def learn(self, x: Tensor, y: Tensor, task: Task) -> None:
        options = self.options
        self.network = network = self.new_network(task)
        optimizer = torch.optim.SGD(network.parameters(), lr=options.lr, momentum=options.momentum)
        random = generator(0, "order of the bare loop")
        for _ in range(options.epochs):
            for index in torch.randperm(len(x), generator=random).to(self.device).split(options.batch_size):
                loss = F.cross_entropy(network(x[index]), y[index])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()

    @torch.inference_mode()
    def score(self) -> Clock:
        """What a forward pass of all timed tasks' test images takes, and the share that is right."""
        start = Clock.now(self.device)
        self.network.eval()
        for place, task in enumerate(self.tasks):
            x, y = self.images(self.test_images, place), scored(task).labels - task.columns[0]
            right = torch.zeros((), dtype=torch.int64, device=self.device)
            for images, labels in zip(x.split(SCORED_AT_ONCE), y.split(SCORED_AT_ONCE), strict=True):
                right += (self.network(images).argmax(1) == labels).sum()
            float(right / len(y))
        self.network.train()
        return Clock.now(self.device) - start


def scored(task: Task) -> Split:
    assert task.test is not None  # the stream is built to be scored on test images
    return task.test


def floats(split: Split) -> Tensor:
    """All images of a split as a network is shown them, but for a permutation, [N, ...]."""
    plain = replace(split, permutations=None)
    return torch.cat([plain.take(rows) for rows in torch.arange(len(split), device=split.rows.device).split(2000)])
