"""A small convolutional GAN (after Radford et al. 2016), conditional, without batch normalisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from clbench.config.options import Absent, Count
from clbench.networks.images import quarter_of
from clbench.registry import networks

GROUPS = 8  # of a group normalisation, at most
SLOPE = 0.2  # of the critic's units below zero


@networks.register("dcgan")
class DCGAN(nn.Module):
    """Painter: a fully connected layer and two transposed convolutions; critic: the same way back (a cGAN).

    For images whose sides are multiples of 4. Groups of maps are normalised, each image on its own: statistics of
    a batch would tie its images together, and would be another thing that tasks share.
    """

    model = "cgan"

    def __init__(
        self,
        input_shape: tuple[int, ...],
        latent: Annotated[Count, "normal numbers an image is painted from"] = 64,
        maps: Annotated[tuple[Count, Count], "maps at a quarter and at half of the image's size"] = (64, 32),
        condition: Annotated[
            Literal["first", "all"], "layers of the painter that a class adds to: the first, or all but the last"
        ] = "all",
        spectral: Annotated[bool, "spectral normalisation of the critic (Miyato 2018)", Absent(False)] = False,
        biases: Annotated[
            bool,
            "whether classes share biases and factors of norms in the painter, or only weights",
            Absent(True),
        ] = True,
    ) -> None:
        super().__init__()
        channels, *quarter = quarter_of(input_shape, "dcgan")
        self.latent = latent
        self.painter = Painter(channels, (quarter[0], quarter[1]), latent, maps, condition == "all", biases)
        self.critic = Critic(channels, (quarter[0], quarter[1]), maps, spectral)


class Painter(nn.Module):
    """z [B, latent], given -> images [B, channels, H, W] in -1..1."""

    def __init__(
        self,
        channels: int,
        quarter: tuple[int, int],
        latent: int,
        maps: tuple[int, int],
        every: bool,
        biases: bool,
    ) -> None:
        super().__init__()
        self.shape = (maps[0], *quarter)
        first = maps[0] * quarter[0] * quarter[1]
        self.first = nn.Linear(latent, first, bias=biases)
        self.norms = nn.ModuleList([nn.GroupNorm(groups(m), m, affine=biases) for m in maps])
        self.middle = nn.ConvTranspose2d(maps[0], maps[1], 4, 2, 1, bias=biases)
        self.last = nn.ConvTranspose2d(maps[1], channels, 4, 2, 1, bias=biases)
        self.takes = (first, maps[1]) if every else (first,)

    def forward(self, z: Tensor, given: Sequence[Tensor]) -> Tensor:
        x = (self.first(z) + given[0]).unflatten(1, self.shape)
        x = self.middle(self.norms[0](x).relu())
        x = x + given[1][..., None, None] if len(given) > 1 else x
        return self.last(self.norms[1](x).relu()).tanh()


class Critic(nn.Module):
    """images [B, channels, H, W], given -> log-odds of being real, [B].

    The class adds to the first maps, and has a weight for each of the last features (Miyato & Koyama 2018).
    """

    def __init__(self, channels: int, quarter: tuple[int, int], maps: tuple[int, int], spectral: bool) -> None:
        super().__init__()
        features = maps[0] * quarter[0] * quarter[1]
        self.first = nn.Conv2d(channels, maps[1], 4, 2, 1)
        self.second = nn.Conv2d(maps[1], maps[0], 4, 2, 1)
        self.last = nn.Linear(features, 1)
        self.takes = (maps[1], features)
        if spectral:
            for layer in (self.first, self.second, self.last):
                parametrize.register_parametrization(layer, "weight", Spectral(layer.weight))

    def forward(self, images: Tensor, given: Sequence[Tensor]) -> Tensor:
        x = F.leaky_relu(self.first(images) + given[0][..., None, None], SLOPE)
        x = F.leaky_relu(self.second(x), SLOPE).flatten(1)
        return self.last(x).squeeze(1) + (x * given[1]).sum(1)


class Spectral(nn.Module):
    """A weight divided by its largest singular value, found by one step of power iteration a pass in training.

    torch's own writes its vectors by `out=`, which cannot be batched over seeds.
    """

    u: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        u = torch.randn(weight.shape[0])
        for _ in range(15):
            u = self.turned(weight.detach().flatten(1), u)[0]
        self.register_buffer("u", u)

    @staticmethod
    def turned(weight: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        v = F.normalize(weight.T @ u, dim=0)
        return F.normalize(weight @ v, dim=0), v

    def forward(self, weight: Tensor) -> Tensor:
        flat = weight.flatten(1)
        with torch.no_grad():
            u, v = self.turned(flat, self.u)
            if self.training:
                self.u.copy_(u)
        return weight / (u @ (flat @ v))


def groups(maps: int) -> int:
    """Of a group normalisation: the most that divide the maps, at most GROUPS."""
    return next(n for n in range(min(GROUPS, maps), 0, -1) if maps % n == 0)
