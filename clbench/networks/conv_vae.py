"""A convolutional variational autoencoder, as the paper's for faces (section IV-C)."""

from __future__ import annotations

from math import prod
from typing import Annotated

from torch import Tensor, nn

from clbench.config.options import Count
from clbench.networks.images import quarter_of
from clbench.registry import networks


@networks.register("conv-vae")
class ConvVAE(nn.Module):
    """Encoder: two convolutions and a fully connected layer; decoder: the same way back (a vae).

    For images whose sides are multiples of 4. Convolutions are 4x4 and halve the sides, or double them.
    """

    model = "vae"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        maps: Annotated[tuple[Count, Count], "maps at a quarter and at half of the image's size"] = (64, 32),
        hidden: Annotated[Count, "units of the fully connected layers"] = 256,
        latent: Annotated[Count, "normal numbers an image becomes"] = 64,
    ) -> None:
        super().__init__()
        channels, *sides = quarter_of(input_shape, "conv-vae")
        self.latent, quarter = latent, (maps[0], *sides)
        self.encoder = Encoder(channels, quarter, maps, hidden)
        self.decoder = Decoder(channels, quarter, maps, hidden)


class Encoder(nn.Module):
    """images [B, channels, H, W] -> [B, features]. quarter: shape of the maps at a quarter of the size."""

    def __init__(self, channels: int, quarter: tuple[int, ...], maps: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.features = hidden
        self.first = nn.Conv2d(channels, maps[1], 4, 2, 1)
        self.second = nn.Conv2d(maps[1], maps[0], 4, 2, 1)
        self.last = nn.Linear(prod(quarter), hidden)

    def forward(self, images: Tensor) -> Tensor:
        x = self.second(self.first(images).relu()).relu()
        return self.last(x.flatten(1)).relu()


class Decoder(nn.Module):
    """What the latent layer gives [B, takes] -> logits of the pixels [B, channels, H, W]."""

    def __init__(self, channels: int, quarter: tuple[int, ...], maps: tuple[int, int], hidden: int) -> None:
        super().__init__()
        self.shape, self.takes = quarter, hidden
        self.first = nn.Linear(hidden, prod(quarter))
        self.middle = nn.ConvTranspose2d(maps[0], maps[1], 4, 2, 1)
        self.last = nn.ConvTranspose2d(maps[1], channels, 4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.relu()).relu().unflatten(1, self.shape)
        return self.last(self.middle(x).relu())
