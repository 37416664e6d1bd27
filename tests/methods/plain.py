"""Training as one writes it without a framework, to compare with: one seed, nn.Linear layers, a head a task."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import tiny
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.resolve import Config
from clbench.learn.trainer import Trainer
from clbench.models.params import Params
from clbench.streams.draws import generator
from clbench.streams.task import Task

SEED = 3
LAYERS = 2  # hidden ones
Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]  # of images, labels, their rows and the epoch's progress


def nothing() -> None:
    return None


def both(method: str, *sets: str, stream: str = "split-digits") -> tuple[Plain, Trainer, Config]:
    """A plain network, and clbench's trainer with the same weights; neither has learned anything."""
    chosen = tiny.config(method, *sets, stream=stream, seeds=(SEED,))
    trainer = tiny.started(chosen)
    return Plain(trainer), trainer, chosen


class Plain:
    """A network of two hidden layers with the first weights of a trainer's only seed."""

    def __init__(self, trainer: Trainer) -> None:
        start = tiny.weights(trainer)
        self.tasks = trainer.stream.tasks
        self.layers = [layer(start, f"network.blocks.{k}", slice(None)) for k in range(LAYERS)]
        self.heads = [layer(start, "head", slice(*task.columns)) for task in self.tasks]
        self.order = generator(SEED, "order")

    def __call__(self, x: Tensor, task: int, gates: Sequence[Tensor | float] = (1.0, 1.0)) -> Tensor:
        h = x.flatten(1)
        for linear, gate in zip(self.layers, gates, strict=True):
            h = linear(h).relu() * gate
        return self.heads[task](h)

    @property
    def shared(self) -> Params:
        return {
            f"network.blocks.{k}.{name}": p
            for k, linear in enumerate(self.layers)
            for name, p in linear.named_parameters()
        }

    def copies(self) -> Params:
        return {name: p.detach().clone() for name, p in self.shared.items()}

    def images(self, task: Task) -> tuple[Tensor, Tensor]:
        """All training images of a task, and their labels within its head."""
        return task.train.take(torch.arange(len(task.train))), task.train.labels - task.columns[0]

    def gradients(self, task: int, value: Callable[[Tensor, Tensor], Tensor]) -> list[Params]:
        """Of value(logits [k], label) of each training image alone."""
        x, y = self.images(self.tasks[task])
        found = []
        for n in range(len(x)):
            g = torch.autograd.grad(value(self(x[n : n + 1], task)[0], y[n]), list(self.shared.values()))
            found.append(dict(zip(self.shared, g, strict=True)))
        return found

    def fit(
        self,
        task: int,
        loss: Loss | None = None,
        edit: Callable[[], None] = nothing,
        after: Callable[[], None] = nothing,
        more: Iterable[Tensor] = (),
        epochs: int = 2,
    ) -> None:
        """SGD of the tiny settings: rate 0.05, momentum 0.9, batches of 16, in clbench's order."""
        x, y = self.images(self.tasks[task])
        parameters = [*self.shared.values(), *self.heads[task].parameters(), *more]
        optimizer = torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
        loss = loss or (lambda x, y, rows, progress: F.cross_entropy(self(x, task), y))
        for _ in range(epochs):
            batches = torch.randperm(len(x), generator=self.order).split(16)
            for b, rows in enumerate(batches):
                optimizer.zero_grad()
                loss(x[rows], y[rows], rows, b / (len(batches) - 1)).backward()
                edit()
                optimizer.step()
                with torch.no_grad():
                    after()

    def assert_equal(self, trainer: Trainer) -> None:
        """The same weights as clbench's, and not those of the start."""
        for name, p in self.shared.items():
            assert_close(trainer.model.params[name][0], p, name)
        for task, head in zip(self.tasks, self.heads, strict=True):
            assert_close(trainer.model.params["head.weight"][0, slice(*task.columns)], head.weight, "head")


def layer(start: Params, name: str, rows: slice) -> nn.Linear:
    weight, bias = start[f"{name}.weight"][rows], start[f"{name}.bias"][rows]
    linear = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        linear.weight.copy_(weight)
        linear.bias.copy_(bias)
    return linear


def assert_close(found: Tensor, expected: Tensor, what: str) -> None:
    """To 1e-5 relative, or of the largest value where a single one is near 0."""
    largest = float(expected.detach().abs().max())
    assert largest > 0, what
    assert torch.allclose(found, expected, 1e-5, 1e-5 * largest), (
        what,
        float((found - expected).abs().max()),
        largest,
    )
