"""EWC: the diagonal Fisher information says how far a weight may move."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch

from clbench.config.options import Adjustable, NonNegative, Share
from clbench.learn.importance import Labels, Samples, fisher, sampled
from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("ewc")
@dataclass
class EWC(Quadratic):
    """Elastic weight consolidation with the exact per-sample Fisher (Kirkpatrick et al. 2017, equation 3).

    One anchor and the sum of the Fishers (Huszár 2018); `online` decays that sum by gamma a task (Schwarz et
    al. 2018); `separate` keeps one anchor a task, which collapses into the Fisher-weighted mean of the anchors.
    """

    paper = "Kirkpatrick et al. 2017, Overcoming catastrophic forgetting in neural networks"

    lam: Annotated[NonNegative, "strength of the pull", Adjustable] = 100.0
    fisher: Annotated[
        Labels, "labels drawn from the model, given, or all of them weighted; batch: squared batch gradients"
    ] = "true"
    anchors: Annotated[Literal["huszar", "online", "separate"], "how tasks are accumulated"] = "huszar"
    gamma: Annotated[Share, "decay of the Fisher a task, with anchors=online"] = 1.0
    importance_samples: Samples = None

    def needs(self) -> tuple[str, ...]:
        return (*super().needs(), "likelihood")

    def measure(self, trainer: Trainer, task: Task) -> Params:
        return fisher(trainer, sampled(trainer, task, self.importance_samples), self.fisher)

    def add_importance(self, new: Params) -> None:
        self.newest = new if self.anchors == "separate" else {}
        decay = self.gamma if self.anchors == "online" else 1.0
        for name, omega in self.omega.items():
            omega.mul_(decay).add_(new[name])

    def move_anchor(self, model: Model) -> None:
        if self.anchors != "separate":
            return super().move_anchor(model)
        for name, p in model.shared.items():
            total = self.omega[name]
            share = torch.where(total > 0, self.newest[name] / total, 1.0)
            self.anchor[name].lerp_(p.detach(), share)
        self.newest = {}  # a copy of the network less
        return None
