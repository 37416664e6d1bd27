"""ResNet-32 for small images (He et al. 2016, section 4.2), as class-incremental studies use it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import nn

from clbench.networks.images import images_of_at_least, maps_of
from clbench.networks.residual import Residual
from clbench.registry import networks

MAPS, BLOCKS = (16, 32, 64), (5, 5, 5)


@networks.register("resnet32")
class ResNet32(Residual):
    """Three stages of five basic blocks with 16, 32 and 64 maps; gateable.

    Where maps double the shortcut is a 1x1 convolution (option B of He et al.; A there has no weights).
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[float, Field(gt=0, le=8), "factor of the maps of every convolution"] = 1.0,
    ) -> None:
        channels = images_of_at_least(8, input_shape, "resnet32")
        maps = [maps_of(each, width) for each in MAPS]
        stem = nn.Conv2d(channels, maps[0], 3, padding=1, bias=False)
        super().__init__(maps, BLOCKS, stem)
