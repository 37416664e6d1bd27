"""iCaRL: a network that learns to represent, and answers by the nearest mean of each class's exemplars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.exemplars import Exemplars, unit_features
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

AT_ONCE = 500  # exemplars in a forward pass, at most


@strategies.register("icarl")
@dataclass
class ICaRL(Exemplars):
    """Incremental classifier and representation learning (Rebuffi et al. 2017, algorithms 1 to 5).

    Every output is a sigmoid of its own: loss = Σ over new outputs binary cross-entropy to the label + Σ over old
    ones to what the network said before the task, a batch's mean. Exemplars are those nearest to their class's
    mean by herding, memory_size / classes of each; the surplus goes from the end. An image is of the class whose
    exemplars' mean is nearest, all of length 1; in the task scenario among the task's own classes.
    """

    paper = "Rebuffi et al. 2017, iCaRL: incremental classifier and representation learning"

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        self.learning = False
        self.means: Tensor | None = None  # of each class's exemplars, as the network is: [S, columns so far, D]

    def learn(self, trainer: Trainer, task: Task) -> None:
        self.learning = True
        super().learn(trainer, task)
        self.learning = False

    def loss_on(self, model: Model, batch: Batch) -> Tensor:
        """Of images of which nothing was recorded, those to validate on: the new outputs' part alone."""
        outputs, said = self.outputs(model, batch.x, batch.task), self.before(batch)
        target = F.one_hot(batch.y, outputs.shape[-1]).to(outputs.dtype)[..., self.old :]
        if said is None:
            outputs = outputs[..., self.old :]
        else:
            target = torch.cat([torch.stack([each.sigmoid() for each in said]), target], -1)
        return torch.stack([binary(o, t) for o, t in zip(outputs, target, strict=True)])

    def end_task(self, trainer: Trainer, task: Task) -> None:
        super().end_task(trainer, task)
        self.means = None

    def restore(self, state: Params) -> None:
        super().restore(state)
        self.means = None

    def outputs(self, model: Model, x: Tensor, task: Task) -> Tensor:
        """The network's logits while a task is learned; of tasks that were, the cosine to each class's mean."""
        if self.learning or task.index >= model.seen:
            return model(x, task)
        if self.means is None:
            self.means = self.class_means(model)
        features = unit_features(model, x)
        near = torch.stack([f @ mean.T for f, mean in zip(features, self.means, strict=True)])
        return near[..., model.columns(task)]

    def class_means(self, model: Model) -> Tensor:
        """[S, columns so far, D]: of length 1, so that the nearest has the largest cosine."""
        memory = self.memory.of(model.seen)
        parts = memory["x"].split(model.budget.images_at_once(memory["x"][0, 0].numel(), AT_ONCE), dim=1)
        features = torch.cat([unit_features(model, x) for x in parts], 1)
        classes = F.one_hot(memory["y"], model.stream.tasks[model.seen - 1].columns[1]).to(features.dtype)
        sums = torch.stack([c.T @ f for c, f in zip(classes, features, strict=True)])
        return F.normalize(sums, dim=-1)  # of the sum as of the mean


def binary(outputs: Tensor, target: Tensor) -> Tensor:
    """Σ over outputs of the cross-entropy of each sigmoid, a batch's mean: [B, k] of one seed -> []."""
    return F.binary_cross_entropy_with_logits(outputs, target, reduction="sum") / len(outputs)
