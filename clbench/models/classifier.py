"""A network with one linear head over all classes, of which a task sees a slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.models.base import Model
from clbench.models.lift import Seed
from clbench.models.params import Params
from clbench.models.stacked import Modules
from clbench.registry import models
from clbench.scores import ACCURACY
from clbench.streams.task import Batch, Split, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


HEAD = ("head.weight", "head.bias")


@models.register("classifier")
class Classifier(Model):
    """Says which class an image is of. Its network: forward(x [B, ...], gates) -> features [B, features]."""

    score = ACCURACY
    heads = ("head",)

    def parts(self, network: nn.Module) -> Modules:
        return {"network": network, "head": nn.Linear(int(network.features), self.stream.outputs)}  # type: ignore[arg-type]

    @property
    def offers(self) -> frozenset[str]:
        always = {"labels", "heads", "likelihood", "uncertainty", "features"}
        return frozenset(always | ({"gates"} if self.gateable else set()))

    def columns(self, task: Task) -> slice:
        """The head's outputs that may answer for `task`: its own, or (class scenario) all seen so far."""
        if self.stream.scenario != "class":
            return slice(*task.columns)
        last = self.stream.tasks[self.seen - 1]  # seen = 0, untrained: all classes
        return slice(0, max(last.columns[1], task.columns[1]) if self.training else last.columns[1])

    def __call__(
        self,
        x: Tensor,
        task: Task,
        gates: Sequence[Tensor | None] | None = None,
        instead: Params | None = None,
    ) -> Tensor:
        """x [S, B, ...] -> logits [S, B, columns of the task]."""
        columns = self.columns(task)
        if self.narrow and columns == self.narrow_columns:
            head = {name: self.here(t) for name, t in self.narrow.items()}
        else:
            head = {name: {**self.fixed, **self.params}[name][:, columns] for name in HEAD}
        wanted = (
            [None] * len(self.units) if gates is None else [None if g is None else self.here(g) for g in gates]
        )
        factors = [None if g is None else g.expand(*x.shape[:1], -1, -1) for g in wanted]
        return self.forward(logits, (x, *factors), {**(instead or {}), **head})

    @contextmanager
    def own_head(self, task: Task) -> Iterator[Params]:
        columns = self.columns(task)
        if columns == slice(0, self.stream.outputs) or any(name in self.fixed for name in HEAD):
            yield {}
            return
        self.narrow = {name: self.params[name].detach()[:, columns].clone().requires_grad_() for name in HEAD}
        self.narrow_columns = columns
        try:
            yield self.narrow
        finally:
            with torch.no_grad():
                for name, part in self.narrow.items():
                    self.params[name][:, columns] = part
            self.narrow = {}

    def own(self, name: str, task: Task) -> tuple[slice, ...]:
        narrow = name in self.narrow and self.columns(task) == self.narrow_columns
        return (slice(None),) if narrow else super().own(name, task)

    def features(self, x: Tensor) -> Tensor:
        """x [S, B, ...] -> what the network makes of it, [S, B, features]."""
        return self.forward(features, (x, *[None] * len(self.units)))

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy of the batch, [S]. In joint training a row competes within its own task."""
        return self.cross_entropy(self.masked(outputs, batch), batch.y, batch.task).mean(1)

    def masked(self, outputs: Tensor, batch: Batch) -> Tensor:
        if batch.owner is None or self.stream.scenario != "task":
            return outputs
        spans = torch.tensor([t.columns for t in self.stream.tasks], device=self.device)[batch.owner]
        column = torch.arange(outputs.shape[-1], device=self.device)
        own = (column >= spans[..., :1]) & (column < spans[..., 1:])
        return outputs.masked_fill(~own, -torch.inf)

    def log_likelihood(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """log p(y | x), [S, B]; y holds columns of the head."""
        return -self.cross_entropy(outputs, y, task)

    def cross_entropy(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """-log p(y | x), [S, B]; y holds columns of the head."""
        target = y - self.columns(task).start
        return F.cross_entropy(outputs.flatten(0, 1), target.flatten(), reduction="none").view(target.shape)

    def uncertainty(self, outputs: Tensor) -> Tensor:
        """Entropy of the predicted distribution, nats, [S, B] (paper, equation 7)."""
        log_q = outputs.log_softmax(-1)
        return -(log_q.exp() * log_q).sum(-1)

    def evaluate(self, trainer: Trainer, task: Task, split: Split) -> list[float]:
        """Share of the images whose highest output is the label."""
        right = torch.zeros(len(self.seeds), dtype=torch.int64, device=self.device)
        for x, y in trainer.sweep(task, split, trainer.scored_at_once(split)):
            outputs = trainer.strategy.outputs(self, x, task)
            right += (outputs.argmax(-1) + self.columns(task).start == y).sum(1)
        return [r / len(split) for r in right.tolist()]

    def parameters_at(self, seen: int) -> int:
        """Numbers of one seed's network with the heads of the first `seen` tasks (domain: the one head)."""
        last = max((t.columns[1] for t in self.stream.tasks[:seen]), default=0)
        heads = [p for name, p in self.params.items() if self.slots[name].role == "head"]
        return sum(p[0].numel() for p in self.shared.values()) + last * sum(p[0, 0].numel() for p in heads)


def features(seed: Seed, x: Tensor, *gates: Tensor | None) -> Tensor:
    """One seed: x [B, ...] -> [B, features]."""
    return seed("network", x, gates)


def logits(seed: Seed, x: Tensor, *gates: Tensor | None) -> Tensor:
    """One seed: x [B, ...] -> [B, k]."""
    return F.linear(features(seed, x, *gates), seed.state["head.weight"], seed.state["head.bias"])
