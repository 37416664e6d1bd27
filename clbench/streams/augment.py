"""What training images go through each time they are shown: functions of a batch, with a generator a seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.streams.task import Augment

PADDING = 4  # pixels on every side before a crop, as is usual for 32x32 images (He et al. 2016, section 4.2)


def flip(x: Tensor, draws: torch.Generator) -> Tensor:
    """Each image [B, C, H, W] mirrored from left to right, or not."""
    mirrored = torch.rand(len(x), generator=draws, device=x.device) < 0.5
    column = torch.arange(x.shape[-1], device=x.device)
    from_ = torch.where(mirrored.unsqueeze(1), column.flip(0), column)  # [B, W]; one gather, no copy of them all
    return x.gather(-1, from_[:, None, None].expand(x.shape))


def crop(x: Tensor, draws: torch.Generator) -> Tensor:
    """A window of each image's own size, moved by up to PADDING pixels; what was outside is 0."""
    height, width = x.shape[-2:]
    wide = F.pad(x, (PADDING,) * 4)
    moved = torch.randint(2 * PADDING + 1, (2, len(x), 1), generator=draws, device=x.device)
    windows = wide.unfold(2, height, 1).unfold(3, width, 1)  # a view: [B, C, rows, columns, H, W]
    rows, columns = moved.squeeze(2)
    return windows[torch.arange(len(x), device=x.device), :, rows, columns].contiguous()


KNOWN: dict[str, Augment] = {"flip": flip, "crop": crop}


def augmentation_of(names: tuple[str, ...]) -> Augment | None:
    """One function of those that are named, in their order; None of none. UserError: no such name."""
    for name in names:
        if name not in KNOWN:
            raise UserError(f"stream.augment: nothing called {name!r}; {did_you_mean(name, KNOWN)}")
    return in_turn([KNOWN[name] for name in names])


def in_turn(functions: list[Augment]) -> Callable[[Tensor, torch.Generator], Tensor] | None:
    if not functions:
        return None
    return lambda x, draws: reduce(lambda shown, function: function(shown, draws), functions, x)
