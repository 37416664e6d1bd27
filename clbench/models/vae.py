"""A variational autoencoder: images as a few normal numbers and back, with a latent layer of each task's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.options import Absent
from clbench.models.generator import Generator, Scoring, entropy, seed_by_seed
from clbench.models.lift import Seed
from clbench.models.params import Params
from clbench.models.stacked import Modules
from clbench.registry import models
from clbench.streams.task import Batch, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

LATENT_LAYERS = ("to_latent", "from_latent")


@dataclass(frozen=True)
class Variational(Scoring):
    """What its tasks share, and how samples are scored."""

    latent_per_task: Annotated[
        bool, "every task has layers of its own to the latent numbers and back", Absent(True)
    ] = True


class PerTask(nn.Module):
    """A linear layer a task: weight [tasks, outputs, inputs], bias [tasks, outputs]."""

    def __init__(self, tasks: int, inputs: int, outputs: int) -> None:
        super().__init__()
        each = [nn.Linear(inputs, outputs) for _ in range(tasks)]
        self.weight = nn.Parameter(torch.stack([one.weight.detach() for one in each]))
        self.bias = nn.Parameter(torch.stack([one.bias.detach() for one in each]))

    def forward(self, x: Tensor, owner: Tensor) -> Tensor:
        """x [B, inputs], owner int64 [B] -> [B, outputs], each row by the layer of its owner."""
        every = F.linear(x, self.weight.flatten(0, 1), self.bias.flatten()).unflatten(1, self.bias.shape)
        return every.gather(1, owner.view(-1, 1, 1).expand(-1, 1, every.shape[2])).squeeze(1)


class OfAll(nn.Module):
    """One linear layer for the rows of all tasks."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor, owner: Tensor) -> Tensor:
        found: Tensor = self.layer(x)
        return found


