"""Networks as a user's plugin brings them: running statistics, dropout layers, layers that train never touches."""

from math import prod
from typing import Annotated

import torch
from torch import nn

from clbench.registry import networks


class Gated(nn.Module):
    """Fully connected; a block is what `block` makes, and its units are gated after the ReLU."""

    def __init__(self, input_shape, hidden: Annotated[tuple[int, ...], "units of each layer"] = (15, 7)):
        super().__init__()
        sizes = [prod(input_shape), *hidden]
        self.blocks = nn.ModuleList(self.block(a, b) for a, b in zip(sizes, hidden, strict=False))
        self.widths, self.features = tuple(hidden), hidden[-1]

    def block(self, inputs, units):
        return nn.Linear(inputs, units)

    def forward(self, x, gates):
        x = x.flatten(1)
        for block, gate in zip(self.blocks, gates, strict=True):
            x = block(x).relu()
            x = x if gate is None else x * gate
        return x


@networks.register("norm-mlp")
class Normed(Gated):
    """With batch normalisation."""

    def block(self, inputs, units):
        return nn.Sequential(nn.Linear(inputs, units), nn.BatchNorm1d(units))


@networks.register("dropout-mlp")
class Dropped(Gated):
    """With dropout layers of torch's own."""

    def block(self, inputs, units):
        return nn.Sequential(nn.Linear(inputs, units), nn.Dropout(0.3))


@networks.register("spare-mlp")
class Spare(Gated):
    """With a layer that nothing uses."""

    def __init__(self, input_shape):
        super().__init__(input_shape)
        self.spare = nn.Linear(5, 5)


@networks.register("frozen-mlp")
class Frozen(Gated):
    """With a first layer that is not to be trained."""

    def __init__(self, input_shape):
        super().__init__(input_shape, hidden=(15, 9, 7))
        self.blocks[0].requires_grad_(False)


@networks.register("free-dropout-mlp")
class FreelyDropped(Gated):
    """Whose dropout is a function, which draws from the global generator."""

    def forward(self, x, gates):
        return nn.functional.dropout(super().forward(x, gates), 0.3, self.training)


@networks.register("alpha-mlp")
class AlphaDropped(Gated):
    """With a kind of dropout that clbench has no form of."""

    def block(self, inputs, units):
        return nn.Sequential(nn.Linear(inputs, units), nn.AlphaDropout(0.3))


@networks.register("maps-mlp")
class MapsDropped(nn.Module):
    """A convolution with dropout of whole maps and running statistics; takes no gates."""

    def __init__(self, input_shape):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.3))
        self.features = 4

    def forward(self, x, gates):
        return torch.mean(self.maps(x.view(-1, 1, 8, 8)), (2, 3))
