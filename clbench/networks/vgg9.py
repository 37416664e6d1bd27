"""The convolutional network of the paper's five data sets (figures 3 and 8): nine convolutions with batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.networks.images import channels_last, images_of_at_least, maps_of
from clbench.options import Positive
from clbench.registry import networks

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512))  # maps of each convolution; pooled between stages


@networks.register("vgg9")
class VGG9(nn.Module):
    """Nine 3x3 convolutions with batch norm (64, 64, 128, 128, 256, 256, 256, 512, 512 maps); gateable.

    forward(x [B, channels, height, width], gates): features [B, maps of the last]; gates[k] (or None) multiplies
    the maps of convolution k after batch norm and ReLU. Maps are halved by maximum pooling after the second, the
    fourth and the seventh convolution, and averaged over their places at the end: images of any size from 8x8 fit.
    After Simonyan & Zisserman 2015; the paper does not print the numbers of maps of its VGG-9.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        width: Annotated[Positive, "factor of the numbers of maps"] = 1.0,
    ) -> None:
        super().__init__()
        inputs = images_of_at_least(8, input_shape, "vgg9")
        stages = [[maps_of(maps, width) for maps in stage] for stage in STAGES]
        self.widths = tuple(maps for stage in stages for maps in stage)
        self.features = self.widths[-1]
        self.blocks = nn.ModuleList(
            normalised(a, b) for a, b in zip((inputs, *self.widths), self.widths, strict=False)
        )
        ends = [sum(map(len, stages[: n + 1])) - 1 for n in range(len(stages) - 1)]
        self.pooled = frozenset(ends)  # convolutions whose maps are halved

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = channels_last(x) if x.device.type == "cpu" else x
        for k, (block, gate) in enumerate(zip(self.blocks, gates, strict=True)):
            x = block(x)
            x = (F.max_pool2d(x, 2) if k in self.pooled else x).relu()  # the same as pooling after it, and cheaper
            x = x if gate is None else x * gate[..., None, None]
        return x.mean((2, 3))


def normalised(inputs: int, maps: int) -> nn.Sequential:
    """A 3x3 convolution that keeps the size of its images, and batch norm in the place of its bias."""
    convolution = nn.Conv2d(inputs, maps, 3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(maps))
