"""DER++: remembered images keep the outputs they had when they were met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from torch import Tensor

from clbench.config.options import Adjustable, NonNegative
from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.costs import Cost
from clbench.strategies.replay import Replay, as_batch
from clbench.streams.task import Batch, Stream, Task

AT_ONCE = 500  # images that are asked about together, at most


@strategies.register("derpp")
@dataclass
class DERPP(Replay):
    """Dark experience replay++ (Buzzega et al. 2020, equation 6): two memory batches, drawn apart.

    The squared distance is a mean over the outputs that an image had when it was met, in its task's first epoch,
    when the task was hardly learned: those of its own task, in the class scenario those of the earlier ones too.
    They stay so; the authors' program shows its reservoir every epoch, and holds outputs of later ones too. With
    memory_per_class they are those at the end of the task.
    """

    paper = "Buzzega et al. 2020, Dark experience for general continual learning: a strong, simple baseline"

    alpha: Annotated[NonNegative, "α, weight of the squared distance to the stored logits", Adjustable] = 0.5
    beta: Annotated[NonNegative, "β, weight of the cross-entropy on the second memory batch", Adjustable] = 0.5

    stores = (*Replay.stores, Cost(4, "output of a stored image"))
    with_logits: ClassVar[bool] = True

    def needs(self) -> tuple[str, ...]:
        return ("labels",)

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        own = stream.scenario == "task"
        spans = [(task.columns[0] if own else 0, task.columns[1]) for task in stream.tasks]
        self.spans = torch.tensor(spans, device=model.device)  # columns that an image of each task had

    def loss(self, model: Model, batch: Batch) -> Tensor:
        outputs = self.outputs(model, batch.x, batch.task)
        self.logits = outputs.detach()
        loss = model.loss(outputs, batch)
        if self.alpha and (drawn := self.draw(model)) is not None:
            loss = loss + self.alpha * self.distance(model, drawn, batch.task)
        if self.beta and (drawn := self.draw(model)) is not None:
            loss = loss + self.beta * self.loss_on(model, as_batch(drawn, batch.task))
        return loss

    def distance(self, model: Model, drawn: Params, task: Task) -> Tensor:
        """Mean over a memory batch of the mean squared change of an image's logits, [S]."""
        now = self.outputs(model, drawn["x"], as_batch(drawn, task).task)
        span, column = self.spans[drawn["owner"]], torch.arange(now.shape[-1], device=now.device)
        had = (column >= span[..., :1]) & (column < span[..., 1:])
        change = (now - drawn["logits"][..., : now.shape[-1]]).square().masked_fill(~had, 0)
        return (change.sum(-1) / had.sum(-1)).mean(1)

    def after_step(self, model: Model, batch: Batch) -> None:
        if batch.epoch == 0:
            logits = self.in_columns(model, self.logits, batch.task)
            self.remember(model, batch.unaugmented, batch.y, batch.task, logits=logits)

    def in_columns(self, model: Model, logits: Tensor, task: Task) -> Tensor:
        """Among those of the whole head, [S, B, outputs]."""
        every = torch.zeros(*logits.shape[:2], model.stream.outputs, device=model.device)
        every[..., model.columns(task)] = logits
        return every

    @torch.no_grad()
    def outputs_kept(self, model: Model, x: Tensor, task: Task) -> Params:
        parts = x.split(model.budget.images_at_once(x[0, 0].numel(), AT_ONCE), dim=1)
        with model.evaluation():
            logits = torch.cat([self.outputs(model, part, task) for part in parts], 1)
        return {"logits": self.in_columns(model, logits, task)}
