"""PackNet: every task prunes what it trained, keeps the rest for ever and leaves the pruned to later tasks."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch
from torch import Tensor

from clbench.config.options import Adjustable, Natural, Percent, Positive
from clbench.errors import UserError
from clbench.learn.pruning import factors, lowest, share_of_zeros
from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

MOST_TASKS = 255  # an owner is a byte


@strategies.register("packnet")
@dataclass
class PackNet(Strategy):
    """Train, prune by magnitude layer by layer, train what is left again (Mallya & Lazebnik 2018, section 3).

    A task answers with its own weights, those of earlier tasks and the running statistics as it left them. Biases
    and the weights of normalisation layers belong to the first task, as in the paper. The last task has nobody to
    leave weights to and is not pruned (prune_last).
    """

    paper = "Mallya & Lazebnik 2018, PackNet: adding multiple tasks to a single network by iterative pruning"
    stores = (Cost(1, "connection"),)
    own_head = True
    scenarios = ("task",)
    statistics = "per-task"
    remembers = ("owner",)

    prune: Annotated[
        Percent, "percent of the weights a task trained that it gives up, in each layer", Adjustable
    ] = 50.0
    retrain_epochs: Annotated[Natural, "epochs after the pruning"] = 1
    retrain_rate: Annotated[Positive, "factor of the learning rate in those epochs"] = 1.0
    prune_last: Annotated[bool, "prune after the last task too"] = False

    def start(self, model: Model, stream: Stream) -> None:
        if len(stream.tasks) > MOST_TASKS:
            raise UserError(f"packnet can keep {MOST_TASKS} tasks apart, the stream has {len(stream.tasks)}")
        self.owner = {  # 0: free, t: kept by the task that was learned t-th
            name: torch.zeros_like(p, dtype=torch.uint8, requires_grad=False)
            for name, p in model.shared.items()
            if model.slots[name].kind == "weight"
        }

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        self.freeze(trainer.model, {name: owner > 0 for name, owner in self.owner.items()})
        if self.loose and not any(bool(loose.any()) for loose in self.loose.values()):
            warnings.warn(
                f"packnet has no weight left for task {task.name}: its head alone is trained; raise "
                "strategy.prune, or take a larger network",
                stacklevel=2,
            )

    def freeze(self, model: Model, frozen: Params) -> None:
        """From here on these weights stay as they are: a step moves what is 1 in `loose`; `held` has the rest."""
        held = {name: factors(each, model.params[name]) for name, each in frozen.items()}
        self.loose = {name: 1 - each for name, each in held.items()}
        self.held = {name: each.mul_(model.params[name].detach()) for name, each in held.items()}

    def trainable(self, model: Model, task: Task) -> Params:
        biases = model.shared.keys() - self.owner.keys() if task.index > 0 else ()
        return {name: p for name, p in model.params.items() if name not in biases}

    def learn(self, trainer: Trainer, task: Task) -> None:
        trainer.fit(task)
        self.claim(trainer.model, task, self.given_up(task, trainer.stream))
        if self.epochs_after(task, trainer.stream):
            trainer.fit(task, epochs=self.retrain_epochs, rate=self.retrain_rate)

    def given_up(self, task: Task, stream: Stream) -> float:
        """Percent of its weights that a task leaves to later ones."""
        return self.prune if self.prune_last or task.index < len(stream.tasks) - 1 else 0.0

    def epochs_after(self, task: Task, stream: Stream) -> int:
        """Epochs after the pruning of a task."""
        return self.retrain_epochs if self.given_up(task, stream) else 0

    @torch.no_grad()
    def claim(self, model: Model, task: Task, percent: float) -> None:
        """Give up the smallest `percent` of the free weights and make the others the task's own."""
        for name, owner in self.owner.items():
            free, p = owner == 0, model.params[name]
            given_up = lowest(p.detach().abs(), free, percent)
            owner.masked_fill_(free & ~given_up, task.index + 1)
            p.masked_fill_(given_up, 0)
        self.freeze(model, {name: owner != task.index + 1 for name, owner in self.owner.items()})

    def pruned_share(self) -> Tensor | None:
        return share_of_zeros(list(self.owner.values()))

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        for name, loose in self.loose.items():
            if (gradient := model.params[name].grad) is not None:
                gradient.mul_(loose)

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        for name, loose in self.loose.items():  # momentum and adaptive steps move weights without a gradient
            p = model.params[name]
            torch.addcmul(self.held[name], p, loose, out=p.detach())

    def outputs(self, model: Model, x: Tensor, task: Task) -> Tensor:
        if task.index + 1 >= model.seen:
            return model(x, task)  # the newest: there are no later weights
        mine = {name: (owner > 0) & (owner <= task.index + 1) for name, owner in self.owner.items()}
        return model(x, task, instead={name: model.params[name] * own for name, own in mine.items()})

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        return (epochs + self.epochs_after(task, stream)) * len(task.train)
