"""ANPyC (Peng et al. 2021): adversarial neural pruning and synaptic consolidation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from clbench.config.options import Absent, Adjustable, Count, NonNegative, Percent, Positive
from clbench.learn.importance import Samples, measured, sampled
from clbench.learn.pruning import factors, lowest, quota, share_of_zeros
from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.costs import Cost
from clbench.strategies.quadratic import Quadratic
from clbench.streams.task import Batch, Stream, Task

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
    pruned (prune_last). After the first task the code ranks what every earlier task marked (candidates=marked), so
    that little is freed after three; equation 9 and algorithm 1 rank the tensor and intersect (candidates=tensor).
    Masks are lifted when the next task starts: pruned weights are free, not dead.
    """

    paper = (
        "Peng et al. 2021, Overcoming long-term catastrophic forgetting through "
        "adversarial neural pruning and synaptic consolidation"
    )
    stores = (Cost(9, "shared weight"),)

    lam: Annotated[NonNegative, "λ, strength of the momentum step (equation 6)", Adjustable] = 1.0
    importance: Annotated[
        Literal["entropy", "ewc", "mas", "loss", "magnitude"],
        "what importance measures (equation 7: entropy)",
    ] = "entropy"
    importance_batch: Annotated[Count, "images whose entropy is reduced before the gradient is taken"] = 100
    importance_samples: Samples = None
    importance_reduction: Annotated[Literal["sum", "mean"], "over an importance batch"] = "sum"
    delta: Annotated[
        Literal["keep", "remove", "either"], "δW = W or -W in equation 7, or whichever of them changes more"
    ] = "keep"
    accumulate: Annotated[Literal["sum", "max"], "of importance over tasks (equation 8: sum)"] = "sum"
    pruning: Annotated[
        Literal["greedy", "greedy-without-pretraining", "random", "none"], "how weights to free are chosen"
    ] = "greedy"
    candidates: Annotated[
        Literal["marked", "tensor"],
        "β is of what every earlier task marked, or of the tensor and then intersected with that",
        Absent("marked"),
    ] = "marked"
    beta: Annotated[Percent, "β, percent of each tensor freed after the first task", Adjustable] = 50.0
    decay: Annotated[float, Field(gt=0, le=1), "factor of β from task to task"] = 0.8
    step: Annotated[float, Field(ge=0.01, le=100), "percent freed per pruning round"] = 10.0
    retrain_epochs: Annotated[Count, "epochs after each pruning round"] = 1
    retrain_rate: Annotated[Positive, "factor of the learning rate in those epochs"] = 1.0
    prune_last: Annotated[bool, "prune after the last task too"] = False

    remembers: ClassVar[tuple[str, ...]] = ("omega", "anchor", "free")

    def needs(self) -> tuple[str, ...]:
        return NEEDED_BY.get(self.importance, ())

    def start(self, model: Model, stream: Stream) -> None:
        super().start(model, stream)
        self.free = {n: torch.ones_like(p, dtype=torch.bool) for n, p in model.shared.items()}  # M^{1:t}
        self.pruned: Params = {}
        self.kept: Params = {}

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        super().begin_task(trainer, task)
        self.pruned, self.kept = {}, {}  # masks of earlier tasks are lifted

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
            self.retrain(trainer, task, self.cut(trainer.model, scores, share))
        if shares:
            self.free = {name: self.free[name] & cut for name, cut in self.pruned.items()}  # equation 9

    def scores(self, trainer: Trainer, task: Task) -> Iterator[Params]:
        """What each round ranks by: importance measured anew, or one random draw for the whole task."""
        drawn = trainer.draws("pruning", trainer.model.shared) if self.pruning == "random" else None
        while True:
            yield drawn or self.measure(trainer, task)

    def retrain(self, trainer: Trainer, task: Task, cut: Tensor) -> None:
        """The epochs after a round, of the seeds [S] that lost a weight in it: the others have nothing to mend."""
        model = trainer.model
        learning = model.active
        if self.pruning != "greedy-without-pretraining":  # where these epochs are all the training there is
            model.active = learning & cut
        if model.active.any():
            trainer.fit(task, epochs=self.retrain_epochs, rate=self.retrain_rate)
        else:
            model.active = learning

    @torch.no_grad()
    def cut(self, model: Model, scores: Params, share: float) -> Tensor:
        """Mark the lowest share of what may be freed, set it to zero; whether a seed lost a weight by it, [S].

        A seed that would lose none keeps the marks it has.
        """
        marks = {name: self.marked(name, scores[name], p.detach(), share) for name, p in model.shared.items()}
        before = self.pruned or {name: torch.zeros_like(mark) for name, mark in marks.items()}
        cut = torch.zeros_like(model.active)
        for name, mark in marks.items():
            cut |= (mark & ~before[name]).flatten(1).any(1)
        for name, p in model.shared.items():
            cutting = cut.view(-1, *[1] * (p.dim() - 1))
            self.pruned[name] = torch.where(cutting, marks[name], before[name])
            self.kept[name] = factors(~self.pruned[name], p)
            p.mul_(self.kept[name])
        return cut

    def marked(self, name: str, scores: Tensor, weights: Tensor, share: float) -> Tensor:
        """The lowest share of a tensor that no earlier task kept, bool [S, ...]."""
        free = self.free[name]
        candidates = free if self.candidates == "marked" else torch.ones_like(free)
        return lowest(scores, candidates, share, ties=weights.abs()) & free

    def pruned_share(self) -> Tensor | None:
        kept = [~(self.pruned[n] if self.pruned else torch.zeros_like(free)) for n, free in self.free.items()]
        return share_of_zeros(kept)

    def measure(self, trainer: Trainer, task: Task) -> Params:
        sign = {"keep": 1.0, "remove": -1.0, "either": 0.0}[self.delta]
        batch, reduction = self.importance_batch, self.importance_reduction
        images = sampled(trainer, task, self.importance_samples)
        return measured(self.importance, trainer, images, batch, reduction, sign)

    def add_importance(self, new: Params) -> None:
        if self.accumulate == "sum":
            return super().add_importance(new)
        self.omega = {n: torch.maximum(omega, new[n]) for n, omega in self.omega.items()}
        return None

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        super().edit_gradients(model, batch)
        for name, kept in self.kept.items():
            if (gradient := model.params[name].grad) is not None:
                gradient.mul_(kept)

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        super().after_step(model, batch)
        for name, kept in self.kept.items():
            model.params[name].mul_(kept)  # adaptive steps move weights whose gradient is zero

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        shares = self.shares(task, stream)
        if shares and self.pruning == "greedy-without-pretraining":
            return len(shares) * self.retrain_epochs * len(task.train)
        return (epochs + self.rounds(task, stream) * self.retrain_epochs) * len(task.train)

    def rounds(self, task: Task, stream: Stream) -> int:
        """How many rounds free a weight more than the one before; of `tensor`, where only training tells: all."""
        shares = self.shares(task, stream)
        if self.candidates == "tensor":
            return len(shares)
        left = [mark[0].numel() for mark in self.free.values()]
        for earlier in stream.tasks[: task.index]:
            for share in self.shares(earlier, stream)[-1:]:
                left = [quota(share, n) for n in left]
        counts = [[quota(share, n) for n in left] for share in [0, *shares]]
        return sum(after != before for before, after in pairwise(counts))
