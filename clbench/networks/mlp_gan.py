"""A GAN of fully connected layers, conditional; for images of any shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.options import Count
from clbench.registry import networks

SLOPE = 0.2  # of the critic's units below zero


@networks.register("mlp-gan")
class MLPGAN(nn.Module):
    """Painter and critic of fully connected layers, after Goodfellow et al. 2014 (a cGAN)."""

    model = "cgan"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        latent: Annotated[Count, "normal numbers an image is painted from"] = 64,
        hidden: Annotated[
            tuple[Count, ...], "units of the painter's layers; the critic has them the other way round"
        ] = (256, 512),
    ) -> None:
        super().__init__()
        self.latent = latent
        self.painter = Painter(latent, hidden, input_shape)
        self.critic = Critic(hidden[::-1], input_shape)


class Painter(nn.Module):
    """z [B, latent], given -> images [B, ...] in -1..1; the class adds to the first layer."""

    def __init__(self, latent: int, hidden: Sequence[int], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.takes = shape, (hidden[0],)
        widths = (latent, *hidden, prod(shape))
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(widths)])

    def forward(self, z: Tensor, given: Sequence[Tensor]) -> Tensor:
        x = self.layers[0](z) + given[0]
        for layer in self.layers[1:]:
            x = layer(F.leaky_relu(x, SLOPE))
        return x.tanh().unflatten(1, self.shape)


class Critic(nn.Module):
    """images [B, ...], given -> log-odds of being real, [B]; a class adds to the first layer, weighs the last."""

    def __init__(self, hidden: Sequence[int], shape: tuple[int, ...]) -> None:
        super().__init__()
        widths = (prod(shape), *hidden, 1)
        self.layers = nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(widths)])
        self.takes = (hidden[0], hidden[-1])

    def forward(self, images: Tensor, given: Sequence[Tensor]) -> Tensor:
        x = F.leaky_relu(self.layers[0](images.flatten(1)) + given[0], SLOPE)
        for layer in self.layers[1:-1]:
            x = F.leaky_relu(layer(x), SLOPE)
        return self.layers[-1](x).squeeze(1) + (x * given[1]).sum(1)
