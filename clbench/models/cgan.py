"""A conditional GAN: a generator that paints images of a class, and a critic that tells them from real ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.options import Absent, Fraction, NonNegative, Positive
from clbench.models.base import Player
from clbench.models.generator import Generator, Scoring, entropy, finite, seed_by_seed
from clbench.models.lift import Seed
from clbench.models.params import Params, copies
from clbench.models.stacked import Modules
from clbench.registry import models
from clbench.streams.task import Batch, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

INITIAL = 0.1  # standard deviation of what a class adds to a layer, before training
SURE = 0.99  # a critic that is right so often gives its generator nothing to learn from


@dataclass(frozen=True)
class Adversarial(Scoring):
    """How the two are trained, and how samples are scored."""

    loss: Annotated[
        Literal["cross-entropy", "hinge"], "cross-entropy: non-saturating (Goodfellow 2014); hinge (Lim & Ye 2017)"
    ] = "cross-entropy"
    critic_rate: Annotated[Positive, "learning rate of the critic, times the generator's (Heusel 2017)"] = 2.0
    r1: Annotated[NonNegative, "penalty of the critic's gradient at real images (Mescheder 2018)"] = 0.0
    ema: Annotated[
        Fraction, "samples come from weights averaged over the task's steps with this decay", Absent(0.0)
    ] = 0.0
    consolidate_critic: Annotated[
        bool, "methods act on the critic too, not on the painter alone", Absent(False)
    ] = False


class PerClass(nn.Module):
    """What each class adds to a layer: a column of the weights that read a one-hot class, [classes, width]."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, width) * INITIAL)


