"""Dropout that draws from the run's own generators, one a seed, in both forms of the seed axis.

torch's layers draw from the global generator: the seeds would share its draws, and a run that is resumed would not
find them again. Every dropout layer of a network is replaced by one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from clbench.errors import UserError

ELEMENTS = (nn.Dropout,)
MAPS = (nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)  # a whole map at once
OTHERS = (nn.AlphaDropout, nn.FeatureAlphaDropout, nn.RReLU)


class Noise:
    """The generators of all seeds; which of them learn, bool [S]; whose turn it is where each runs alone."""

    def __init__(self, generators: list[torch.Generator], active: Callable[[], Tensor]) -> None:
        self.generators, self.active = generators, active
        self.place: int | None = None  # None: all seeds at once

    def of(self, place: int) -> Turn:
        """Within, one seed is drawn for."""
        return Turn(self, place)

    def kept(self, shape: Sequence[int], share: float, device: torch.device) -> Tensor:
        """0 with probability `share`, else 1 / (1 - share); a seed that has stopped draws nothing.

        shape: of one seed where one is drawn for, else [S, ...].
        """
        found = torch.ones(*shape, device=device)
        each, active = [found] if self.place is not None else list(found), self.active()
        for place, part in enumerate(each, self.place or 0):
            if active[place]:
                part.bernoulli_(1 - share, generator=self.generators[place])
        return found.div_(1 - share)


class Turn:
    """Whose turn it is to be drawn for; a class, since a generator costs every step more."""

    __slots__ = ("before", "noise", "place")

    def __init__(self, noise: Noise, place: int) -> None:
        self.noise, self.place = noise, place

    def __enter__(self) -> None:
        self.before, self.noise.place = self.noise.place, self.place

    def __exit__(self, *_: object) -> None:
        self.noise.place = self.before


class Draw(torch.autograd.Function):
    """What Noise gives, for an input of one seed; under vmap over the seeds, for all of them together."""

    @staticmethod
    def forward(x: Tensor, noise: Noise, share: float, axes: int) -> Tensor:
        return noise.kept(shape_of(x.shape, axes), share, x.device)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.mark_non_differentiable(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[None, ...]:
        return None, None, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], x: Tensor, noise: Noise, share: float, axes: int) -> Any:
        whole = x.movedim(in_dims[0] or 0, 0)
        return noise.kept((len(whole), *shape_of(whole.shape[1:], axes)), share, x.device), 0


def shape_of(shape: Sequence[int], axes: int) -> tuple[int, ...]:
    """Of the factors for an input [B, C, ...]: its own, or one a map, [B, C, 1, ...]."""
    return tuple(shape[:axes]) + (1,) * (len(shape) - axes) if axes else tuple(shape)


class SeededDropout(nn.Module):
    """nn.Dropout, or with `axes` = 2 its kinds that drop whole maps, on the noise of the seed that runs."""

    def __init__(self, share: float, axes: int, noise: Noise) -> None:
        super().__init__()
        self.share, self.axes, self.noise = share, axes, noise

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.share):
            return x
        if self.share == 1:
            return x * 0
        return x * Draw.apply(x, self.noise, self.share, self.axes)


def seed_dropout(module: nn.Module, noise: Noise) -> None:
    """Replace every dropout layer in place; UserError for layers that draw and have no such form."""
    for name, child in module.named_children():
        if isinstance(child, (*ELEMENTS, *MAPS)):
            setattr(module, name, SeededDropout(child.p, 2 if isinstance(child, MAPS) else 0, noise))
        elif isinstance(child, OTHERS):
            raise UserError(
                f"the network has a layer {type(child).__name__}, which draws from torch's global generator and "
                "not from the run's, so that no run could be repeated; write nn.Dropout in its place"
            )
        else:
            seed_dropout(child, noise)
