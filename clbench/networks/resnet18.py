"""The residual network of the paper's Caltech-101 experiment (figure 11, appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from torch import Tensor, nn

from clbench.networks.images import images_of_at_least, maps_of
from clbench.networks.residual import Residual
from clbench.options import Fraction, Natural, Positive
from clbench.registry import networks

MAPS = (64, 128, 256, 512)


@networks.register("resnet18")
class ResNet18(Residual):
    """torchvision's ResNet-18 (He et al. 2016a) for large images, then a layer of 2048 units; gateable.

    forward(x [B, channels, height, width], gates): features [B, hidden]: the mean of every map through a fully
    connected layer, ReLU and dropout (appendix A). hidden=0 leaves the means themselves. All names but `hidden`
    are torchvision's, so that its weights fit.
    """

    imagenet = "ResNet18_Weights.IMAGENET1K_V1"
    fresh = ("hidden",)  # what published weights do not have
    bare: ClassVar = {"hidden": 0}  # the options of a network without that

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[Positive, "factor of the numbers of maps"] = 1.0,
        hidden: Annotated[Natural, "units of the fully connected layer (0: none)"] = 2048,
        dropout: Annotated[Fraction, "share of them dropped in training"] = 0.5,
    ) -> None:
        channels = images_of_at_least(8, input_shape, "resnet18")
        super().__init__(channels, [maps_of(maps, width) for maps in MAPS], 2, "projection", large=True)
        self.hidden = nn.Linear(self.features, hidden) if hidden else None
        self.dropout = nn.Dropout(dropout)
        if hidden:
            last = len(self.widths)
            self.wiring["hidden"] = (last, last - self.depth - 1)
            self.widths, self.features = (*self.widths, hidden), hidden

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = super().forward(x, gates)
        if self.hidden is None:
            return self.dropout(x)
        x = self.dropout(self.hidden(x).relu())
        return x if gates[-1] is None else x * gates[-1]
