"""Caltech-101 in four parts of 30, 25, 25 and 22 classes (the paper's appendix A, figure 11)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch

from clbench.config.options import Absent, Count
from clbench.datasets import Images
from clbench.errors import UserError
from clbench.registry import streams
from clbench.streams.assemble import Common, Part
from clbench.streams.draws import generator
from clbench.streams.shown import Channels


@dataclass(frozen=True)
class Large(Common):
    """What the paper shows: 224 x 224 pixels, flipped from left to right at random."""

    size: Annotated[Count | None, "images as size x size pixels", Absent(None)] = 224
    channels: Annotated[Channels | None, "images in grey or rgb", Absent(None)] = "rgb"
    augment: Annotated[
        tuple[str, ...], "what training images go through when they are shown: flip, crop", Absent(())
    ] = ("flip",)


@streams.register("caltech101")
def caltech101(
    load: Callable[[str], Images],
    seed: int,
    parts: Annotated[tuple[Count, ...], "classes of each task; the last takes what is left"] = (30, 25, 25, 22),
) -> list[Part]:
    """Objects of 101 kinds in four tasks, classes drawn by the stream seed, seven images of ten to learn from.

    The paper counts 102 classes, with the folder of backgrounds, which is no kind of object and is left out
    here as torchvision does: the last task has 21.
    """
    images = load("caltech101")
    total = len(images.classes)
    if not parts or sum(parts[:-1]) >= total:
        raise UserError(f"stream.parts={','.join(map(str, parts))}: caltech101 has {total} classes")
    order = torch.randperm(total, generator=generator(seed, "class order")).tolist()
    ends = [min(sum(parts[: t + 1]), total) for t in range(len(parts))]
    groups = [tuple(order[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return [Part(f"part {t + 1}", images, group) for t, group in enumerate(groups)]


caltech101.common = Large  # type: ignore[attr-defined]
