"""Data sets one after the other: `five-datasets` (the paper's figure 3), and any as sequence:A,B,FILE.npz."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from clbench.config.options import Absent, Count
from clbench.datasets import Images
from clbench.errors import UserError
from clbench.registry import streams
from clbench.streams.assemble import Common, Part
from clbench.streams.shown import Channels

FIVE = ("mnist", "notmnist", "svhn", "stl10", "cifar10")


@dataclass(frozen=True)
class Small(Common):
    """What every data set is shown as, unless asked otherwise: 32 x 32 pixels in three colours."""

    size: Annotated[Count | None, "images as size x size pixels", Absent(None)] = 32
    channels: Annotated[Channels | None, "images in grey or rgb", Absent(None)] = "rgb"


@streams.register("five-datasets")
def five_datasets(
    load: Callable[[str], Images],
    seed: int,
    datasets: Annotated[
        tuple[str, ...], "names of data sets, or .npz files, in the order they are learned"
    ] = FIVE,
) -> list[Part]:
    """Digits, letters, house numbers, objects (Ebrahimi et al. 2020; the paper's figure 3), a data set a task."""
    if not datasets:
        raise UserError("stream.datasets is empty; name some, as mnist,svhn")
    return parts_of([load(name) for name in datasets])


@streams.register("sequence")
def sequence(several: Sequence[Images], seed: int) -> list[Part]:
    """Data sets one after the other, one a task: sequence:mnist,svhn,my.npz."""
    return parts_of(several)


def parts_of(several: Sequence[Images]) -> list[Part]:
    """Every data set as one task; one that is there again is called NAME (2)."""
    names = [images.name for images in several]
    called = [f"{name} ({n})" if (n := names[: at + 1].count(name)) > 1 else name for at, name in enumerate(names)]
    return [
        Part(name, images, tuple(range(len(images.classes)))) for name, images in zip(called, several, strict=True)
    ]


five_datasets.common = Small  # type: ignore[attr-defined]
sequence.common = Small  # type: ignore[attr-defined]
