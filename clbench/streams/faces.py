"""Folders of images for a generator to learn, one a task: `vae-faces` (the paper's section IV-C, figure 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from pydantic import Field

from clbench.config.options import Absent, Count
from clbench.datasets import Images
from clbench.datasets.source import Chosen, source_of
from clbench.errors import UserError
from clbench.registry import streams
from clbench.streams.assemble import Common, Part
from clbench.streams.draws import generator
from clbench.streams.pixels import Joined
from clbench.streams.sequence import parts_of
from clbench.streams.shown import Channels

TestShare = Annotated[
    float, Field(gt=0, lt=1), "share of each folder's images to test on, drawn by the stream seed"
]


@dataclass(frozen=True)
class Shown(Common):
    """What the paper shows: 96 x 96 pixels in three colours."""

    size: Annotated[Count | None, "images as size x size pixels", Absent(None)] = 96
    channels: Annotated[Channels | None, "images in grey or rgb", Absent(None)] = "rgb"


@streams.register("vae-faces")
def vae_faces(
    load: Callable[[str], Images],
    seed: int,
    folders: Annotated[
        tuple[str, ...], "data sets, or folders of your own (with a slash), in the order they are learned"
    ] = ("celeba-faces", "anime-faces"),
    test: TestShare = 0.1,
) -> list[Part]:
    """Photographed faces, then drawn ones, a folder a task (the paper's figure 6); or folders of your own."""
    if len(folders) < 2:
        raise UserError("stream.folders names fewer than two; --set stream.folders=celeba-faces,my_folder/")
    return parts_of([as_one_class(load(name), seed, test) for name in folders])


def as_one_class(images: Images, seed: int, test: float) -> Images:
    """All images of a data set as one class of its name, and so many of them, drawn, to test on."""
    every = Joined([source_of(images.x_train), source_of(images.x_test)])
    count = every.shape[0]
    held = round(test * count)
    if not 0 < held < count:
        raise UserError(f"{images.name} has {count} images: too few to test on {test:g} of them; see stream.test")
    order = torch.randperm(count, generator=generator(seed, f"test images of {images.name}"))
    tested, learned = order[:held].sort().values, order[held:].sort().values
    return replace(
        images,
        x_train=Chosen(every, learned),
        y_train=torch.zeros_like(learned),
        x_test=Chosen(every, tested),
        y_test=torch.zeros_like(tested),
        classes=(images.name,),
    )


vae_faces.common = Shown  # type: ignore[attr-defined]
vae_faces.network = "conv-vae"  # type: ignore[attr-defined]
