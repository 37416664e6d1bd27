"""ResNet-18 for small images: a 3x3 stem and no pooling behind it, as continual learning uses it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from clbench.networks.images import images_of_at_least, maps_of
from clbench.networks.residual import Residual
from clbench.networks.resnet18 import BLOCKS, MAPS
from clbench.registry import networks


@networks.register("resnet18-small")
class ResNet18Small(Residual):
    """ResNet-18 with a 3x3 stem, for 32x32 images; gateable.

    Its width 1 has 64 to 512 maps (Buzzega et al. 2020), 0.3125 the 20 to 160 of Lopez-Paz & Ranzato 2017.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[float, Field(gt=0, le=8), "factor of the maps of every convolution"] = 1.0,
    ) -> None:
        channels = images_of_at_least(8, input_shape, "resnet18-small")
        maps = [maps_of(each, width) for each in MAPS]
        stem = nn.Conv2d(channels, maps[0], 3, padding=1, bias=False)
        super().__init__(maps, BLOCKS, stem)
