"""What the residual networks share: basic blocks in stages (He et al. 2016), and gates for them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from clbench.networks.images import channels_last


class Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut: the identity, or where maps change a 1x1 convolution."""

    def __init__(self, inputs: int, maps: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, maps, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(maps)
        self.conv2 = nn.Conv2d(maps, maps, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(maps)
        self.downsample = None
        if stride != 1 or inputs != maps:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, maps, 1, stride, bias=False), nn.BatchNorm2d(maps))

    def forward(self, x: Tensor, inner: Tensor | None, stream: Tensor | None) -> Tensor:
        beside = x if self.downsample is None else self.downsample(x)
        x = gated(self.bn1(self.conv1(x)).relu(), inner)
        return gated((self.bn2(self.conv2(x)) + beside).relu(), stream)


class Residual(nn.Module):
    """Stem, stages of basic blocks, the mean of every map; gateable. Layers are named as torchvision names them.

    forward(x [B, channels, height, width], gates): features [B, maps of the last stage].

    Gates and additions: a sum of two branches is shut only where both are shut alike, so all sums of a stage,
    one after the other along its identity shortcuts, share one gate, that of its stream, put behind the ReLU of
    every sum; the first convolution of a block has one of its own. Map c of the stream then is 0 for a task that
    does not open it, in every block of the stage, whatever was added. It follows what a method that protects
    units may not change: a weight into a stream's map o from a map i of a gated input (the block's inner
    maps for its second convolution, the stream of this stage or the one before for its first and for a 1x1
    shortcut) matters to a task only if that opened o and i both, so min(a_o, a_i) holds as between plain
    layers (Serrà et al. 2018, equation 2), each branch for itself; an identity shortcut has no weight and leads
    o to o, which is the same gate at both ends. `wires` says so of every layer: the gate of what it gives, the
    gate of what it takes.
    """

    def __init__(self, maps: Sequence[int], blocks: Sequence[int], stem: nn.Conv2d) -> None:
        super().__init__()
        self.conv1, self.bn1 = stem, nn.BatchNorm2d(stem.out_channels)
        widths = [maps[0]]
        self.wires: dict[str, tuple[int, int | None]] = {"conv1": (0, None), "bn1": (0, None)}
        self.stages: list[tuple[str, int]] = []  # name of the stage, gate of its stream
        inputs, source = maps[0], 0
        for place, (units, count) in enumerate(zip(maps, blocks, strict=True)):
            stage = f"layer{place + 1}"
            if place:
                widths.append(units)
            stream = len(widths) - 1 if place else 0
            layers = []
            for number in range(count):
                layers.append(Basic(inputs, units, stride=2 if place and not number else 1))
                widths.append(units)
                inner = len(widths) - 1
                here = f"{stage}.{number}"
                self.wires |= {f"{here}.conv1": (inner, source), f"{here}.bn1": (inner, None)}
                self.wires |= {f"{here}.conv2": (stream, inner), f"{here}.bn2": (stream, None)}
                if layers[-1].downsample is not None:
                    self.wires |= {
                        f"{here}.downsample.0": (stream, source),
                        f"{here}.downsample.1": (stream, None),
                    }
                inputs, source = units, stream
            self.add_module(stage, nn.ModuleList(layers))
            self.stages.append((stage, stream))
        self.widths, self.features = tuple(widths), maps[-1]
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # as torchvision draws them (He et al. 2015)
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def pooled(self, x: Tensor) -> Tensor:
        """What follows the stem's ReLU: nothing in networks for small images."""
        return x

    def forward(self, x: Tensor, gates: Sequence[Tensor | None]) -> Tensor:
        x = channels_last(x) if x.device.type == "cpu" else x
        x = self.pooled(gated(self.bn1(self.conv1(x)).relu(), gates[0]))
        for name, stream in self.stages:
            for number, block in enumerate(getattr(self, name)):
                inner = self.wires[f"{name}.{number}.conv1"][0]
                x = block(x, gates[inner], gates[stream])
        return x.mean((-2, -1))


def gated(x: Tensor, gate: Tensor | None) -> Tensor:
    """Maps [B, maps, height, width] or units [B, units], times a gate [B or 1, ..]."""
    if gate is None:
        return x
    return x * (gate[..., None, None] if x.dim() == 4 else gate)


def halved(x: Tensor) -> Tensor:
    """The pooling behind the 7x7 stem of networks for large images."""
    return F.max_pool2d(x, 3, stride=2, padding=1)
