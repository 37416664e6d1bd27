"""Joint training: all tasks at once, the ceiling and the m[i] of FWT."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from clbench.models.base import Model
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.streams.task import Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("joint")
@dataclass
class Joint(Strategy):
    """All tasks at once in stage 1, own heads: the ceiling, and m[i] of FWT (paper, section IV-A, equation 11).

    One training of the same network for the same number of epochs, an epoch being a pass over all tasks, or (by
    train.iterations) for the steps of all tasks. The later stages do nothing: rows 1..T of its matrix are equal.
    """

    paper = "Peng et al. 2021, section IV-A: joint training"

    protocol: ClassVar[str] = "joint"

    def start(self, model: Model, stream: Stream) -> None:
        self.union = stream.union()
        self.last = len(stream.tasks)

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        trainer.model.seen = self.last

    def learn(self, trainer: Trainer, task: Task) -> None:
        if task.index == 0:
            trainer.fit(self.union)

    def fitted(self, task: Task, stream: Stream) -> tuple[int, int]:
        return sum(len(t.train) for t in stream.tasks), len(stream.tasks)

    def untouched(self, model: Model, task: Task) -> set[int]:
        return set(range(self.last)) if task.index > 0 and "heads" in model.offers else set()

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        return epochs * self.fitted(task, stream)[0] if task.index == 0 else 0
