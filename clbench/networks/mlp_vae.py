"""A variational autoencoder of fully connected layers; for images of any shape."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from math import prod
from typing import Annotated

from torch import Tensor, nn

from clbench.config.options import Count
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
    ) -> None:
        super().__init__()
        self.latent = latent
        self.encoder, self.decoder = Encoder(input_shape, hidden), Decoder(hidden[::-1], input_shape)


class Encoder(nn.Module):
    """images [B, ...] -> [B, features]."""

    def __init__(self, shape: tuple[int, ...], hidden: Sequence[int]) -> None:
        super().__init__()
        self.features = hidden[-1]
        self.layers = chain(prod(shape), *hidden)

    def forward(self, images: Tensor) -> Tensor:
        x = images.flatten(1)
        for layer in self.layers:
            x = layer(x).relu()
        return x


class Decoder(nn.Module):
    """What the latent layer gives [B, takes] -> logits of the pixels [B, ...]."""

    def __init__(self, hidden: Sequence[int], shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape, self.takes = shape, hidden[0]
        self.layers = chain(*hidden, prod(shape))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x.relu())
        return x.unflatten(1, self.shape)


def chain(*widths: int) -> nn.ModuleList:
    """Fully connected layers from each width to the next."""
    return nn.ModuleList([nn.Linear(a, b) for a, b in itertools.pairwise(widths)])
