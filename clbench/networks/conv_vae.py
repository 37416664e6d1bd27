"""A convolutional variational autoencoder, as the paper's for faces (section IV-C)."""

from __future__ import annotations

from math import prod
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.options import Absent, Count, Fraction
from clbench.networks.images import quarter_of
from clbench.registry import networks


@networks.register("conv-vae")
class ConvVAE(nn.Module):
    """Encoder: two convolutions and a fully connected layer; decoder: the same way back (a vae).

    For images whose sides are multiples of 4. Convolutions are 4x4 and halve the sides, or double them. With
    slope 0 a unit that is off in all samples of a task has no gradient there, and so no importance: a later task
    may switch it on in the samples of both.
    """

    model = "vae"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        maps: Annotated[tuple[Count, Count], "maps at a quarter and at half of the image's size"] = (64, 32),
        hidden: Annotated[Count, "units of the fully connected layers"] = 256,
        latent: Annotated[Count, "normal numbers an image becomes"] = 64,
        slope: Annotated[
            Fraction, "of units below zero: leaky ReLU (Maas et al. 2013); 0: ReLU", Absent(0.0)
        ] = 0.0,
        biases: Annotated[bool, "whether tasks share biases in the decoder, or only weights", Absent(True)] = True,
    ) -> None:
        super().__init__()
        channels, *sides = quarter_of(input_shape, "conv-vae")
        self.latent, quarter = latent, (maps[0], *sides)
        self.encoder = Encoder(channels, quarter, maps, hidden, slope)
        self.decoder = Decoder(channels, quarter, maps, hidden, slope, biases)


class Encoder(nn.Module):
    """images [B, channels, H, W] -> [B, features]. quarter: shape of the maps at a quarter of the size."""

    def __init__(
        self, channels: int, quarter: tuple[int, ...], maps: tuple[int, int], hidden: int, slope: float
    ) -> None:
        super().__init__()
        self.features, self.slope = hidden, slope
        self.first = nn.Conv2d(channels, maps[1], 4, 2, 1)
        self.second = nn.Conv2d(maps[1], maps[0], 4, 2, 1)
        self.last = nn.Linear(prod(quarter), hidden)

    def forward(self, images: Tensor) -> Tensor:
        x = F.leaky_relu(self.second(F.leaky_relu(self.first(images), self.slope)), self.slope)
        return F.leaky_relu(self.last(x.flatten(1)), self.slope)


class Decoder(nn.Module):
    """What the latent layer gives [B, takes] -> logits of the pixels [B, channels, H, W]."""

    def __init__(
        self,
        channels: int,
        quarter: tuple[int, ...],
        maps: tuple[int, int],
        hidden: int,
        slope: float,
        biases: bool,
    ) -> None:
        super().__init__()
        self.shape, self.takes, self.slope = quarter, hidden, slope
        self.first = nn.Linear(hidden, prod(quarter), bias=biases)
        self.middle = nn.ConvTranspose2d(maps[0], maps[1], 4, 2, 1, bias=biases)
        self.last = nn.ConvTranspose2d(maps[1], channels, 4, 2, 1, bias=biases)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(F.leaky_relu(x, self.slope)).unflatten(1, self.shape)
        x = self.middle(F.leaky_relu(x, self.slope))
        return self.last(F.leaky_relu(x, self.slope))
