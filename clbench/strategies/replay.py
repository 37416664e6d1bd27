"""What replay methods share: a reservoir of images, and batches drawn from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch
from torch import Tensor

from clbench.config.options import Adjustable, Count, Natural
from clbench.learn.memory import PerClass, Reservoir, of_all_so_far, offered, random_of_each
from clbench.models.base import Model
from clbench.models.params import Params
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@dataclass
class Replay(Strategy):
    """Keeps a uniform sample of the images met, un-augmented, and shows some of them again.

    `replay` is the default batch size: the papers' memory batches are as large as their batches. Where a loss is
    taken on a memory batch, running statistics move with its images too. With memory_per_class the memory holds
    images of earlier tasks alone, random ones.
    """

    memory_size: Annotated[Count, "images kept in all"] = 200
    memory_per_class: PerClass = 0
    replay: Annotated[Natural, "images of the memory a batch of it holds (0: no replay)", Adjustable] = 128

    stores: ClassVar[tuple[Cost, ...]] = (
        Cost(4, "pixel of a stored image"),
        Cost(16, "stored image"),
        Cost(8, "run"),
    )
    remembers: ClassVar[tuple[str, ...]] = ("stored",)
    with_logits: ClassVar[bool] = False  # whether the reservoir keeps outputs too

    def start(self, model: Model, stream: Stream) -> None:
        outputs = stream.outputs if self.with_logits else 0
        seeds, shape = len(model.seeds), stream.input_shape
        size = self.memory_size
        if self.memory_per_class:  # a place for each image that will be chosen: nothing is ever removed
            size = sum(int(self.wanted(task).sum()) for task in stream.tasks)
        self.memory = Reservoir(seeds, size, shape, model.device, outputs)
        self.stored = self.memory.tensors

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        self.memory.recount()
        self.trainer, self.task = trainer, task
        self.for_places = trainer.generators("memory")
        self.for_batches = trainer.generators("replay")

    def remember(self, model: Model, x: Tensor, y: Tensor, task: Task, **more: Tensor) -> None:
        """Show images of `task` to the reservoir, unless it is filled class by class: x [S, B, ...], y [S, B]."""
        if not self.memory_per_class:
            self.keep(model, x, y, task, **more)

    def keep(self, model: Model, x: Tensor, y: Tensor, task: Task, **more: Tensor) -> None:
        images: Params = {"x": x, "y": y, "owner": torch.full_like(y, task.index), **more}
        self.memory.add(images, model.active, self.for_places)

    def wanted(self, task: Task) -> Tensor:
        """How many images of each class of `task` are kept, int64 [classes]."""
        return offered(task).clamp(max=self.memory_per_class)

    def end_task(self, trainer: Trainer, task: Task) -> None:
        model = trainer.model
        if self.memory_per_class and model.active.any():
            chosen = random_of_each(task, self.wanted(task), model.active, self.for_places)
            rows = torch.zeros(len(model.seeds), chosen.shape[1], dtype=torch.int64, device=model.device)
            rows[model.active] = chosen
            x = task.train.take(rows)
            self.keep(model, x, task.train.labels[rows], task, **self.outputs_kept(model, x, task))

    def outputs_kept(self, model: Model, x: Tensor, task: Task) -> Params:
        """What is kept beside images of a task that has been learned."""
        return {}

    def draw(self, model: Model) -> Params | None:
        """A memory batch, its images augmented as their tasks' are; None while there is none."""
        drawn = self.memory.draw(self.replay, model.active, self.for_batches)
        if drawn is None:
            return None
        seen, owner = drawn["x"], drawn["owner"]
        return {**drawn, "x": self.trainer.augmented(seen, self.task, owner, "replay augmentation")}


def as_batch(drawn: Params, task: Task) -> Batch:
    """A memory batch in `task`: its images answer among the columns of every task so far, or of their own."""
    return Batch(drawn["x"], drawn["y"], of_all_so_far(task), drawn["owner"])
