"""ResNet-32 of He et al. for CIFAR, the network of iCaRL and FACIL."""

from __future__ import annotations

from typing import Annotated

from clbench.networks.images import images_of_at_least, maps_of
from clbench.networks.residual import Residual, Shortcut
from clbench.options import Positive
from clbench.registry import networks


@networks.register("resnet32")
class ResNet32(Residual):
    """Three stages of five basic blocks, 16, 32 and 64 maps (He et al. 2016a, section 4.2); gateable.

    shortcut: where the shape changes, the paper's option A (identity), or a 1x1 convolution as FACIL has it.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[Positive, "factor of the numbers of maps"] = 1.0,
        shortcut: Annotated[Shortcut, "where the shape changes: identity, or projection"] = "identity",
    ) -> None:
        channels = images_of_at_least(8, input_shape, "resnet32")
        super().__init__(channels, [maps_of(maps, width) for maps in (16, 32, 64)], 5, shortcut)
