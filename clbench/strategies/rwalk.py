"""RWalk: a running Fisher information, and what each weight gained along the way for the distance it moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import torch

from clbench.config.options import Count, Positive, Share
from clbench.learn.importance import fisher_of
from clbench.models.base import Model
from clbench.models.params import Params, copies, zeros
from clbench.registry import strategies
from clbench.strategies.costs import Cost
from clbench.strategies.path import PathIntegral
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("rwalk")
@dataclass
class RWalk(PathIntegral):
    """Riemannian walk without its memory of images (Chaudhry et al. 2018, sections 4.1 to 4.3).

    Every `interval` steps F <- alpha · F_batch + (1 - alpha) · F, F_batch the exact per-sample Fisher of the batch
    at hand, and the score grows by the fall of the loss a weight brought since, over ½ · F · ΔW² + epsilon, the
    distance it went. Negative scores are 0; from the second task on old and new score are averaged. The importance
    is F + score, each scaled to a largest value of 1 in the whole network.
    """

    paper = (
        "Chaudhry et al. 2018, Riemannian walk for incremental learning: understanding forgetting and "
        "intransigence"
    )
    stores = (Cost(16, "shared weight"),)
    remembers = ("omega", "anchor", "fisher", "score")

    labels: Annotated[Literal["true", "empirical"], "of the running Fisher: drawn from the model or given"] = (
        "empirical"
    )
    alpha: Annotated[Share, "weight of the newest batch in the running Fisher"] = 0.9
    interval: Annotated[Count, "steps between two updates of Fisher and score"] = 10
    epsilon: Annotated[Positive, "damping of the division by the distance"] = 1e-3

    def needs(self) -> tuple[str, ...]:
        return (*super().needs(), "likelihood")

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        self.fisher, self.score = zeros(model.shared), zeros(model.shared)

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        super().begin_task(trainer, task)
        self.trainer, self.steps = trainer, 0
        self.gained = zeros(trainer.model.shared)  # score of this task so far
        self.since = copies(trainer.model.shared)  # W at the last update

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        super().after_step(model, batch)
        self.steps += 1
        if self.steps % self.interval == 0:
            self.update_fisher(model, batch)
            self.update_score(model)

    def update_fisher(self, model: Model, batch: Batch) -> None:
        new = fisher_of(self.trainer, batch.task, model.examples_of(batch), batch.y, self.labels)
        for name, f in self.fisher.items():
            learning = model.active.view(-1, *[1] * (f.dim() - 1))
            f.copy_(torch.where(learning, torch.lerp(f, new[name], self.alpha), f))

    def update_score(self, model: Model) -> None:
        for name, path in self.path.items():
            p = model.params[name].detach()
            distance = 0.5 * self.fisher[name] * (p - self.since[name]).square()
            self.gained[name].add_(path / (distance + self.epsilon))
            self.since[name].copy_(p)
            path.zero_()

    def measure(self, trainer: Trainer, task: Task) -> Params:
        """Scaled Fisher + scaled score of all tasks so far."""
        self.update_score(trainer.model)  # of the steps after the last update
        for name, score in self.score.items():
            gained = self.gained[name].clamp(min=0)
            score.copy_(gained if task.index == 0 else (score + gained) / 2)
        scaled = largest_is_one(self.score)
        return {name: f + scaled[name] for name, f in largest_is_one(self.fisher).items()}

    def add_importance(self, new: Params) -> None:
        self.omega = new  # it speaks of all tasks already


def largest_is_one(values: Params) -> Params:
    """Each seed's values, none negative, divided by the largest of them in the whole network."""
    if not values:
        return {}
    largest = torch.stack([v.flatten(1).amax(1) for v in values.values()]).amax(0)
    largest = torch.where(largest > 0, largest, 1.0)
    return {name: v / largest.view(-1, *[1] * (v.dim() - 1)) for name, v in values.items()}
