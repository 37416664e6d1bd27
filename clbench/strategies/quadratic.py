"""What the regularisers share: a pull of every shared weight to its value after the previous task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from torch import Tensor

from clbench.config.options import Adjustable, NonNegative
from clbench.models.base import Model
from clbench.models.params import Params, copies, zeros
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

SMALL = 32  # a share of the budget in which k and 1 + k stay from step to step; else they are made for each anew


@dataclass
class Quadratic(Strategy):
    """Pull of strength lam · importance · (W - anchor), element by element, in closed form. Heads are free.

    consolidation=gradient adds it to the gradient (stable while rate · strength · importance stays below
    about 2); consolidation=proximal takes the task's step first and then W <- (W + k · anchor) / (1 + k),
    k = lam · importance · rate / (1 - momentum), which has the same fixed point and is stable for every strength.
    """

    lam: Annotated[NonNegative, "strength of the pull", Adjustable] = 1.0
    consolidation: Annotated[Literal["gradient", "proximal"], "how the pull is applied"] = "gradient"

    stores: ClassVar[tuple[Cost, ...]] = (Cost(8, "shared weight"),)
    own_head = True
    factor: ClassVar[float] = 1.0  # of the pull's gradient: 2 where the paper's penalty has no 1/2
    remembers: ClassVar[tuple[str, ...]] = ("omega", "anchor")

    def start(self, model: Model, stream: Stream) -> None:
        self.omega = zeros(model.shared)  # Ω, importance accumulated over the tasks so far
        self.anchor = copies(model.shared)  # W*

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        self.pulls = task.index > 0
        self.k_at = -1.0  # the rate for which k was computed; importance changes between tasks
        size = sum(2 * omega.numel() * omega.element_size() for omega in self.omega.values())
        self.keeps_k = size <= trainer.budget.bytes // SMALL

    def measure(self, trainer: Trainer, task: Task) -> Params:
        """Importance of one task, [S, ...] a shared parameter. A method defines it."""
        raise NotImplementedError

    def add_importance(self, new: Params) -> None:
        for name, omega in self.omega.items():
            omega.add_(new[name])

    def end_task(self, trainer: Trainer, task: Task) -> None:
        self.add_importance(self.measure(trainer, task))
        self.move_anchor(trainer.model)

    def move_anchor(self, model: Model) -> None:
        for name, p in model.shared.items():
            self.anchor[name].copy_(p.detach())

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        if self.pulls and self.consolidation == "gradient":
            self.add_pull(model)

    def add_pull(self, model: Model) -> None:
        for name, p in model.shared.items():
            if p.grad is not None:
                away = torch.sub(p.detach(), self.anchor[name])
                # a tensor of its own: SI keeps the gradient without the pull
                p.grad = torch.addcmul(p.grad, self.omega[name], away, value=self.factor * self.lam, out=away)

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        if not (self.pulls and self.consolidation == "proximal"):
            return
        if self.keeps_k and batch.rate != self.k_at:
            self.k = {name: self.proximal_weights(model, name, batch.rate) for name in self.omega}
            self.k_at = batch.rate
        for name, p in model.shared.items():
            if p.requires_grad and p.grad is not None:
                k, one_and_k = self.k[name] if self.keeps_k else self.proximal_weights(model, name, batch.rate)
                p.addcmul_(k, self.anchor[name]).div_(one_and_k)

    def proximal_weights(self, model: Model, name: str, rate: float) -> tuple[Tensor, Tensor]:
        """k and 1 + k of a shared parameter: what the anchor weighs in a proximal step, and the sum."""
        k = self.omega[name] * (self.factor * self.lam * rate * model.rates[name])
        return k, k + 1
