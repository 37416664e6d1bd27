"""LwF: on the new task's images the old heads must go on saying what they said before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import torch
from torch import Tensor

from clbench.config.options import Adjustable, Natural, NonNegative, Positive
from clbench.models.base import Model
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("lwf")
@dataclass
class LwF(Strategy):
    """Learning without forgetting (Li & Hoiem 2017, figure 3 and equations 2 to 4).

    loss = cross-entropy + lam · τ² · Σ over old heads KL(teacher / τ ‖ now / τ), a batch's mean. The factor τ²
    keeps the gradient's size independent of τ (Hinton et al. 2015). The teacher, the network as it was before the
    task, is asked once, in evaluation mode, for all of the task's images as they are stored (not augmented).
    Running statistics move with the new task's images; while the new head warms up alone they stay, as the shared
    weights do. In the scenarios domain and class the old head is one.
    """

    paper = "Li & Hoiem 2017, Learning without forgetting"

    lam: Annotated[NonNegative, "λ, strength of the distillation", Adjustable] = 1.0
    temperature: Annotated[Positive, "τ, that softens both distributions"] = 2.0
    warmup_epochs: Annotated[Natural, "epochs in which the new head trains alone first"] = 0

    def start(self, model: Model, stream: Stream) -> None:
        self.warming = False

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        earlier = trainer.stream.tasks[: task.index]
        self.teaches = bool(earlier) and self.lam > 0
        if not self.teaches:
            return
        own_heads = trainer.stream.scenario == "task"
        self.heads = [slice(*t.columns) for t in earlier] if own_heads else [slice(0, earlier[-1].columns[1])]
        self.every = replace(task, columns=(0, task.columns[1]))  # old heads and the new one in one pass
        self.recorded = self.record(trainer, task)

    @torch.no_grad()
    def record(self, trainer: Trainer, task: Task) -> Tensor:
        """What the old heads say of the task's training images now, [S, N, old columns]."""
        old = self.heads[-1].stop
        sweep = trainer.sweep(task, task.train, trainer.scored_at_once(task.train))
        return torch.cat([self.outputs(trainer.model, x, self.every)[..., :old] for x, _ in sweep], dim=1)

    def learn(self, trainer: Trainer, task: Task) -> None:
        if self.warmup_epochs and task.index > 0:
            self.warming = True
            trainer.fit(task, epochs=self.warmup_epochs)
            self.warming = False
        trainer.fit(task)

    def needs(self) -> tuple[str, ...]:
        return ("labels",)

    def statistics_move(self, task: Task) -> bool:
        return not self.warming

    def trainable(self, model: Model, task: Task) -> Params:
        return {n: p for n, p in model.params.items() if not (self.warming and n in model.shared)}

    def loss(self, model: Model, batch: Batch) -> Tensor:
        if not self.teaches or self.warming:
            return super().loss(model, batch)
        assert batch.index is not None  # the loop says which rows it shows
        outputs = self.outputs(model, batch.x, self.every)
        own = model.columns(batch.task)
        teacher = self.recorded.take_along_dim(batch.index.unsqueeze(-1), dim=1)
        return model.loss(outputs[..., own], batch) + self.lam * self.distillation(outputs, teacher)

    def distillation(self, now: Tensor, teacher: Tensor) -> Tensor:
        """τ² · Σ over old heads KL(teacher / τ ‖ now / τ), mean over the batch: [S, B, columns] -> [S]."""
        tau, total = self.temperature, torch.zeros(len(now), device=now.device)
        for head in self.heads:
            p = (teacher[..., head] / tau).log_softmax(-1)
            q = (now[..., head] / tau).log_softmax(-1)
            total = total + (p.exp() * (p - q)).sum(-1).mean(1)
        return tau**2 * total

    def end_task(self, trainer: Trainer, task: Task) -> None:
        if self.teaches:
            del self.recorded

    def samples(self, task: Task, stream: Stream, epochs: float) -> float:
        return (epochs + (self.warmup_epochs if task.index > 0 else 0)) * len(task.train)