@models.register("cgan")
class CGAN(Generator):
    """Conditional GAN (Mirza & Osindero 2014), whose class input grows with the tasks (paper, section IV-C).

    Its network is a pair, `painter` and `critic`, each a module of one seed with `takes`, how many numbers a class
    adds to which of its layers: painter(z [B, latent], given) -> images in -1..1, critic(images, given) -> [B],
    given a list of [B, takes[k]]. What a class adds is its task's own; all else of the painter is shared, and
    consolidated. Codes are z and the class as a one-hot vector, side by side.

    With consolidate_critic, what tasks share of the critic is consolidated too. Its importance is measured as that
    of a classifier, on pairs of a real image and a painted one: its likelihood is that of both right answers,
    log D(x) + log(1 - D(G(z, c))), its uncertainty the entropy of both, its output both log-odds. The painter's
    importance stays what it is: no gradient goes from these answers to the painter, nor from log D(G(z, c)), which
    is the painter's likelihood, to the critic.
    """

    heads = ("classes", "critic_classes")
    settings: ClassVar[type | None] = Adversarial
    reads_images: ClassVar[bool] = False  # the painter's loss

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.averages: Params = copies(self.of("painter", "classes")) if self.options.ema else {}
        self.averaged = -1  # tasks seen when the averages began

    def parts(self, network: nn.Module) -> Modules:
        outputs, pair = self.stream.outputs, (network.painter, network.critic)
        tables = [nn.ModuleList([PerClass(outputs, width) for width in one.takes]) for one in pair]  # type: ignore
        painter, critic = pair
        self.latent = int(network.latent)  # type: ignore[arg-type]
        return {"painter": painter, "critic": critic, "classes": tables[0], "critic_classes": tables[1]}  # type: ignore

    @property
    def network(self) -> nn.Module:
        return self.modules["painter"]

    def of(self, *prefixes: str) -> Params:
        return {n: p for n, p in self.params.items() if n.partition(".")[0] in prefixes}

    def players(self) -> Sequence[Player]:
        critic, painter = self.of("critic", "critic_classes"), self.of("painter", "classes")
        rate = self.options.critic_rate
        acted = self.options.consolidate_critic
        return Player("critic", tuple(critic), consolidated=acted, rate=rate), Player("painter", tuple(painter))

    def columns(self, task: Task) -> slice:
        return slice(*task.columns)

    def used(self, seen: int) -> int:
        """Columns, one a class."""
        return max((t.columns[1] for t in self.stream.tasks[:seen]), default=0)

    # -- painting and judging -------------------------------------------------------------------------------------

    def codes(self, owner: Tensor, y: Tensor, draws: Sequence[torch.Generator | None]) -> Tensor:
        return torch.cat([self.normal(y.shape[1], self.latent, draws), self.one_hot(y)], -1)

    def one_hot(self, y: Tensor) -> Tensor:
        """[S, B] -> [S, B, classes]."""
        return F.one_hot(y, self.stream.outputs).to(torch.float32)

    def inputs(self, batch: Batch) -> Tensor:
        """Codes of the batch's own classes: so many samples of each as it has real images."""
        return self.codes(batch.y, batch.y, self.learning)

    def blank(self, task: Task) -> Tensor:
        return torch.zeros(1, 1, self.latent + self.stream.outputs, device=self.device)

    def __call__(
        self,
        x: Tensor,
        task: Task,
        gates: Sequence[Tensor | None] | None = None,
        instead: Params | None = None,
    ) -> Tensor:
        """Codes [S, B, latent + classes] -> images in -1..1, [S, B, ...].

        Pairs of codes and a real image [S, B, latent + 2 · classes + pixels] -> pixels of the painted image, and
        the critic's log-odds of it and of the real one, [S, B, pixels + 2].
        """
        latent, classes = self.latent, self.stream.outputs
        if x.shape[-1] == latent + classes:
            return self.forward(painted, (x,), instead)
        pairs = partial(both_judged, latent=latent, classes=classes, shape=self.stream.input_shape)
        return self.forward(pairs, (x,), instead)

    def paint(self, codes: Tensor, owner: Tensor, instead: Params | None = None) -> Tensor:
        return (self.forward(painted, (codes,), {**self.averages, **(instead or {})}) + 1) / 2

    def judged(self, images: Tensor, y: Tensor, instead: Params | None = None) -> Tensor:
        """What the critic says of images in -1..1 as images of their classes, log-odds of being real, [S, B]."""
        return self.forward(judged, (images, self.one_hot(y)), instead)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Of the painter: that the critic takes its images for real, mean of the batch, [S]."""
        said = self.judged(outputs, batch.y)
        return batch.mean(-said if self.options.loss == "hinge" else F.softplus(-said))

    def player_loss(self, player: Player, batch: Batch) -> Tensor:
        if player.name == "painter":
            return super().player_loss(player, batch)
        with torch.no_grad():
            fake = self(self.inputs(batch), batch.task)
        real = 2 * batch.x - 1
        if self.options.r1:
            real.requires_grad_(True)
        said = self.judged(torch.cat([real, fake], 1), torch.cat([batch.y, batch.y], 1))
        of_real, of_fake = said.split(batch.y.shape[1], 1)
        if self.options.loss == "hinge":
            each = F.relu(1 - of_real) + F.relu(1 + of_fake)
        else:
            each = F.softplus(-of_real) + F.softplus(of_fake)
        if self.options.r1:
            (slope,) = torch.autograd.grad(of_real.sum(), real, create_graph=True)
            each = each + self.options.r1 / 2 * slope.flatten(2).square().sum(-1)
        return batch.mean(each)

    # -- what methods ask for -------------------------------------------------------------------------------------

    def examples(self, trainer: Trainer, task: Task, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
        start, seeds = 0, len(self.seeds)
        for codes, y in super().examples(trainer, task, at_once):
            if self.options.consolidate_critic:
                rows = slice(start, start + y.shape[1])
                codes = self.paired(codes, *trainer.at_hand(task.train).shown(rows, seeds))
                start = rows.stop
            yield codes, y

    def examples_of(self, batch: Batch) -> Tensor:
        codes = self.inputs(batch)
        return self.paired(codes, batch.x, batch.y) if self.options.consolidate_critic else codes

    def paired(self, codes: Tensor, images: Tensor, y: Tensor) -> Tensor:
        """Codes, and real images [S, B, ...] as the stream shows them with their classes, side by side."""
        return torch.cat([codes, self.one_hot(y), 2 * images.flatten(2) - 1], -1)

    def parted(self, outputs: Tensor) -> tuple[Tensor, Tensor | None]:
        """Painted images [S, B, ...], and of pairs the critic's log-odds [S, B, 2]: of painted and real image."""
        shape = self.stream.input_shape
        if outputs.shape[2:] == shape:
            return outputs, None
        return outputs[..., :-2].unflatten(-1, shape), outputs[..., -2:]

    def log_likelihood(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """log D(G(z, c)): what the critic gives for real (Seff et al. 2017), [S, B]; of pairs, its own added."""
        images, answers = self.parted(outputs)
        if answers is None:
            return F.logsigmoid(self.judged(images, y))
        held = {name: p.detach() for name, p in self.of("critic").items()}
        own = F.logsigmoid(-answers[..., 0]) + F.logsigmoid(answers[..., 1])
        return F.logsigmoid(self.judged(images, y, held)) + own

    def uncertainty(self, outputs: Tensor) -> Tensor:
        """Entropy of the pixels read as chances of ink, summed, nats, [S, B] (paper, equation 7).

        Of pairs, that of the critic's answers added.
        """
        images, answers = self.parted(outputs)
        ink = ((images.flatten(2) + 1) / 2).clamp(1e-6, 1 - 1e-6)
        found = -(ink * ink.log() + (1 - ink) * (1 - ink).log()).sum(-1)
        return found if answers is None else found + seed_by_seed(entropy, answers).sum(-1)

    # -- averaged weights, and the critic's account ---------------------------------------------------------------

    @property
    def painter(self) -> Params:
        return {**self.of("painter", "classes"), **self.averages}

    @torch.no_grad()
    def after_step(self, player: Player) -> None:
        if not self.averages or player.name != "painter":
            return
        begins, self.averaged = self.averaged != self.seen, self.seen
        for name, average in self.averages.items():
            p = self.params[name].detach()
            learning = self.active.view(-1, *[1] * (p.dim() - 1))
            average.copy_(p if begins else torch.where(learning, average.lerp(p, 1 - self.options.ema), average))

    def state(self) -> Params:
        return {**super().state(), **{f"average/{name}": t for name, t in self.averages.items()}}

    def account_of(self, trainer: Trainer, tasks: Sequence[Task], seed: int) -> dict[str, Any]:
        found = super().account_of(trainer, tasks, seed)
        if tasks:
            found["critic"] = finite(self.critic_right(trainer, tasks[-1], seed))
            if found["critic"] is not None and found["critic"] > SURE:
                found["warnings"].append(
                    f"the critic is right of {found['critic']:.1%} of the images of {tasks[-1].name}: its painter "
                    "can learn little more from it; lower network.critic_rate, or give network.r1"
                )
        return found

    @torch.no_grad()
    def critic_right(self, trainer: Trainer, task: Task, seed: int) -> float:
        """Share of real and painted images of a task that the critic tells rightly."""
        rows = slice(0, trainer.scored_at_once(task.train))
        with self.evaluation(), self.as_seed(seed, {}):
            real, y = task.train.shown(rows, 1)
            draws = [torch.Generator(self.device).manual_seed(0)]
            fake = self.forward(painted, (self.codes(y, y, draws),))
            of_real, of_fake = self.judged(2 * real - 1, y), self.judged(fake, y)
        return float(((of_real > 0).double().mean() + (of_fake < 0).double().mean()) / 2)


def painted(seed: Seed, x: Tensor) -> Tensor:
    """One seed: codes [B, latent + classes] -> images [B, ...] in -1..1."""
    tables = [t for name, t in seed.state.items() if name.startswith("classes.")]
    latent = x.shape[-1] - len(tables[0])
    z, c = x[:, :latent], x[:, latent:]
    return seed("painter", z, [c @ table for table in tables])


def both_judged(seed: Seed, x: Tensor, latent: int, classes: int, shape: tuple[int, ...]) -> Tensor:
    """One seed: pairs [B, latent + 2 · classes + pixels] -> painted pixels and two log-odds, [B, pixels + 2].

    The critic looks twice, so that a row of its layers is a sample; copied for the reason in vae.reconstructed.
    """
    codes, of_real, real = (part.clone() for part in x.split([latent + classes, classes, prod(shape)], 1))
    images = painted(seed, codes)
    answers = [
        judged(seed, shown, c).unsqueeze(1)
        for shown, c in ((images.detach(), codes[:, latent:]), (real.unflatten(1, shape), of_real))
    ]
    return torch.cat([images.flatten(1).float(), *answers], 1)


def judged(seed: Seed, images: Tensor, c: Tensor) -> Tensor:
    """One seed: images [B, ...], classes one-hot [B, classes] -> log-odds of being real, [B]."""
    tables = [t for name, t in seed.state.items() if name.startswith("critic_classes.")]
    return seed("critic", images, [c @ table for table in tables])
