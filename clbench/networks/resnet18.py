"""ResNet-18 for large images (He et al. 2016), with the fully connected layer of the paper's appendix A."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from torch import Tensor, nn

from clbench.config.options import Count, Fraction
from clbench.networks.images import images_of_at_least
from clbench.networks.residual import Residual, gated, halved
from clbench.registry import networks

MAPS, BLOCKS = (64, 128, 256, 512), (2, 2, 2, 2)


@networks.register("resnet18")
class ResNet18(Residual):
    """torchvision's resnet18, then a layer of 2048 units with dropout (the paper's appendix A); gateable.

    forward: features [B, hidden], dropped out. Without `hidden` (null) the 512 means of maps are the features.
    """

    imagenet = "ResNet18_Weights.IMAGENET1K_V1"
    fresh = ("hidden",)  # what published weights do not have
    bare: ClassVar = {"hidden": None}  # the options of a network without that

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: Annotated[Count | None, "units of the fully connected layer; none: no such layer"] = 2048,
        dropout: Annotated[Fraction, "behind that layer"] = 0.5,
    ) -> None:
        channels = images_of_at_least(8, input_shape, "resnet18")
        stem = nn.Conv2d(channels, MAPS[0], 7, stride=2, padding=3, bias=False)
        super().__init__(MAPS, BLOCKS, stem)
        self.hidden = None
        if hidden is not None:
            self.hidden = nn.Linear(MAPS[-1], hidden)
            self.wires["hidden"] = (len(self.widths), self.stages[-1][1])
            self.widths, self.features = (*self.widths, hidden), hidden
        self.dropout = nn.Dropout(dropout)

    def pooled(self, x: Tensor) -> Tensor:
        return halved(x)

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = super().forward(x, gates)
        return x if self.hidden is None else self.dropout(gated(self.hidden(x).relu(), gates[-1]))
