"""What methods with exemplars share: herding, training on them and the new images, a record of what was said."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.config.options import Count
from clbench.errors import UserError
from clbench.learn.memory import Balanced, PerClass, equal, herding, up_to, with_memory
from clbench.models.base import Model
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@dataclass
class Exemplars(Strategy):
    """Keeps of every class the images whose mean feature is nearest to the class's own (Rebuffi et al. 2017).

    A task is trained on its images and all exemplars together, over the columns of all tasks so far. What the
    network says of both before that, in evaluation mode and of the images as they are stored (not augmented), is
    `recorded`, [S, N + M, old columns]; None in the first task.
    """

    memory_size: Annotated[Count, "images kept in all, divided by the classes so far"] = 200
    memory_per_class: PerClass = 0

    stores = (Cost(4, "pixel of a stored image"), Cost(16, "stored image"), Cost(8, "run"))
    scenarios = ("class", "task")
    remembers: ClassVar[tuple[str, ...]] = ("stored",)

    def needs(self) -> tuple[str, ...]:
        return ("labels", "heads", "features")

    def start(self, model: Model, stream: Stream) -> None:
        if not self.memory_per_class and self.memory_size < stream.outputs:
            raise UserError(
                f"strategy.memory_size={self.memory_size} leaves a class of {stream.outputs} without an image; "
                f"take at least {stream.outputs}"
            )
        size, share = (self.memory_per_class, up_to) if self.memory_per_class else (self.memory_size, equal)
        self.memory = Balanced(len(model.seeds), size, stream, model.device, share)
        self.stored = self.memory.tensors
        self.recorded: Tensor | None = None

    def learn(self, trainer: Trainer, task: Task) -> None:
        self.old = task.columns[0]
        united = self.united(task)
        self.recorded = self.record(trainer, united) if task.index else None
        trainer.fit(united)
        self.recorded = None

    def united(self, task: Task) -> Task:
        """`task` with the exemplars among its training images, and the columns of all tasks so far."""
        if task.index == 0:
            return task
        held = task.validation
        if held is not None:
            held = replace(held, owner=torch.full_like(held.rows, task.index))
        train = with_memory(task, self.memory.of(task.index))
        return replace(task, columns=(0, task.columns[1]), train=train, validation=held)

    @torch.no_grad()
    def record(self, trainer: Trainer, task: Task) -> Tensor:
        """What the network says now of the training images, [S, N + M, old columns]."""
        model, split = trainer.model, trainer.dense(task.train)
        rows = torch.arange(len(split), device=model.device).expand(len(model.seeds), -1)
        with model.evaluation():
            parts = rows.split(trainer.scored_at_once(split), dim=1)
            return torch.cat([self.outputs(model, split[part][0], task)[..., : self.old] for part in parts], 1)

    def before(self, batch: Batch) -> Tensor | None:
        """What was recorded of a batch's images, [S, B, old columns]."""
        if self.recorded is None or batch.index is None:
            return None
        return self.recorded.take_along_dim(batch.index.unsqueeze(-1), dim=1)

    def end_task(self, trainer: Trainer, task: Task) -> None:
        active = trainer.model.active
        if active.any():
            self.memory.put(task, active, self.herded(trainer, task))

    def herded(self, trainer: Trainer, task: Task) -> Tensor:
        """The rows of the new exemplars, int64 [seeds that learn, n], class by class in the order of herding."""
        model, at_once = trainer.model, trainer.scored_at_once(task.train)
        found = []
        for column, count in enumerate(self.memory.wanted(task).tolist(), task.columns[0]):
            rows = (task.train.labels == column).nonzero().flatten()
            parts = [unit_features(model, shown_to_all(model, task, part)) for part in rows.split(at_once)]
            features = torch.cat(parts, 1)[model.active]
            found.append(torch.stack([rows[herding(each.double(), count)] for each in features]))
        return torch.cat(found, 1)

    def fitted(self, task: Task, stream: Stream) -> tuple[int, int]:
        return len(task.train) + int(self.memory.quotas[task.index].sum()), 1

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        return epochs * self.fitted(task, stream)[0]


@torch.no_grad()
def unit_features(model: Model, x: Tensor) -> Tensor:
    """Features of length 1 in evaluation mode: x [S, B, ...] -> [S, B, D]."""
    with model.evaluation():
        return F.normalize(model.features(x), dim=-1)


def shown_to_all(model: Model, task: Task, rows: Tensor) -> Tensor:
    """Training images at rows [n], for every seed: [S, n, ...]."""
    x = task.train.take(rows)
    return x.expand(len(model.seeds), *x.shape)
