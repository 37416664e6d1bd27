"""ER-ACE: new images are told apart from one another alone, remembered ones from everything."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from clbench.models.base import Model
from clbench.registry import strategies
from clbench.strategies.replay import Replay, as_batch
from clbench.streams.task import Batch


@strategies.register("er-ace")
@dataclass
class ERACE(Replay):
    """Experience replay with asymmetric cross-entropy (Caccia et al. 2022; the memory is er's).

    loss = cross-entropy of the batch among the classes in it + cross-entropy of the memory batch among all so far,
    each a mean and a pass of its own. New images then push down no class that they are not of: in the class
    scenario the old ones. The first task has no old class, and its batches compete among all of it, as in the
    authors' program. In the task scenario images compete within their own task, so that little is left of this.
    """

    paper = (
        "Caccia et al. 2022, New insights on reducing abrupt representation change in online continual learning"
    )

    def needs(self) -> tuple[str, ...]:
        return ("labels",)

    def loss(self, model: Model, batch: Batch) -> Tensor:
        outputs = self.outputs(model, batch.x, batch.task)
        if batch.task.index > 0:
            outputs = among_present(outputs, batch.y - model.columns(batch.task).start)
        loss, drawn = model.loss(outputs, batch), self.draw(model)
        return loss if drawn is None else loss + self.loss_on(model, as_batch(drawn, batch.task))

    def after_step(self, model: Model, batch: Batch) -> None:
        if batch.epoch == 0:
            self.remember(model, batch.unaugmented, batch.y, batch.task)


def among_present(outputs: Tensor, y: Tensor) -> Tensor:
    """outputs [S, B, k] without those of classes that no label of the seed's batch, y [S, B] from 0, is of."""
    present = torch.zeros(len(y), outputs.shape[-1], dtype=torch.bool, device=y.device).scatter_(1, y, True)
    return outputs.masked_fill(~present.unsqueeze(1), -torch.inf)
