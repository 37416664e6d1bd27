"""SI: what each weight contributed to the fall of the loss says how far it may move later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from clbench.models.classifier import Classifier
from clbench.options import NonNegative, Positive
from clbench.params import Params, copies, zeros
from clbench.registry import strategies
from clbench.strategies.quadratic import Quadratic
from clbench.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.training import Trainer


@strategies.register("si")
@dataclass
class SI(Quadratic):
    """Synaptic intelligence: path integral of the task's own gradient (Zenke et al. 2017, equations 3 to 5)."""

    paper = "Zenke et al. 2017, Continual learning through synaptic intelligence"

    lam: Annotated[NonNegative, "c of the paper, strength of the pull"] = 1.0
    xi: Annotated[Positive, "damping of the division by the squared displacement"] = 0.1

    factor: ClassVar[float] = 2.0

    def start(self, model: Classifier, stream: Stream) -> None:
        super().start(model, stream)
        self.path = zeros(model.shared)  # -Σ g · ΔW over the steps of this task

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        super().begin_task(trainer, task)
        for path in self.path.values():
            path.zero_()
        self.before = copies(trainer.model.shared)  # W before the next step
        self.gradient: Params = {}  # of the task loss alone, between backward and the step

    def edit_gradients(self, model: Classifier, batch: Batch) -> None:
        for name, p in model.shared.items():
            if p.grad is not None:
                self.gradient[name] = p.grad  # no copy: neither pull nor optimiser changes it in place
        super().edit_gradients(model, batch)

    @torch.no_grad()
    def after_step(self, model: Classifier, batch: Batch) -> None:
        super().after_step(model, batch)
        for name, gradient in self.gradient.items():
            p, before = model.params[name], self.before[name]
            self.path[name].addcmul_(gradient, before.sub_(p))
            before.copy_(p)
        self.gradient = {}  # the next backward can have its memory

    def measure(self, trainer: Trainer, task: Task) -> Params:
        moved = {name: p.detach() - self.anchor[name] for name, p in trainer.model.shared.items()}
        return {name: path / (moved[name].square() + self.xi) for name, path in self.path.items()}

    def add_importance(self, new: Params) -> None:
        for name, omega in self.omega.items():
            omega.add_(new[name]).clamp_(min=0)
