"""ER: every step trains on new images and on remembered ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from clbench.models.base import Model
from clbench.registry import strategies
from clbench.strategies.replay import Replay, as_batch
from clbench.streams.task import Batch


@strategies.register("er")
@dataclass
class ER(Replay):
    """Experience replay with a reservoir (Chaudhry et al. 2019, algorithm 1; Riemer et al. 2019).

    The memory holds images of the task at hand too: each enters once, in the first epoch, after its step.
    """

    paper = "Chaudhry et al. 2019, On tiny episodic memories in continual learning"

    def shown(self, model: Model, batch: Batch) -> Batch:
        """The batch and a memory batch: the loss is one mean over both."""
        drawn = self.draw(model)
        self.new = batch
        return batch if drawn is None else union(batch, as_batch(drawn, batch.task))

    def after_step(self, model: Model, batch: Batch) -> None:
        if batch.epoch == 0:
            self.remember(model, self.new.unaugmented, self.new.y, self.new.task)


def union(batch: Batch, memory: Batch) -> Batch:
    """Both as one batch, every image with its owner."""
    owner = torch.full_like(batch.y, batch.task.index)
    assert memory.owner is not None  # several tasks
    x, y, owner = (
        torch.cat(pair, 1) for pair in ((batch.x, memory.x), (batch.y, memory.y), (owner, memory.owner))
    )
    return replace(batch, x=x, y=y, task=memory.task, owner=owner, index=None, plain=None, own=batch.y.shape[1])
