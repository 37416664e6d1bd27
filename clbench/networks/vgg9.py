"""VGG with nine convolutions and batch normalisation (after Simonyan & Zisserman 2015), for small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.networks.images import channels_last, images_of_at_least, maps_of
from clbench.registry import networks

MAPS = (64, 64, 128, 128, 256, 256, 256, 512, 512)
POOLED = (1, 3, 6)  # blocks after which a map is halved


@networks.register("vgg9")
class VGG9(nn.Module):
    """Nine 3x3 convolutions with batch normalisation, three times halved, and the mean of every map; gateable.

    forward(x [B, channels, height, width], gates): features [B, maps of the last block]; gates[k] (or None)
    multiplies the maps of block k. The paper counts nine convolutions and batch normalisation and prints no
    widths: these are the first nine of VGG's with 64 to 512 maps, whose mean takes the place of its fully
    connected layers, so that images of any size fit.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[float, Field(gt=0, le=8), "factor of the maps of every convolution"] = 1.0,
    ) -> None:
        super().__init__()
        channels = images_of_at_least(8, input_shape, "vgg9")
        self.widths = tuple(maps_of(maps, width) for maps in MAPS)
        inputs = (channels, *self.widths)
        self.blocks = nn.ModuleList(convolution(a, b) for a, b in zip(inputs, self.widths, strict=False))
        self.features = self.widths[-1]

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = channels_last(x) if x.device.type == "cpu" else x
        for place, (block, gate) in enumerate(zip(self.blocks, gates, strict=True)):
            x = block(x)
            x = F.max_pool2d(x, 2).relu() if place in POOLED else x.relu()
            x = x if gate is None else x * gate[..., None, None]
        return x.mean((-2, -1))


def convolution(inputs: int, maps: int) -> nn.Module:
    """Without a bias: the normalisation has one."""
    return nn.Sequential(nn.Conv2d(inputs, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps))
