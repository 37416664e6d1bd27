"""The fully connected network of the paper's MNIST experiments (section IV-A: 784-512-256)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Annotated

from torch import Tensor, nn

from clbench.config.options import Count, Fraction
from clbench.registry import networks


@networks.register("mlp")
class MLP(nn.Module):
    """Fully connected ReLU layers; gateable.

    forward(x [B, ...], gates): features [B, features]; gates[k] (or None) multiplies the outputs of block k,
    after the bias and the ReLU.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: Annotated[tuple[Count, ...], "units of each hidden layer"] = (512, 256),
        dropout: Annotated[Fraction, "share of hidden units dropped in training"] = 0.0,
    ) -> None:
        super().__init__()
        sizes = [prod(input_shape), *hidden]
        self.blocks = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, hidden, strict=False))
        self.widths = tuple(hidden)
        self.features = sizes[-1]
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = x.flatten(1)
        for block, gate in zip(self.blocks, gates, strict=True):
            x = self.dropout(block(x).relu())
            x = x if gate is None else x * gate
        return x
