"""The convolutional network of the paper's pruning study (appendix B, table IV; after LeCun et al. 1998)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.config.options import Count
from clbench.networks.images import channels_last, images_of_at_least
from clbench.registry import networks


@networks.register("lenet")
class LeNet(nn.Module):
    """Two 5x5 convolutions, each halved by maximum pooling, and two fully connected layers; gateable.

    forward(x [B, channels, height, width], gates): features [B, features]; gates[k] (or None) multiplies the maps
    or units of block k. Convolutions keep the size of their input, so that 28x28 images end as 64 maps of 7x7: the
    3136 x 512 weights of table IV.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        maps: Annotated[tuple[Count, Count], "maps of each convolution"] = (32, 64),
        hidden: Annotated[tuple[Count, Count], "units of each fully connected layer"] = (512, 256),
    ) -> None:
        super().__init__()
        channels = images_of_at_least(4, input_shape, "lenet")
        _, height, width = input_shape
        inputs = maps[1] * (height // 4) * (width // 4)
        self.blocks = nn.ModuleList(
            [
                nn.Conv2d(channels, maps[0], 5, padding=2),
                nn.Conv2d(maps[0], maps[1], 5, padding=2),
                nn.Linear(inputs, hidden[0]),
                nn.Linear(hidden[0], hidden[1]),
            ]
        )
        self.widths = (*maps, *hidden)
        self.features = hidden[1]

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = channels_last(x) if x.device.type == "cpu" else x
        for block, gate in zip(self.blocks[:2], gates[:2], strict=True):
            x = F.max_pool2d(block(x), 2).relu()  # the ReLU of a maximum is the maximum of the ReLUs, and cheaper
            x = x if gate is None else x * gate[..., None, None]
        x = x.flatten(1)
        for block, gate in zip(self.blocks[2:], gates[2:], strict=True):
            x = block(x).relu()
            x = x if gate is None else x * gate
        return x
