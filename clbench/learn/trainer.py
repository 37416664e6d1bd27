"""The Trainer: the one training loop, its batches, samples for measuring, and scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import repeat
from math import isfinite
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from clbench.config.training import Training, sizes_of
from clbench.errors import UserError
from clbench.learn.optimizers import KeptOptimizer, NewOptimizer, new_optimizer
from clbench.learn.schedules import schedule_of
from clbench.models.base import Model, Player
from clbench.models.params import Params
from clbench.streams.budget import Budget
from clbench.streams.draws import generator
from clbench.streams.task import Augment, Batch, Split, Stream, Task

if TYPE_CHECKING:
    from clbench.strategies.base import Strategy

EMPTY: Params = {}
SCORED_AT_ONCE = 2000  # images a forward pass in evaluation, at most


@dataclass
class Patience:
    """Which seeds go on: those whose loss has improved within the last `epochs` epochs."""

    epochs: int
    best: Tensor  # [S]
    waited: Tensor  # [S]

    def goes_on(self, loss: Tensor) -> Tensor:
        better = loss < self.best
        self.best = torch.where(better, loss, self.best)
        self.waited = torch.where(better, 0, self.waited + 1)
        return self.waited < self.epochs


@dataclass(frozen=True, eq=False)
class Turn:
    """One player in a fit: what it may train now, its optimiser, and whether it is the model's main player."""

    player: Player
    trainable: Params
    optimizer: NewOptimizer
    main: bool


def let_learn(learning: list[Turn], among: list[Turn]) -> None:
    """Let gradients flow to the parameters of these players and to no other's."""
    for turn in among:
        for p in turn.trainable.values():
            p.requires_grad_(turn in learning)


@contextmanager
def gradients_hidden(turns: list[Turn]) -> Iterator[None]:
    """Within, no parameter of these players has a gradient."""
    kept = [(p, p.grad) for turn in turns for p in turn.trainable.values()]
    for p, _ in kept:
        p.grad = None
    try:
        yield
    finally:
        for p, gradient in kept:
            p.grad = gradient


Held = list[tuple[Tensor, Tensor]]  # a tensor [S, ...], and its values for the seeds that have stopped


