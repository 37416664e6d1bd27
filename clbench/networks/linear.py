"""No network at all: the heads see the inputs, as one does with features of a large pretrained network."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from clbench.registry import networks


@networks.register("linear")
class Linear(nn.Module):
    """No hidden layer, only heads on the inputs: for features; nothing is shared, and there is nothing to gate.

    forward(x [B, ...], gates): the inputs, flattened [B, features]. It has no parameters: a method that protects
    shared weights trains as fine-tuning does, and one that gates hidden units is refused.
    """

    def __init__(self, input_shape: tuple[int, ...]) -> None:
        super().__init__()
        self.features = prod(input_shape)

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        return x.flatten(1)