@models.register("vae")
class VAE(Generator):
    """Variational autoencoder (Kingma & Welling 2014): the loss is the negative evidence lower bound, in nats.

    Pixels are read as chances of ink (Bernoulli), the prior is standard normal. Its network is a pair: `encoder`,
    images [B, ...] -> [B, encoder.features], and `decoder`, [B, decoder.takes] -> logits of the pixels [B, ...];
    `latent` numbers stand between them. Inputs are an image, the noise of its latent numbers and the task it is
    of, side by side: [S, B, pixels + latent + 1], so that a call draws nothing. A row goes through the latent
    layers of its own task. What it paints is of a task, of whichever of its classes.
    """

    settings: ClassVar[type | None] = Variational

    def parts(self, network: nn.Module) -> Modules:
        self.latent = int(network.latent)  # type: ignore[arg-type]
        layer: Callable[[int, int], nn.Module] = OfAll
        if self.options.latent_per_task:
            self.heads, layer = LATENT_LAYERS, partial(PerTask, len(self.stream.tasks))
        encoder, decoder = network.encoder, network.decoder
        there = layer(int(encoder.features), 2 * self.latent)  # type: ignore[union-attr, arg-type]
        back = layer(self.latent, int(decoder.takes))  # type: ignore[union-attr, arg-type]
        return {"encoder": encoder, "to_latent": there, "from_latent": back, "decoder": decoder}  # type: ignore[dict-item]

    @property
    def network(self) -> nn.Module:
        return self.modules["decoder"]

    @property
    def pixels(self) -> int:
        return prod(self.stream.input_shape)

    def span(self, task: Task) -> slice:
        """The tasks whose latent layers are used for `task`: its own, or of several tasks united all of them."""
        return slice(0, task.unites) if task.unites > 1 else slice(task.index, task.index + 1)

    def own(self, name: str, task: Task) -> tuple[slice, ...]:
        return (slice(None), self.span(task)) if self.slots[name].role == "head" else (slice(None),)

    def used(self, seen: int) -> int:
        """Latent layers, one a task."""
        return seen

    # -- from images to images ------------------------------------------------------------------------------------

    def inputs(self, batch: Batch) -> Tensor:
        """The images of a batch, and noise for each."""
        owner = torch.full_like(batch.y, batch.task.index) if batch.owner is None else batch.owner
        return self.packed(batch.x, self.normal(batch.y.shape[1], self.latent, self.learning), owner)

    def packed(self, images: Tensor, noise: Tensor, owner: Tensor) -> Tensor:
        """[S, B, ...], [S, B, latent], int64 [S, B] -> [S, B, pixels + latent + 1]."""
        return torch.cat([images.flatten(2), noise, owner.unsqueeze(-1).to(images.dtype)], -1)

    def blank(self, task: Task) -> Tensor:
        images, noise = (torch.zeros(1, 1, n, device=self.device) for n in (self.pixels, self.latent))
        return self.packed(images, noise, torch.full((1, 1), task.index, device=self.device))

    def __call__(
        self,
        x: Tensor,
        task: Task,
        gates: Sequence[Tensor | None] | None = None,
        instead: Params | None = None,
    ) -> Tensor:
        """Inputs -> logits of the pixels, and the two halves of the bound: [S, B, pixels + 2]."""
        every = {**self.fixed, **self.params}
        heads = {n: every[n][self.own(n, task)] for n, slot in self.slots.items() if slot.role == "head"}
        there_and_back = partial(reconstructed, shape=self.stream.input_shape, first=self.span(task).start)
        return self.forward(there_and_back, (x,), {**(instead or {}), **heads})

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return batch.mean(-self.lower_bound(outputs))

    def lower_bound(self, outputs: Tensor) -> Tensor:
        """E log p(x | z) - KL(q(z | x) ‖ p(z)) of each row, nats, summed over the pixels, [S, B]."""
        return outputs[..., -2] - outputs[..., -1]

    # -- painting -------------------------------------------------------------------------------------------------

    @property
    def painter(self) -> Params:
        """The decoder's side."""
        return {n: p for n, p in self.params.items() if n.partition(".")[0] in ("from_latent", "decoder")}

    def codes(self, owner: Tensor, y: Tensor, draws: Sequence[torch.Generator | None]) -> Tensor:
        """From the prior, [S, B, latent]."""
        return self.normal(y.shape[1], self.latent, draws)

    def paint(self, codes: Tensor, owner: Tensor, instead: Params | None = None) -> Tensor:
        """The chances of ink, which are the means of the pixels."""
        return self.forward(painted, (codes, owner), instead)

    # -- what methods ask for -------------------------------------------------------------------------------------

    def examples(self, trainer: Trainer, task: Task, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Its own samples of the task, as inputs: painted, and with noise of their own."""
        for codes, y in super().examples(trainer, task, at_once):
            draws = self.drawing(trainer.generators("importance noise"))
            noise = self.normal(y.shape[1], self.latent, draws)
            owner = torch.full_like(y, task.index)
            with torch.no_grad():
                images = self.paint(codes, owner)
            yield self.packed(images, noise, owner), y

    def response(self, outputs: Tensor) -> Tensor:
        """The pixels that it gives back, as chances of ink."""
        return seed_by_seed(torch.sigmoid, outputs[..., :-2])

    def log_likelihood(self, outputs: Tensor, y: Tensor, task: Task) -> Tensor:
        """The evidence lower bound, [S, B]."""
        return self.lower_bound(outputs)

    def uncertainty(self, outputs: Tensor) -> Tensor:
        """Entropy of the pixels that it gives back, read as chances of ink, summed, nats, [S, B]."""
        return seed_by_seed(entropy, outputs[..., :-2]).sum(-1)


def reconstructed(seed: Seed, x: Tensor, shape: tuple[int, ...], first: int) -> Any:
    """One seed: inputs [B, pixels + latent + 1] -> outputs. first: the task of the first latent layer in place.

    Copied are parts of what is of all seeds: a product rounds by where in memory it begins.
    """
    pixels = prod(shape)
    images, noise, owner = x[:, :pixels].clone(), x[:, pixels:-1], x[:, -1].long() - first
    features = seed("encoder", images.unflatten(1, shape))
    mean, log_variance = seed("to_latent", features, owner).float().chunk(2, -1)
    z = mean + (log_variance / 2).exp() * noise
    logits = seed("decoder", seed("from_latent", z, owner)).flatten(1).float()
    likely = -F.binary_cross_entropy_with_logits(logits, images, reduction="none").sum(-1, keepdim=True)
    apart = (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1, keepdim=True) / 2
    return torch.cat([logits, likely, apart], -1)


def painted(seed: Seed, z: Tensor, owner: Tensor) -> Any:
    """One seed: latent numbers [B, latent], their tasks [B] -> pixels [B, ...] in 0..1."""
    return seed("decoder", seed("from_latent", z.clone(), owner)).sigmoid()
