"""What every kind of model says of itself: its score, its players, their losses, what methods may ask it for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from clbench.errors import UserError
from clbench.models.params import Params
from clbench.models.stacked import Modules, Stacked
from clbench.scores import Score
from clbench.streams.draws import generator
from clbench.streams.task import Batch, Split, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

CAPABILITIES = {  # what a method may need, and how its refusal ends
    "labels": "is about classes, and this model gives none",
    "heads": "gives every task a head, and this model has none",
    "gates": "gates hidden units, and this network takes no gates (it has no blocks and widths)",
    "likelihood": "needs the likelihood of a sample, and this model has none",
    "uncertainty": "needs the uncertainty of an output, and this model has none",
    "features": "needs the features of an image below the heads, and this model has none",
    "sampling": "needs samples of earlier tasks, and this model cannot draw any",
    "images": "compares the loss on remembered images, and this model's loss reads none",
}


@dataclass(frozen=True)
class Player:
    """One side of a training, with an optimiser of its own: a classifier has one, a GAN a critic and a generator.

    params: the names of what it trains. consolidated: whether strategies act on it, which they do on one player at
    least; the last such one is the model's `main` player. rate: factor of the learning rate.
    """

    name: str
    params: tuple[str, ...]
    consolidated: bool = True
    rate: float = 1.0


class Model(Stacked, ABC):
    """A kind of model on a network, of all seeds. Outputs are [S, B, ...] (or a tuple of such).

    A kind defines `__call__`, `loss` and `evaluate`, and what it `offers` beyond: the strategies ask for no more.
    """

    score: Score
    reads_images: ClassVar[bool] = True  # whether its loss depends on the images of a batch
    settings: ClassVar[type | None] = None  # a dataclass of options of its own, which stand among the network's

    def __init__(
        self,
        build: Callable[[], nn.Module],
        stream: Stream,
        seeds: Sequence[int],
        device: torch.device,
        options: Any = None,
    ) -> None:
        self.stream, self.options = stream, options
        self.seen = 0  # tasks shown so far
        super().__init__(lambda: self.parts(build()), seeds, device)
        self.refuse_draws_of_its_own()
        self.fix(self.unreached())
        acted = {n: player for player in self.players() if player.consolidated for n in player.params}
        self.shared_names = [n for n in self.params if n in acted and self.slots[n].role == "shared"]
        self.rates = {
            name: acted[name].rate / self.main.rate for name in self.shared_names
        }  # beside the main player's

    def parts(self, network: nn.Module) -> Modules:
        """The modules of one seed: the network, and what this kind of model adds to it."""
        return {"network": network}

    @property
    def network(self) -> nn.Module:
        return self.modules["network"]

    @property
    def shared(self) -> Params:
        """The parameters that methods protect: all that tasks share and that are trained."""
        return {name: self.params[name] for name in self.shared_names}

    @property
    def units(self) -> tuple[int, ...]:
        """Gateable units of each of the network's blocks, in their order; none where it takes no gates."""
        return tuple(self.network.widths) if self.gateable else ()  # type: ignore[arg-type]

    @property
    def gateable(self) -> bool:
        """Whether the network takes gates: one factor a unit of each of its `blocks`, `widths` many."""
        return hasattr(self.network, "widths") and (
            hasattr(self.network, "blocks") or hasattr(self.network, "wires")
        )

    @property
    def offers(self) -> frozenset[str]:
        """Which of CAPABILITIES it has."""
        return frozenset()

    # -- outputs and losses ---------------------------------------------------------------------------------------

    @abstractmethod
    def __call__(
        self,
        x: Tensor,
        task: Task,
        gates: Sequence[Tensor | None] | None = None,
        instead: Params | None = None,
    ) -> Any:
        """x [S, B, ...] -> outputs [S, B, ...] for `task`: the only way a model is used.

        gates: a factor [S or 1, B or 1, width] for the units of each block. instead: tensors [S, ...] to use in
        the place of shared parameters.
        """

    def inputs(self, batch: Batch) -> Tensor:
        """What the main player is given in training, x [S, B, ...]: the images of a batch, or codes."""
        return batch.x

    def blank(self, task: Task) -> Tensor:
        """One input [1, 1, ...], to see what the network makes of it."""
        return task.train.shown(slice(0, 1), 1)[0][:1]  # where each seed has its own images, the first's

    @abstractmethod
    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        """Of the main player, a batch's mean, [S]."""

    @abstractmethod
    def evaluate(self, trainer: Trainer, task: Task, split: Split) -> list[float]:
        """The score of a task on some of its images, one number a seed."""

    def players(self) -> Sequence[Player]:
        """In the order in which they step."""
        return (Player("network", tuple(self.params)),)

    @property
    def main(self) -> Player:
        """The player whose the outputs and the loss are, to which a strategy may add."""
        return [player for player in self.players() if player.consolidated][-1]

    def player_loss(self, player: Player, batch: Batch) -> Tensor:
        """Of any player without what a strategy adds, [S]."""
        return self.loss(self(self.inputs(batch), batch.task), batch)

    def after_step(self, player: Player) -> None:
        """After a player's step, when the strategy has done with it."""

    def account(self, trainer: Trainer, tasks: Sequence[Task]) -> list[dict[str, Any]] | None:
        """What more than the scores is recorded of a stage after these tasks, one a seed; None: nothing."""
        return None

    def grid(self, trainer: Trainer, tasks: Sequence[Task], seed: int) -> list[Tensor]:
        """For a picture, if `account` gives anything: images of every class so far, uint8 [N, C, H, W] each."""
        raise UserError(f"{type(self).__name__} {CAPABILITIES['sampling']}")

    # -- what methods may ask for ---------------------------------------------------------------------------------

    def response(self, outputs: Any) -> Tensor:
        """What MAS measures the sensitivity of, [S, B, ...]: the logits of a classifier, an image."""
        return outputs

    def log_likelihood(self, outputs: Any, y: Tensor, task: Task) -> Tensor:
        """log p of each sample, [S, B] (`likelihood`)."""
        raise UserError(f"{type(self).__name__} {CAPABILITIES['likelihood']}")

    def uncertainty(self, outputs: Any) -> Tensor:
        """Entropy of each output, nats, [S, B] (`uncertainty`; paper, equation 7)."""
        raise UserError(f"{type(self).__name__} {CAPABILITIES['uncertainty']}")

    def features(self, x: Tensor) -> Tensor:
        """What the heads are given of each image, [S, B, D] (`features`)."""
        raise UserError(f"{type(self).__name__} {CAPABILITIES['features']}")

    def examples(self, trainer: Trainer, task: Task, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
        """What importance is measured on, x [S, B, ...], y [S, B]: a task's training images."""
        return trainer.sweep(task, task.train, at_once)

    def examples_of(self, batch: Batch) -> Tensor:
        """The same of a batch in training, x [S, B, ...], for an importance that is measured along the way."""
        return self.inputs(batch)

    def columns(self, task: Task) -> slice:
        """The outputs of a head that answer for `task`; a model without heads uses all of what it has."""
        return slice(None)

    def own(self, name: str, task: Task) -> tuple[slice, ...]:
        """The part of a parameter [S, ...] that `task` uses: all of it, or of a head the task's columns."""
        return (slice(None), self.columns(task)) if self.slots[name].role == "head" else (slice(None),)

    @contextmanager
    def own_head(self, task: Task) -> Iterator[Params]:
        """Within, what `task` alone uses of the heads as parameters of their own, by the names of the whole ones.

        A step then costs what one head does, however many there are. Nothing for a model without heads.
        """
        yield {}

    def parameters_at(self, seen: int) -> int:
        """Numbers that may be trained of one seed's network, with the heads of the first `seen` tasks."""
        return sum(p[0].numel() for p in self.params.values())

    # -- before the first task ------------------------------------------------------------------------------------

    @contextmanager
    def probing(self) -> Iterator[Batch]:
        """A batch of one training image twice; running statistics and generators are put back."""
        task = self.stream.tasks[0]
        index = torch.zeros(len(self.seeds), 2, dtype=torch.int64, device=self.device)
        x, y, owner = task.train[index]
        with self.statistics_held():
            yield Batch(x, y, task, owner)
        for seed, g in zip(self.seeds, self.noise.generators, strict=True):
            g.manual_seed(generator(seed, "dropout").initial_seed())

    def refuse_draws_of_its_own(self) -> None:
        """UserError where a network draws from torch's global generators, as F.dropout does."""
        with self.probing() as batch, torch.random.fork_rng(devices=[]), torch.no_grad():
            before = global_generators(self.device)
            self.train(True)
            self(self.inputs(batch), batch.task)
            self.train(False)
            if not all(a.equal(b) for a, b in zip(before, global_generators(self.device), strict=True)):
                raise UserError(
                    f"the network {type(self.network).__name__} draws from torch's global generator (as F.dropout "
                    "does) and not from the run's, so that no run could be repeated; write an nn.Dropout layer"
                )

    def unreached(self) -> set[str]:
        """Parameters without a gradient in any player's loss: every method passes them over."""
        with self.probing() as batch, torch.enable_grad():
            total = torch.stack([self.player_loss(player, batch) for player in self.players()]).sum()
            found = torch.autograd.grad(total, list(self.params.values()), allow_unused=True)
        return {name for name, gradient in zip(self.params, found, strict=True) if gradient is None}


def global_generators(device: torch.device) -> list[Tensor]:
    """States of those that torch's functions draw from by default."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states
