"""ANPyC (Peng et al. 2021): adversarial neural pruning and synaptic consolidation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch

from clbench.costs import Cost
from clbench.learn.importance import measured
from clbench.learn.params import Params
from clbench.learn.pruning import lowest
from clbench.learn.task import Batch, Stream, Task
from clbench.models.base import Model
from clbench.options import Count, NonNegative, Percent, Positive
from clbench.registry import strategies
from clbench.strategies.quadratic import Quadratic

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

NEEDED_BY = {
    "entropy": ("uncertainty",),
    "loss": ("likelihood",),
    "ewc": ("likelihood",),
}  # importance -> of a model


@strategies.register("anpyc")
@dataclass
class ANPyC(Quadratic):
    """Prune what the task does not need, consolidate what it does (Peng et al. 2021, algorithm 1).

    Where paper and released code differ: the sign of equation 7's linear term follows the code (delta=keep:
    δW = W; delta=remove: δW = -W), equation 6 is read as lam · Ω · (W - W_o), and the last task is not
    pruned (prune_last). Masks are lifted when the next task starts: pruned weights are free, not dead.
    """

    paper = (
        "Peng et al. 2021, Overcoming long-term catastrophic forgetting through "
        "adversarial neural pruning and synaptic consolidation"
    )
    stores = (Cost(9, "shared weight"),)

    lam: Annotated[NonNegative, "λ, strength of the momentum step (equation 6)"] = 1.0
    importance: Annotated[
        Literal["entropy", "ewc", "mas", "loss", "magnitude"],
        "what importance measures (equation 7: entropy)",
    ] = "entropy"
    importance_batch: Annotated[Count, "images whose entropy is reduced before the gradient is taken"] = 100
    importance_reduction: Annotated[Literal["sum", "mean"], "over an importance batch"] = "sum"
    delta: Annotated[Literal["keep", "remove"], "δW = W or -W in equation 7"] = "keep"
    accumulate: Annotated[Literal["sum", "max"], "of importance over tasks (equation 8: sum)"] = "sum"
    pruning: Annotated[
        Literal["greedy", "greedy-without-pretraining", "random", "none"], "how weights to free are chosen"
    ] = "greedy"
    beta: Annotated[Percent, "β, percent of each tensor freed after the first task"] = 50.0
    decay: Annotated[Positive, "factor of β from task to task"] = 0.8
    step: Annotated[Positive, "percent freed per pruning round"] = 10.0
    retrain_epochs: Annotated[Count, "epochs after each pruning round"] = 1
    retrain_rate: Annotated[Positive, "factor of the learning rate in those epochs"] = 1.0
    prune_last: Annotated[bool, "prune after the last task too"] = False

    remembers: ClassVar[tuple[str, ...]] = ("omega", "anchor", "free")

    def needs(self) -> tuple[str, ...]:
        return NEEDED_BY.get(self.importance, ())

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        self.free = {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.shared.items()}  # M^{1:t}

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        super().begin_task(trainer, task)
        self.pruned: Params = {}  # masks of earlier tasks are lifted

    def shares(self, task: Task, stream: Stream) -> list[float]:
        """Percent pruned in each round: step, 2·step, .. up to β·decay^index."""
        index, last = task.index, len(stream.tasks) - 1
        if self.pruning == "none" or (index == last and not self.prune_last):
            return []
        share = self.beta * self.decay**index
        return [min(self.step * k, share) for k in range(1, ceil(share / self.step - 1e-9) + 1)]

    def learn(self, trainer: Trainer, task: Task) -> None:
        shares = self.shares(task, trainer.stream)
        if self.pruning != "greedy-without-pretraining" or not shares:
            trainer.fit(task)
        for share, scores in zip(shares, self.scores(trainer, task), strict=False):
            self.cut(trainer.model, scores, share)
            trainer.fit(task, epochs=self.retrain_epochs, rate=self.retrain_rate)
        if shares:
            self.free = {name: self.free[name] & cut for name, cut in self.pruned.items()}  # equation 9

    def scores(self, trainer: Trainer, task: Task) -> Iterator[Params]:
        """What each round ranks by: importance measured anew, or one random draw for the whole task."""
        drawn = trainer.draws("pruning", trainer.model.shared) if self.pruning == "random" else None
        while True:
            yield drawn or self.measure(trainer, task)

    @torch.no_grad()
    def cut(self, model: Model, scores: Params, share: float) -> None:
        """Mark the lowest share of what every earlier task left free, and set it to zero."""
        for name, p in model.shared.items():
            self.pruned[name] = lowest(scores[name], self.free[name], share, ties=p.detach().abs())
            p.masked_fill_(self.pruned[name], 0)

    def measure(self, trainer: Trainer, task: Task) -> Params:
        sign = 1.0 if self.delta == "keep" else -1.0
        batch, reduction = self.importance_batch, self.importance_reduction
        return measured(self.importance, trainer, task, batch, reduction, sign)

    def add_importance(self, new: Params) -> None:
        if self.accumulate == "sum":
            return super().add_importance(new)
        self.omega = {n: torch.maximum(omega, new[n]) for n, omega in self.omega.items()}
        return None

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        super().edit_gradients(model, batch)
        for name, cut in self.pruned.items():
            if (gradient := model.params[name].grad) is not None:
                gradient.masked_fill_(cut, 0)

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        super().after_step(model, batch)
        for name, cut in self.pruned.items():
            model.params[name].masked_fill_(cut, 0)  # adaptive steps move weights whose gradient is zero

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        rounds = len(self.shares(task, stream))
        first = 0 if rounds and self.pruning == "greedy-without-pretraining" else epochs
        return (first + rounds * self.retrain_epochs) * len(task.train)
