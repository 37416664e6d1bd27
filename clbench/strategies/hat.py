"""HAT: every task learns which units it needs, and later tasks may not change those."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import torch
from pydantic import Field
from torch import Tensor

from clbench.config.options import Adjustable, NonNegative
from clbench.config.scenario import Scenario
from clbench.models.base import Model
from clbench.models.params import Params, copies
from clbench.registry import strategies
from clbench.strategies.base import Strategy
from clbench.strategies.costs import Cost
from clbench.streams.draws import generator
from clbench.streams.task import Batch, Stream, Task

if TYPE_CHECKING:
    from clbench.config.training import Training
    from clbench.learn.trainer import Trainer

LARGEST = 6.0  # of an embedding
LARGEST_COSH = 50.0  # what goes into cosh, which overflows
CLOSED = 0.01  # what a gate lets through that counts as closed


@strategies.register("hat")
@dataclass
class HAT(Strategy):
    """Hard attention to the task (Serrà et al. 2018, sections 2.2 to 2.6).

    Gates a = sigmoid(s · e) multiply the units of every hidden layer; e is learned, one a task and layer, while s
    rises within every epoch from 1/s_max to s_max. Weights between units that earlier tasks use keep
    1 - min(a_out, a_in) of their step: of the step and not only of the gradient, so that it holds for every
    optimiser. With a finite s_max a gate may stay between 0 and 1 and leaks: it protects in part. An epoch has to
    have two batches or more for s to rise in it; a last one of one, as train.iterations may leave, does no harm.
    """

    paper = "Serrà et al. 2018, Overcoming catastrophic forgetting with hard attention to the task"
    stores = (Cost(4, "hidden unit", per_task=True), Cost(4, "hidden unit"))
    own_head = True
    scenarios = ("task",)
    statistics = "per-task"
    remembers = ("embeddings", "taken")

    sparsity: Annotated[NonNegative, "c, weight of the share of unused units a task opens", Adjustable] = 0.75
    s_max: Annotated[float, Field(ge=1, le=1e6), "slope of the gates after training"] = 400.0

    def unfit(self, scenario: Scenario, model: Model) -> str | None:
        if problem := super().unfit(scenario, model):
            return problem
        if not model.units:
            return "gates hidden units, and this network has none"
        slots = {name: model.slots[name] for name in model.shared}
        if any(slot.block is None or slot.block >= len(model.units) for slot in slots.values()):
            return "protects the weights of gated blocks, and this network has weights outside of them"
        if not all(self.protectable(model, name) for name in slots):
            return (
                "protects a weight between two gated units, and this network has weights that are between others"
            )
        return None

    def needs(self) -> tuple[str, ...]:
        return ("gates",)

    def protectable(self, model: Model, name: str) -> bool:
        """Whether a parameter [S, units of its block, (a multiple of) the units of the block before, ...]."""
        slot, shape = model.slots[name], model.params[name].shape
        from_units = len(shape) < 3 or slot.source is None or shape[2] % model.units[slot.source] == 0
        return shape[1] == model.units[slot.block or 0] and from_units

    def untrainable(self, stream: Stream, train: Training) -> str | None:
        short = [t for t in stream.tasks if next(train.lengths(len(t.train))) == 1]
        if not short:
            return None
        steps = f", train.iterations={train.iterations}" if train.iterations else ""
        return (
            f"closes its gates from batch to batch of an epoch, and an epoch of task {short[0].name} is one batch "
            f"({len(short[0].train)} images, train.batch_size={train.batch_size}{steps}): take smaller batches, "
            f"more images{' or more iterations' if steps else ''}"
        )

    def start(self, model: Model, stream: Stream) -> None:
        layers, seeds = list(enumerate(model.units)), len(model.seeds)
        self.embeddings = {  # "task/layer" -> e, [S, units]
            f"{t}/{k}": torch.empty(seeds, units, device=model.device)
            for t in range(len(stream.tasks))
            for k, units in layers
        }
        for place, seed in enumerate(model.seeds):
            draws = generator(seed, "embeddings", model.device)
            for e in self.embeddings.values():
                e[place].normal_(generator=draws)
        for e in self.embeddings.values():
            e.requires_grad_(True)
        self.taken = {str(k): torch.zeros(seeds, units, device=model.device) for k, units in layers}

    def kept_after(self, seen: int) -> Params:
        """Those of tasks to come are drawn at the start, so that they are the seed's, and are not kept yet."""
        to_come = {f"embeddings/{name}" for name in self.embeddings if int(name.partition("/")[0]) >= seen}
        return {name: tensor for name, tensor in self.state().items() if name not in to_come}

    def begin_task(self, trainer: Trainer, task: Task) -> None:
        self.kept = self.protected(trainer.model) if task.index > 0 else {}
        self.before = copies({name: trainer.model.params[name] for name in self.kept})

    def protected(self, model: Model) -> Params:
        """min(a_out, a_in) of the units earlier tasks use: what a step of each shared weight loses, [S, ...]."""
        found: Params = {}
        for name, p in model.shared.items():
            slot = model.slots[name]
            share = self.taken[str(slot.block)]
            share = share.view(*share.shape, *[1] * (p.dim() - 2))
            if p.dim() > 2 and slot.source is not None:
                inputs = self.taken[str(slot.source)]  # flattened maps: several inputs a unit
                inputs = inputs.repeat_interleave(p.shape[2] // inputs.shape[1], dim=1).unsqueeze(1)
                share = torch.minimum(share, inputs.view(*inputs.shape, *[1] * (p.dim() - 3)))
            found[name] = share.expand_as(p)
        return found

    def of(self, task: Task) -> Params:
        """The task's embeddings by layer, [S, units]."""
        return {k: self.embeddings[f"{task.index}/{k}"] for k in self.taken}

    def attention(self, task: Task, s: float) -> list[Tensor]:
        """The gates of every layer, [S, 1, units]."""
        return [gate(s * e).unsqueeze(1) for e in self.of(task).values()]

    def outputs(self, model: Model, x: Tensor, task: Task) -> Tensor:
        return model(x, task, [a.detach() for a in self.attention(task, self.s_max)])

    def trainable(self, model: Model, task: Task) -> Params:
        return {**model.params, **{f"embeddings.{task.index}/{k}": e for k, e in self.of(task).items()}}

    def loss(self, model: Model, batch: Batch) -> Tensor:
        gates = self.attention(batch.task, self.slope(batch))
        outputs = model(batch.x, batch.task, gates)
        return model.loss(outputs, batch) + self.sparsity * self.opened(gates)

    def slope(self, batch: Batch) -> float:
        """s of this batch: it rises linearly over an epoch (section 2.4)."""
        return 1 / self.s_max + (self.s_max - 1 / self.s_max) * batch.progress

    def opened(self, gates: list[Tensor]) -> Tensor:
        """Share of the units left by earlier tasks that this one opens, [S] (section 2.6); 0 if none is left."""
        unused = [1 - taken for taken in self.taken.values()]
        # layer after layer: a sum over [layers, S] adds up in another order for one seed than for several
        left = sum((u.sum(1) for u in unused), torch.zeros(()))
        new = sum(((a.squeeze(1) * u).sum(1) for a, u in zip(gates, unused, strict=True)), torch.zeros(()))
        return torch.where(left > 0, new / left.clamp(min=torch.finfo(left.dtype).tiny), 0)

    def edit_gradients(self, model: Model, batch: Batch) -> None:
        """Embeddings learn as if s were s_max all the time, whatever it is (section 2.5)."""
        s = self.slope(batch)
        for e in self.of(batch.task).values():
            rising = (s * e.detach()).clamp(-LARGEST_COSH, LARGEST_COSH).cosh() + 1
            e.grad.mul_(self.s_max / s * rising / (e.detach().cosh() + 1))  # type: ignore[union-attr]

    @torch.no_grad()
    def after_step(self, model: Model, batch: Batch) -> None:
        for e in self.of(batch.task).values():
            e.clamp_(-LARGEST, LARGEST)
        for name, kept in self.kept.items():
            model.params[name].lerp_(self.before[name], kept)
            self.before[name].copy_(model.params[name])

    @torch.no_grad()
    def end_task(self, trainer: Trainer, task: Task) -> None:
        gates = [gate.squeeze(1) for gate in self.attention(task, self.s_max)]
        for taken, gate in zip(self.taken.values(), gates, strict=True):
            torch.maximum(taken, gate, out=taken)
        self.warn_of_closed(trainer.model, task, gates)

    def warn_of_closed(self, model: Model, task: Task, gates: list[Tensor]) -> None:
        """gates: [S, units] a layer, after the task."""
        closed = torch.stack([gate.amax(1) < CLOSED for gate in gates]).any(0) & model.active
        if closed.any():
            seeds = ", ".join(str(model.seeds[place]) for place in closed.nonzero().flatten().tolist())
            warnings.warn(
                f"hat opens no unit of a layer in task {task.name}, seed {seeds}: it answers the same for every "
                "image; lower strategy.sparsity, or train longer",
                stacklevel=3,
            )


def gate(slanted: Tensor) -> Tensor:
    """sigmoid, a seed at a time: where a vector register ends it rounds differently, and seeds must not."""
    return torch.stack([torch.sigmoid(each) for each in slanted])
