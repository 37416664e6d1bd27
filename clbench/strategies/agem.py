"""A-GEM: a step may not raise the loss on the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.models.base import Model
from clbench.registry import strategies
from clbench.strategies.replay import Replay, as_batch
from clbench.streams.task import Batch, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

AT_ONCE = 500  # images shown to the reservoir together


@strategies.register("agem")
@dataclass
class AGEM(Replay):
    """Averaged gradient episodic memory (Chaudhry et al. 2019, equation 11).

    The memory holds images of earlier tasks alone; which of them is left to a reservoir. The gradients are those
    of all parameters that learn, heads included.
    """

    paper = "Chaudhry et al. 2019, Efficient lifelong learning with A-GEM"

    def needs(self) -> tuple[str, ...]:
        return ("images",)

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        drawn = self.draw(model)
        if drawn is None:
            return
        trained = [p for p in model.params.values() if p.requires_grad and p.grad is not None]
        reference = self.reference(model, as_batch(drawn, batch.task), trained)
        project([p.grad for p in trained if p.grad is not None], reference)

    def reference(self, model: Model, memory: Batch, trained: list[Tensor]) -> Sequence[Tensor]:
        """g_ref: the gradients of the loss on a memory batch, [S, ...] a parameter."""
        with model.statistics_held():  # a pass that only measures
            return torch.autograd.grad(
                self.loss_on(model, memory).sum(), trained, allow_unused=True, materialize_grads=True
            )

    def end_task(self, trainer: Trainer, task: Task) -> None:
        super().end_task(trainer, task)
        for x, y in trainer.sweep(task, task.train, trainer.budget.images_at_once(task.train.numbers, AT_ONCE)):
            self.remember(trainer.model, x, y, task)


def project(gradients: Sequence[Tensor], reference: Sequence[Tensor]) -> None:
    """g <- g - (g · g_ref / g_ref · g_ref) g_ref in place, for every seed with g · g_ref < 0 (equation 11)."""
    product, square = dot(gradients, reference), dot(reference, reference)
    conflict = (product < 0) & (square > 0)  # tiny gradients have a square of 0
    factor = torch.where(conflict, product / square, 0.0)
    for g, r in zip(gradients, reference, strict=True):
        g.sub_(factor.view(-1, *[1] * (g.dim() - 1)) * r)


def dot(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Product of each seed's gradients as one vector, [S]. A seed at a time: rows of several round differently."""
    parts = torch.stack([torch.stack([seed.sum() for seed in p * q]) for p, q in zip(a, b, strict=True)], 1)
    return torch.stack([seed.sum() for seed in parts])
