"""SI: what each weight contributed to the fall of the loss says how far it may move later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from clbench.config.options import Adjustable, NonNegative, Positive
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.path import PathIntegral
from clbench.streams.task import Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("si")
@dataclass
class SI(PathIntegral):
    """Synaptic intelligence: path integral of the task's own gradient (Zenke et al. 2017, equations 3 to 5).

    Weight decay, where it is used, counts as part of the task's gradient.
    """

    paper = "Zenke et al. 2017, Continual learning through synaptic intelligence"

    lam: Annotated[NonNegative, "c of the paper, strength of the pull", Adjustable] = 1.0
    xi: Annotated[Positive, "damping of the division by the squared displacement"] = 0.1

    def measure(self, trainer: Trainer, task: Task) -> Params:
        moved = {name: p.detach() - self.anchor[name] for name, p in trainer.model.shared.items()}
        return {name: path / (moved[name].square() + self.xi) for name, path in self.path.items()}

    def add_importance(self, new: Params) -> None:
        for name, omega in self.omega.items():
            omega.add_(new[name]).clamp_(min=0)
