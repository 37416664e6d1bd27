"""DGR: what a generator paints stands for the images of earlier tasks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.config.options import Count, Positive
from clbench.config.scenario import Scenario
from clbench.learn.memory import of_all_so_far
from clbench.models.base import CAPABILITIES, Model
from clbench.models.generator import Generator, unlike_pixels
from clbench.models.params import Params, copies
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.strategies.er import union
from clbench.strategies.painter import Painter, layers
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer


@strategies.register("dgr")
@dataclass
class DGR(Strategy):
    """Deep generative replay (Shin et al. 2017), weighed and labelled as van de Ven et al. 2022 do it.

    In the t-th task a step's loss is 1/t that of the new images and 1 - 1/t that of as many painted ones. A
    generator paints them itself, as it was before the task, of every class so far equally often. A classifier has
    a VAE beside it, which learns from the same images after each of its steps; what that VAE painted before the
    task is labelled by the classifier of that time: in the task scenario by every earlier head, and the loss is
    the mean over these heads. A soft label is what it said at temperature τ.
    """

    paper = "Shin et al. 2017, Continual learning with deep generative replay"
    stores = (Cost(4, "weight of its generator"),)
    remembers = ("generator",)

    labels: Annotated[Literal["hard", "soft"], "of painted images, for a classifier: a class, or chances"] = "hard"
    temperature: Annotated[Positive, "τ, that softens both distributions, with labels=soft"] = 2.0
    hidden: Annotated[tuple[Count, ...], "units of the layers of a classifier's VAE, as network mlp-vae"] = (
        400,
        400,
    )
    latent: Annotated[Count, "latent numbers of a classifier's VAE"] = 100
    rate: Annotated[Positive, "learning rate of a classifier's VAE, which Adam trains"] = 0.001

    def unfit(self, scenario: Scenario, model: Model) -> str | None:
        if not (isinstance(model, Generator) or "labels" in model.offers):
            return CAPABILITIES["sampling"]
        return super().unfit(scenario, model) or unlike_pixels(model.stream)

    def start(self, model: Model, stream: Stream) -> None:
        self.beside: Painter | None = None
        if isinstance(model, Generator):
            self.paints, self.generator = model, Params()
        else:
            self.beside = Painter(model, self.hidden, self.latent)
            self.paints, self.generator = self.beside.vae, self.beside.vae.params

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        model, earlier = trainer.model, trainer.stream.tasks[: task.index]
        self.draws, self.replays = trainer.generators("replay"), bool(earlier)
        if self.beside is not None:
            self.beside.begin(trainer, self.rate)
        if not earlier:
            return
        self.old = torch.tensor([(t.index, y) for t in earlier for y in range(*t.columns)], device=model.device)
        self.brush = copies(self.paints.painter)
        if self.beside is not None:
            self.teacher = copies({**model.params, **model.buffers})
            own_heads = trainer.stream.scenario == "task"
            self.heads = [slice(*t.columns) for t in earlier] if own_heads else [slice(0, earlier[-1].columns[1])]
            self.every = replace(task, columns=(0, task.columns[1]))  # old heads and the new one in one pass
            self.own_heads = own_heads

    @torch.no_grad()
    def painted(self, like: Batch) -> Batch:
        """As many images as a batch has, of old classes, each equally likely."""
        draws = self.paints.drawing(self.draws)
        which = torch.zeros(like.y.shape, dtype=torch.int64, device=like.y.device)
        for row, g in zip(which, draws, strict=True):
            if g is not None:
                row.random_(len(self.old), generator=g)
        owner, y = self.old[which].unbind(-1)
        with self.paints.evaluation():
            x = self.paints.sample(owner, y, draws, self.brush)
        return Batch(x, y, of_all_so_far(like.task), owner)

    def weighed(self, batch: Batch, painted: Batch) -> Batch:
        """Both as one, a mean over which is 1/t that of the new images and 1 - 1/t that of the painted ones."""
        both, t = union(batch, painted), batch.task.index + 1
        share = torch.ones(both.y.shape[1], device=both.y.device)
        share[: both.own] /= t * batch.y.shape[1]
        share[both.own :] *= (t - 1) / (t * painted.y.shape[1])
        return replace(both, weight=share)

    def shown(self, model: Model, batch: Batch) -> Batch:
        if not self.replays:
            return batch
        self.paints.active = model.active
        self.extra = self.painted(batch)
        return self.weighed(batch, self.extra) if self.beside is None else batch

    def loss(self, model: Model, batch: Batch) -> Tensor:
        if self.beside is None or not self.replays:
            return super().loss(model, batch)
        rows, t = batch.y.shape[1], batch.task.index + 1
        outputs = self.outputs(model, torch.cat([batch.x, self.extra.x], 1), self.every)
        new = model.loss(outputs[:, :rows, model.columns(batch.task)], batch)
        return new / t + (1 - 1 / t) * self.replayed_loss(outputs[:, rows:], self.teach(model))

    @torch.no_grad()
    def teach(self, model: Model) -> Tensor:
        """What the classifier said of the painted images before the task, [S, B, columns]."""
        with model.standing_in(self.teacher), model.evaluation():
            found: Tensor = self.outputs(model, self.extra.x, self.every)
        return found

    def replayed_loss(self, now: Tensor, told: Tensor) -> Tensor:
        """Mean over the old heads, of their cross-entropies with what is told: [S, B, columns] -> [S].

        In the class scenario the one head is as wide as all classes so far, the new ones included.
        """
        total, tau = torch.zeros(len(now), device=now.device), self.temperature
        for head in self.heads:
            answers, teacher = now[..., head] if self.own_heads else now, told[..., head]
            if self.labels == "hard":
                wanted = teacher.argmax(-1)
                each = F.cross_entropy(answers.flatten(0, 1), wanted.flatten(), reduction="none").view(
                    wanted.shape
                )
            else:
                log_chances = (answers / tau).log_softmax(-1)[..., : teacher.shape[-1]]
                each = -((teacher / tau).softmax(-1) * log_chances).sum(-1)
            total = total + each.mean(1)
        return total / len(self.heads)

    def after_step(self, model: Model, batch: Batch) -> None:
        if self.beside is not None:
            self.beside.step(model.active, self.weighed(batch, self.extra) if self.replays else batch)

    def end_task(self, trainer: Trainer, task: Task) -> None:
        if self.beside is not None:
            self.beside.end(trainer)

    def own_weights(self, shape: tuple[int, ...]) -> int:
        return layers(shape, self.hidden, self.latent)
