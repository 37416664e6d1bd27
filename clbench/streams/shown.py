"""Images of any size and colours as one size and one kind: what makes different data sets one stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.datasets.images import Images
from clbench.datasets.source import InMemory, Source, source_of
from clbench.errors import UserError
from clbench.streams.budget import Budget
from clbench.streams.pixels import Formed, parts_of

Channels = Literal["grey", "rgb"]
LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601), as Pillow's mode L has it


def shown_as(
    images: Images, size: int | None = None, channels: Channels | None = None, budget: Budget = Budget()
) -> Images:
    """The same images as size x size pixels of one or three channels; what is None stays as it is.

    Resized without keeping the sides' ratio, bilinear, smoothed where images shrink; uint8 before and after. What
    is in memory is turned once, a budget at a time, a mapped file as its images are asked for. UserError for
    features.
    """
    if size is None and channels is None:
        return images
    if images.x_train.dtype.is_floating_point:
        raise UserError(
            f"{images.name} holds features, which have no size in pixels; leave stream.size, stream.channels"
        )
    form = partial(formed, size=size, channels=channels)
    return turned(images, form, budget)


def turned(images: Images, form: Callable[[Tensor], Tensor], budget: Budget) -> Images:
    """Every image through `form`, uint8 [n, H, W, C] -> the same with other sizes."""
    return replace(images, x_train=each(images.x_train, form, budget), x_test=each(images.x_test, form, budget))


def each(images: Tensor | Source, form: Callable[[Tensor], Tensor], budget: Budget) -> Tensor | Source:
    source = source_of(images)
    if isinstance(source, InMemory):
        return torch.cat([form(part) for part in parts_of(source.tensor, budget)])
    return Formed(source, form, (source.shape[0], *form(source.take(torch.zeros(1, dtype=torch.int64))).shape[1:]))


def formed(x: Tensor, size: int | None, channels: Channels | None) -> Tensor:
    """uint8 [n, H, W, C] -> uint8 [n, size, size, 1 or 3]."""
    if channels == "rgb" and x.shape[-1] == 1:
        x = x.expand(*x.shape[:-1], 3)
    elif channels == "grey" and x.shape[-1] == 3:
        x = (x.float() @ torch.tensor(LUMA, device=x.device)).round().to(torch.uint8).unsqueeze(-1)
    if size is not None and tuple(x.shape[1:3]) != (size, size):
        shown = F.interpolate(x.movedim(-1, 1).float(), (size, size), mode="bilinear", antialias=True)
        x = shown.round_().clamp_(0, 255).to(torch.uint8).movedim(1, -1)
    return x.contiguous()
