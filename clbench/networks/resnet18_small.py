"""ResNet-18 for small images, as continual learning uses it since GEM."""

from __future__ import annotations

from typing import Annotated

from clbench.networks.images import images_of_at_least, maps_of
from clbench.networks.residual import Residual
from clbench.networks.resnet18 import MAPS
from clbench.options import Positive
from clbench.registry import networks


@networks.register("resnet18-small")
class SmallResNet18(Residual):
    """ResNet-18 with a 3x3 stem that neither strides nor pools, for images of 32x32 pixels; gateable.

    64, 128, 256 and 512 maps, as in Mammoth; width=0.3125 is the reduced network of GEM and Avalanche, with 20 to
    160 maps (Lopez-Paz & Ranzato 2017).
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[Positive, "factor of the numbers of maps; 0.3125: 20, 40, 80 and 160"] = 1.0,
    ) -> None:
        channels = images_of_at_least(8, input_shape, "resnet18-small")
        super().__init__(channels, [maps_of(maps, width) for maps in MAPS], 2, "projection")