@dataclass
class Trainer:
    """Trains a model with a strategy, all seeds at once. Counts samples; knows which seeds have diverged."""

    model: Model
    strategy: Strategy
    stream: Stream
    options: Training
    progress: Callable[[int], None] = lambda samples: None  # told the samples of every step
    budget: Budget = field(default_factory=Budget)
    draws_of: dict[str, list[torch.Generator]] = field(default_factory=dict)
    trained: int = 0  # samples of one seed, whole stream
    kept: tuple[Split, Split] | None = None  # the split in use and its dense copy
    optimizer_state: Params = field(default_factory=dict)  # with keep_optimizer, between fits

    def __post_init__(self) -> None:
        seeds, device = len(self.model.seeds), self.model.device
        self.first_bad = torch.full((seeds,), -1, device=device)  # step at which the loss was not finite
        self.steps = torch.zeros(seeds, dtype=torch.int64, device=device)  # of each seed, whole stream
        self.answered: dict[int, bytes] = {}  # a digest of all that answered a task when it was last asked for
        self.draws_of["dropout"] = self.model.noise.generators
        self.model.precision, self.model.channels_last = self.options.precision, self.options.channels_last
        self.model.budget = self.budget

    def generators(self, purpose: str) -> list[torch.Generator]:
        """One generator a seed for one purpose; their states are part of a checkpoint."""
        if purpose not in self.draws_of:
            device = self.model.device
            self.draws_of[purpose] = [generator(s, purpose, device) for s in self.model.seeds]
        return self.draws_of[purpose]

    def draws(self, purpose: str, like: Params) -> Params:
        """Uniform numbers in the shape of `like`, each seed's from its own generator."""
        found = {name: torch.empty_like(p, requires_grad=False) for name, p in like.items()}
        for seed, g in enumerate(self.generators(purpose)):
            for tensor in found.values():
                tensor[seed].uniform_(generator=g)
        return found

    def fit(self, task: Task, epochs: int | None = None, rate: float = 1.0, stretch: float = 1.0) -> None:
        """THE loop: train on `task` with new optimisers at `rate` · lr, for `epochs` or as the options say.

        stretch: factor of the epochs that the rate's schedule counts.
        """
        alone = self.strategy.own_head and self.stream.scenario == "task"
        with self.model.own_head(task) if alone else nullcontext(EMPTY) as narrow:
            turns = self.turns(task, rate, narrow)
            self.go(task, turns, epochs, stretch)
        self.keep_state(turns)

    def go(self, task: Task, turns: list[Turn], epochs: int | None, stretch: float) -> None:
        """The epochs of a fit."""
        model, options, split = self.model, self.options, self.dense(task.train)
        size = len(split), epochs, task.unites, model.normalises
        made = [schedule_of(options, turn.optimizer.torch, options.count(*size), stretch) for turn in turns]
        patience = self.new_patience()
        model.moving = self.strategy.statistics_move(task)
        model.train(True)
        for epoch, steps in enumerate(options.lengths(*size)):
            loss = self.epoch(task, split, turns, epoch, steps)
            for schedule in filter(None, made):
                schedule.step()
            model.active = model.active & (self.first_bad < 0)
            if options.patience:
                model.active = model.active & patience.goes_on(self.watched_loss(task, loss))
            if not model.active.any():
                break
        for turn in turns:
            self.mark_bad(~finite(turn.trainable), self.steps)  # the last step may have been one too large
            turn.optimizer.clear()
        model.active = self.first_bad < 0
        model.train(False)

    def turns(self, task: Task, rate: float, narrow: Params = EMPTY) -> list[Turn]:
        """A turn of each player that has something to train; the main one trains what a strategy adds, too.

        narrow: parameters that stand in the place of those of the same names.
        """
        trainable, players, main = self.release(task), self.model.players(), self.model.main.name
        trainable = {name: narrow.get(name, p) for name, p in trainable.items()}
        of_others = {name for player in players if player.name != main for name in player.params}
        found = []
        for player in players:
            mine = set(trainable) - of_others if player.name == main else set(player.params)
            parameters = {name: p for name, p in trainable.items() if name in mine}
            if parameters:
                optimizer = self.new_optimizer(parameters, rate * player.rate)
                found.append(Turn(player, parameters, optimizer, player.name == main))
        return found

    def new_optimizer(self, trainable: Params, rate: float) -> NewOptimizer:
        def make(params: list[Tensor]) -> torch.optim.Optimizer:
            return new_optimizer(self.options, params, rate)

        if not self.options.keep_optimizer:
            return NewOptimizer(trainable, make)
        return KeptOptimizer(trainable, make, self.optimizer_state)

    def keep_state(self, turns: list[Turn]) -> None:
        """For the next fit, if it is to go on with it: of all but the heads that are a task's own."""
        own_heads = self.stream.scenario == "task"
        heads = {name for name, slot in self.model.slots.items() if slot.role == "head"} if own_heads else set()
        for optimizer in (turn.optimizer for turn in turns if isinstance(turn.optimizer, KeptOptimizer)):
            for key, state in optimizer.state().items():
                name = key.partition("/")[2]
                if name in self.model.params and name not in heads:
                    self.optimizer_state[key] = state

    def epoch(self, task: Task, split: Split, turns: list[Turn], number: int, steps: int) -> Tensor:
        """`steps` batches of `split` in a new order, a pass or its beginning; the mean loss of each seed, [S]."""
        model = self.model
        everyone = bool(model.active.all())
        held = [] if everyone else self.held(turns)
        losses: list[Tensor] = []
        total, shown = torch.zeros(len(model.seeds), device=model.device), 0
        main = next((n for n, turn in enumerate(turns) if turn.main), 0)
        rate = turns[main].optimizer.rate
        for own in self.batches(task, split, rate, number, steps):
            images, batch = own.y.shape[1], self.strategy.shown(model, own)
            each = [self.step(turn, batch, everyone, held, among=turns) for turn in turns]
            losses.append(sum(each[1:], each[0]))
            total += each[main] * images
            shown += images
            self.trained += images
            self.progress(images)
        self.count(torch.stack(losses))
        return total / shown

    def step(self, turn: Turn, batch: Batch, everyone: bool, held: Held, among: list[Turn]) -> Tensor:
        """One player's step on a batch; its loss, [S]. `held`: what seeds that have stopped are put back to."""
        model, strategy = self.model, self.strategy
        consolidated = [one for one in among if one.player.consolidated]
        if len(among) > 1:
            let_learn([turn], among)
        loss = strategy.loss(model, batch) if turn.main else model.player_loss(turn.player, batch)
        turn.optimizer.clear()
        if everyone:
            loss.backward(torch.ones_like(loss))
        else:
            loss[model.active].sum().backward()
        if self.options.weight_decay:
            self.decay(turn.trainable, batch.task)
        if turn in consolidated:
            with gradients_hidden([one for one in consolidated if one is not turn]):
                strategy.edit_gradients(model, batch)
        turn.optimizer.step(model.active)
        self.put_back(held)
        if turn.main:
            if len(consolidated) > 1:
                let_learn(consolidated, among)
            strategy.after_step(model, batch)
            self.put_back(held)  # pulls move weights too
        model.after_step(turn.player)
        return loss.detach()

    def batches(
        self, task: Task, split: Split, rate: float, epoch: int = 0, steps: int | None = None
    ) -> Iterator[Batch]:
        """The split once, or `steps` batches of it, each seed in its own order; a stopped seed draws no order."""
        n, size = len(split), self.options.batch_size
        order = torch.arange(n, device=self.model.device).repeat(len(self.model.seeds), 1)
        for seed in self.model.active.nonzero().flatten().tolist():
            torch.randperm(n, generator=self.generators("order")[seed], out=order[seed])
        shown = order.split(sizes_of(n, size, self.model.normalises), dim=1)[:steps]
        for step, index in enumerate(shown):
            plain, y, owner = split[index]
            x = self.augmented(plain, task, owner, "augmentation")
            progress = step / (len(shown) - 1) if step else 0.0
            yield Batch(x, y, task, owner, index, epoch, progress, rate, None if x is plain else plain)

    def augmented(self, x: Tensor, task: Task, owner: Tensor | None, purpose: str) -> Tensor:
        """Training images [S, B, ...] of `task`, or of their owners, as they are shown this time.

        Each seed's from its own generator for the purpose; a stopped seed draws nothing.
        """
        functions = [t.augment for t in self.stream.tasks]
        if not any(functions):
            return x
        draws = self.generators(purpose)
        if owner is None:
            return self.augmented_alike(x, functions[task.index], draws)
        shown = x.clone()
        for seed in self.model.active.nonzero().flatten().tolist():
            for index, function in enumerate(functions):
                if function is not None:
                    mine = (owner[seed] == index).nonzero().flatten()
                    shown[seed, mine] = function(x[seed, mine], draws[seed])
        return shown

    def augmented_alike(self, x: Tensor, function: Augment | None, draws: list[torch.Generator]) -> Tensor:
        """The same where all images are of one task."""
        if function is None:
            return x
        active = self.model.active.tolist()
        each = [function(x[s], draws[s]) if learns else x[s] for s, learns in enumerate(active)]
        return torch.stack(each) if len(each) > 1 else each[0].unsqueeze(0)

    def count(self, losses: Tensor) -> None:
        """Once an epoch: its steps, and the first at which a seed's loss was not finite. losses: [steps, S]."""
        bad = ~losses.isfinite()
        self.mark_bad(bad.any(0), self.steps + bad.int().argmax(0))
        self.steps += self.model.active * len(losses)

    def mark_bad(self, bad: Tensor, step: Tensor) -> None:
        self.first_bad = torch.where(bad & (self.first_bad < 0), step, self.first_bad)

    def held(self, turns: list[Turn]) -> Held:
        """What training moves of the seeds that have stopped: weights, and running statistics."""
        moved = [*self.model.buffers.values(), *(p.detach() for turn in turns for p in turn.trainable.values())]
        return [(t, t[~self.model.active].clone()) for t in moved]

    def put_back(self, held: Held) -> None:
        """Seeds that stopped early stay where they are."""
        for tensor, values in held:
            tensor[~self.model.active] = values

    def decay(self, trainable: Params, task: Task) -> None:
        """Weight decay of the seeds that learn; of the head only the columns the task uses, of gates nothing."""
        for name, p in trainable.items():
            if name not in self.model.params or p.grad is None:
                continue  # a method's own, as HAT's embeddings are: shrunk, they would open every gate by half
            part = self.model.own(name, task)
            learning = self.model.active.view(-1, *[1] * (p.dim() - 1))
            p.grad[part].addcmul_(p.detach()[part], learning, value=self.options.weight_decay)

    def release(self, task: Task) -> Params:
        """Let gradients flow to what `task` may change and to nothing else."""
        trainable = self.strategy.trainable(self.model, task)
        for name, p in self.model.params.items():
            p.requires_grad_(name in trainable)
            p.grad = None
        return trainable

    def new_patience(self) -> Patience:
        seeds, device = len(self.model.seeds), self.model.device
        worst = torch.full((seeds,), torch.inf, device=device)
        return Patience(self.options.patience, worst, torch.zeros(seeds, dtype=torch.int64, device=device))

    @torch.no_grad()
    def watched_loss(self, task: Task, training_loss: Tensor) -> Tensor:
        """The loss that patience compares, [S]."""
        if self.options.stop_on == "train":
            return training_loss
        held = task.validation
        if held is None:
            raise UserError("stop_on=validation needs validation images: set stream.validation, e.g. to 0.1")
        total = torch.zeros_like(training_loss)
        at_once = self.scored_at_once(held)
        owners = repeat(None) if held.owner is None else held.owner.split(at_once)
        for (x, y), owner in zip(self.sweep(task, held, at_once), owners, strict=False):
            owner = None if owner is None else owner.expand(len(y), -1)
            batch = Batch(x, y, task, owner)
            total += self.strategy.loss_on(self.model, batch) * y.shape[1]
        return total / len(held)

    def dense(self, split: Split) -> Split:
        """The split as one tensor of its own, if the budget allows it; the last one is kept."""
        if self.kept is None or self.kept[0] is not split:
            self.kept = None  # before the next copy is made, which may be as large
            self.kept = (split, split.dense(self.budget))
        return self.kept[1]

    def at_hand(self, split: Split) -> Split:
        """Its dense copy if that is the one that is kept."""
        return self.kept[1] if self.kept is not None and self.kept[0] is split else split

    def sweep(self, task: Task, split: Split, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """A split of `task` once in its own order: x [S, B, ...], y [S, B].

        In evaluation mode, with the running statistics that the task keeps, if it keeps any, and with gradients of
        every parameter; at the end all is put back as it was.
        """
        split = self.at_hand(split)
        seeds = len(self.model.seeds)
        with self.model.evaluation(), self.model.statistics_of(task.index):
            for start in range(0, len(split), size):
                yield split.shown(slice(start, start + size), seeds)

    def scored_at_once(self, split: Split) -> int:
        """Images a forward pass in evaluation."""
        return self.budget.images_at_once(split.numbers, SCORED_AT_ONCE)

    def answers_as_before(self, task: Task) -> bool:
        """Whether all that answers a task is, to the bit, what it was when this was last asked of it."""
        model, found = self.model, sha256()
        heads = [model.params[name][model.own(name, task)] for name, s in model.slots.items() if s.role == "head"]
        for t in (*model.shared.values(), *model.buffers.values(), *model.fixed.values(), *heads):
            found.update(t.detach().cpu().numpy().tobytes())
        before, self.answered[task.index] = self.answered.get(task.index), found.digest()
        return before == self.answered[task.index]

    @torch.inference_mode()
    def score(self, task: Task, split: Split | None) -> list[float | None]:
        """The model's score of a task on `split` (its test or validation images), a seed; None: diverged."""
        assert split is not None  # build_stream() refuses to score images that a stream leaves out
        values = self.model.evaluate(self, task, split)
        bad = (self.first_bad >= 0).tolist()
        return [None if b or not isfinite(v) else v for v, b in zip(values, bad, strict=True)]


def finite(params: Params) -> Tensor:
    """Whether all weights of a seed are finite, bool [S]."""
    return torch.stack([p.detach().flatten(1).isfinite().all(1) for p in params.values()]).all(0)
