"""SGD-F: the shared layers freeze after the first task."""

from dataclasses import dataclass

from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.streams.task import Task


@strategies.register("sgd-f")
@dataclass
class FrozenSGD(Strategy):
    """Own head per task, shared layers frozen after the first task (paper, section IV-A: SGD-F).

    Running statistics are frozen with them.
    """

    paper = "Peng et al. 2021, section IV-A: SGD-F"
    own_head = True

    statistics = "frozen"

    def trainable(self, model: Model, task: Task) -> Params:
        if task.index == 0:
            return model.params
        return {name: p for name, p in model.params.items() if name not in model.shared}

    def untouched(self, model: Model, task: Task) -> set[int]:
        own_heads = "heads" in model.offers and model.stream.scenario == "task"
        return set(range(len(model.stream.tasks))) - {task.index} if task.index > 0 and own_heads else set()
