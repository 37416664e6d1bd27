"""A variational autoencoder of fully connected layers; for images of any shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.options import Absent, Count, Fraction
from clbench.registry import networks


@networks.register("mlp-vae")
class MLPVAE(nn.Module):
    """Fully connected layers there and back, 784-400-400-100 in van de Ven et al. 2022 (a vae)."""

    model = "vae"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: Annotated[
            tuple[Count, ...], "units of the encoder's layers; the decoder has them the other way round"
        ] = (400, 400),
        latent: Annotated[Count, "normal numbers an image becomes"] = 100,
        slope: Annotated[
            Fraction, "of units below zero: leaky ReLU (Maas et al. 2013); 0: ReLU", Absent(0.0)
        ] = 0.0,
        biases: Annotated[bool, "whether tasks share biases in the decoder, or only weights", Absent(True)] = True,
    ) -> None:
        super().__init__()
        self.latent = latent
        self.encoder = Encoder(input_shape, hidden, slope)
        self.decoder = Decoder(hidden[::-1], input_shape, slope, biases)


class Encoder(nn.Module):
    """images [B, ...] -> [B, features]."""

    def __init__(self, shape: tuple[int, ...], hidden: Sequence[int], slope: float) -> None:
        super().__init__()
        self.features, self.slope = hidden[-1], slope
        self.layers = chain(prod(shape), *hidden)

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), self.slope)
        return x


class Decoder(nn.Module):
    """What the latent layer gives [B, takes] -> logits of the pixels [B, ...]."""

    def __init__(self, hidden: Sequence[int], shape: tuple[int, ...], slope: float, biases: bool) -> None:
        super().__init__()
        self.shape, self.takes, self.slope = shape, hidden[0], slope
        self.layers = chain(*hidden, prod(shape), biases=biases)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(F.leaky_relu(x, self.slope))
        return x.unflatten(1, self.shape)


def chain(*widths: int, biases: bool = True) -> nn.ModuleList:
    """Fully connected layers from each width to the next."""
    return nn.ModuleList([nn.Linear(a, b, bias=biases) for a, b in itertools.pairwise(widths)])
