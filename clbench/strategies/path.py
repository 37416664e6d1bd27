"""What each weight contributed to the fall of the task's loss along the way: shared by SI and RWalk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import torch

from clbench.models.base import Model
from clbench.models.params import Params, copies, zeros
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@dataclass
class PathIntegral(Quadratic):
    """Accumulates -Σ g · ΔW: g the gradient of the task's loss without the pull, ΔW the optimiser's whole step."""

    factor: ClassVar[float] = 2.0

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        self.path = zeros(model.shared)  # -Σ g · ΔW, [S, ...]

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        super().begin_task(trainer, task)
        for path in self.path.values():
            path.zero_()
        self.before = copies(trainer.model.shared)  # W before the next step
        self.gradient: Params = {}  # of the task loss alone, between backward and the step

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        for name, p in model.shared.items():
            if p.grad is not None:
                self.gradient[name] = p.grad  # no copy: neither pull nor optimiser changes it in place
        super().edit_gradients(model, batch)

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        super().after_step(model, batch)
        for name, gradient in self.gradient.items():
            p, before = model.params[name], self.before[name]
            self.path[name].addcmul_(gradient, before.sub_(p))
            before.copy_(p)
        self.gradient = {}  # the next backward can have its memory
