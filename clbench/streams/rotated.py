"""Rotated streams: a data set turned by another angle in every task (Lopez-Paz & Ranzato 2017, section 5.1)."""

from __future__ import annotations

import math
from functools import partial
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from clbench.config.options import Count
from clbench.datasets import Images
from clbench.datasets.source import source_of
from clbench.errors import UserError
from clbench.registry import streams
from clbench.streams.assemble import Part
from clbench.streams.draws import generator
from clbench.streams.pixels import Formed

Degrees = Annotated[float, Field(ge=-360, le=360, allow_inf_nan=False)]


@streams.register("rotated")
def rotated(
    images: Images,
    seed: int,
    tasks: Annotated[Count, Field(le=1000), "number of tasks"] = 10,
    most: Annotated[Degrees, "degrees: angles are spread evenly from 0 up to this, without it"] = 180.0,
    angles: Annotated[tuple[Degrees, ...], "degrees, one a task, instead; counter-clockwise"] = (),
    draw: Annotated[bool, "draw the angles between 0 and `most` with the stream seed"] = False,
) -> list[Part]:
    """All classes in every task, the images turned by another angle: rotated-mnist, rotated:my.npz, ..."""
    if images.x_train.dtype.is_floating_point:
        raise UserError(f"{images.name} holds features, which cannot be turned; take a split stream")
    if draw and angles:
        raise UserError("stream.angles names the angles, and stream.draw draws them; leave one out")
    if draw:
        angles = tuple((most * torch.rand(tasks, generator=generator(seed, "angles"))).tolist())
    angles = angles or tuple(most * t / tasks for t in range(tasks))
    classes = tuple(range(len(images.classes)))
    return [Part(f"{angle:.4g}°", turned_by(images, angle), classes) for angle in angles]


def turned_by(images: Images, degrees: float) -> Images:
    """Turned as they are asked for, so that a task more takes no memory; what comes in from outside is black."""

    def source(x: Tensor) -> Formed:
        inner = source_of(x)
        return Formed(inner, partial(turn, degrees=degrees), inner.shape)

    return Images(
        images.name,
        source(images.x_train),  # type: ignore[arg-type]
        images.y_train,
        source(images.x_test),  # type: ignore[arg-type]
        images.y_test,
        images.classes,
        images.checksums,
    )


def turn(x: Tensor, degrees: float) -> Tensor:
    """uint8 [n, H, W, C] about the middle, counter-clockwise, bilinear; sides stay, corners are cut off."""
    quarters = degrees / 90
    if quarters == round(quarters) and (x.shape[1] == x.shape[2] or round(quarters) % 2 == 0):
        return x.rot90(round(quarters), (1, 2))
    height, width = x.shape[1:3]
    cos, sin, ratio = math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), height / width
    where = torch.tensor([[cos, -sin * ratio, 0.0], [sin / ratio, cos, 0.0]], device=x.device)
    grid = F.affine_grid(where.expand(len(x), 2, 3), [len(x), x.shape[3], height, width], align_corners=False)
    shown = F.grid_sample(
        x.movedim(-1, 1).float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    return shown.round_().clamp_(0, 255).to(torch.uint8).movedim(1, -1)
