"""Residual networks of basic blocks, with one gate for all sums of a stage: what the resnets are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.networks.images import channels_last

Shortcut = Literal["identity", "projection"]


class Basic(nn.Module):
    """Two 3x3 convolutions and what goes past them (He et al. 2016a); names are torchvision's.

    Where the shape changes, a shortcut is a projection (a 1x1 convolution with batch norm) or an identity: every
    other pixel, with maps of zeros for those that are new.
    """

    def __init__(self, inputs: int, maps: int, stride: int, shortcut: Shortcut) -> None:
        super().__init__()
        self.conv1, self.bn1 = convolution(inputs, maps, 3, stride), nn.BatchNorm2d(maps)
        self.conv2, self.bn2 = convolution(maps, maps, 3), nn.BatchNorm2d(maps)
        self.stride, self.added = stride, maps - inputs
        self.changes = stride > 1 or maps != inputs
        self.downsample = (
            nn.Sequential(convolution(inputs, maps, 1, stride), nn.BatchNorm2d(maps))
            if self.changes and shortcut == "projection"
            else None
        )

    def forward(self, x: Tensor, inner: Tensor | None, stream: Tensor | None) -> Tensor:
        """x [B, C, H, W], gated. inner: the gate between the convolutions; stream: of all sums of the stage."""
        branch = self.bn2(self.conv2(gated(self.bn1(self.conv1(x)).relu(), inner)))
        if not self.changes:
            return (x + gated(branch, stream)).relu()
        return gated((self.past(x) + branch).relu(), stream)

    def past(self, x: Tensor) -> Tensor:
        if self.downsample is not None:
            return self.downsample(x)
        return F.pad(x[..., :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))


class Residual(nn.Module):
    """A stem and stages of basic blocks; gateable.

    forward(x [B, channels, height, width], gates): features [B, maps of the last stage], averaged over places.
    Gates in the order of `widths`: of each stage one for its sums, then one for each of its blocks, between their
    convolutions. All that a stage adds up is gated once, where it enters: the HAT docstring says why.
    """

    def __init__(
        self, channels: int, maps: Sequence[int], depth: int, shortcut: Shortcut, large: bool = False
    ) -> None:
        """maps: of each stage; depth: blocks a stage. large: ImageNet's stem, 7x7 and pooling."""
        super().__init__()
        self.conv1 = convolution(channels, maps[0], 7, 2) if large else convolution(channels, maps[0], 3)
        self.bn1 = nn.BatchNorm2d(maps[0])
        self.large, self.depth, self.stages = large, depth, len(maps)
        self.wiring: dict[str, tuple[int, int | None]] = {"conv1": (0, None), "bn1": (0, None)}
        for n, (before, own) in enumerate(zip((maps[0], *maps), maps, strict=False)):
            blocks = [Basic(own if k else before, own, 2 if n and not k else 1, shortcut) for k in range(depth)]
            setattr(self, f"layer{n + 1}", nn.Sequential(*blocks))
            for k, block in enumerate(blocks):
                self.wire(f"layer{n + 1}.{k}", block, n, k)
        self.widths: tuple[int, ...] = tuple(own for own in maps for _ in range(depth + 1))
        self.features = maps[-1]

    def wire(self, name: str, block: Basic, stage: int, place: int) -> None:
        """Of each layer of a block: the gate of its outputs, and that of its inputs."""
        sums = stage * (self.depth + 1)
        inner, before = sums + 1 + place, sums if place or not stage else sums - self.depth - 1
        self.wiring |= {f"{name}.{layer}": (inner, before) for layer in ("conv1", "bn1")}
        self.wiring |= {f"{name}.{layer}": (sums, inner) for layer in ("conv2", "bn2")}
        if block.downsample is not None:
            self.wiring |= {f"{name}.downsample.{layer}": (sums, before) for layer in ("0", "1")}

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = self.bn1(self.conv1(channels_last(x) if x.device.type == "cpu" else x))
        x = gated((F.max_pool2d(x, 3, 2, 1) if self.large else x).relu(), gates[0])
        for n in range(self.stages):
            sums = n * (self.depth + 1)
            for k, block in enumerate(getattr(self, f"layer{n + 1}")):
                x = block(x, gates[sums + 1 + k], gates[sums])
        return x.mean((2, 3))


def gated(x: Tensor, gate: Tensor | None) -> Tensor:
    """x [B, maps, H, W] times a gate [B or 1, maps]."""
    return x if gate is None else x * gate[..., None, None]


def convolution(inputs: int, maps: int, size: int, stride: int = 1) -> nn.Conv2d:
    """Without a bias, which batch norm has; initialised as torchvision does."""
    layer = nn.Conv2d(inputs, maps, size, stride, padding=size // 2, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
