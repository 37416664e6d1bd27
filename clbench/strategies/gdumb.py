"""GDumb: keep a balanced memory, and train on nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import torch

from clbench.config.options import Count, Natural
from clbench.learn.memory import Balanced, PerClass, of_all_so_far, quotas, up_to
from clbench.models.base import Model
from clbench.models.params import copies
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.streams.task import Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("gdumb")
@dataclass
class GDumb(Strategy):
    """Greedy sampler and dumb learner (Prabhu et al. 2020, algorithm 1): after each task a network from scratch.

    It starts from its initial weights and is trained as the options of training say, but for `epochs`: a pass over
    the memory is short. The paper's own recipe (cosine rate, CutMix) is left out: methods differ in method alone.
    """

    paper = "Prabhu et al. 2020, GDumb: a simple approach that questions our progress in continual learning"

    memory_size: Annotated[Count, "images kept in all"] = 200
    memory_per_class: PerClass = 0
    epochs: Annotated[
        Natural, "passes over the memory after each task (0: as long as training is, by `train`)"
    ] = 100

    stores = (Cost(4, "pixel of a stored image"), Cost(16, "stored image"), Cost(8, "run"))
    remembers: ClassVar[tuple[str, ...]] = ("stored",)

    def start(self, model: Model, stream: Stream) -> None:
        size, share = (self.memory_per_class, up_to) if self.memory_per_class else (self.memory_size, quotas)
        self.memory = Balanced(len(model.seeds), size, stream, model.device, share)
        self.stored = self.memory.tensors
        self.initial = copies(model.state())  # which the seed alone decides

    def learn(self, trainer: Trainer, task: Task) -> None:
        self.memory.add(task, trainer.model.active, trainer.generators("memory"))
        self.begin_anew(trainer.model)
        trainer.optimizer_state = {}  # train.keep_optimizer or not
        options = trainer.options
        passes = self.epochs or options.passes(*self.fitted(task, trainer.stream))
        stretch = passes / options.passes(len(task.train))  # the rate falls at the same share
        trainer.fit(self.on_memory(task), self.epochs or None, stretch=stretch)

    @torch.no_grad()
    def begin_anew(self, model: Model) -> None:
        for name, tensor in model.state().items():
            tensor[model.active] = self.initial[name][model.active]

    def on_memory(self, task: Task) -> Task:
        """All tasks so far with the memory as training images; to validate on there are the last task's."""
        held = task.validation
        if held is not None:
            held = replace(held, owner=torch.full_like(held.rows, task.index))
        return replace(of_all_so_far(task), train=self.memory.split(task.index + 1), validation=held)

    def fitted(self, task: Task, stream: Stream) -> tuple[int, int]:
        return int(self.memory.quotas[task.index + 1].sum()), task.index + 1

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        return (self.epochs or epochs) * self.fitted(task, stream)[0]
