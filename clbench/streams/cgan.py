"""Streams for generators: the classes of a data set, one a task (the paper's section IV-C)."""

from __future__ import annotations

from typing import Annotated

from clbench.config.options import Absent, Count
from clbench.datasets import Images
from clbench.registry import streams
from clbench.streams.assemble import Part
from clbench.streams.split import split

TWO_TASKS = ("svhn",)  # which the paper learns in two halves: figure 5


@streams.register("cgan")
def cgan(
    images: Images,
    seed: int,
    tasks: Annotated[Count | None, "number of tasks (default: as many as the classes allow)"] = None,
    classes: Annotated[Count | None, "classes a task (default: one; of svhn, half of them)"] = None,
    order: Annotated[
        tuple[str, ...], "the classes in the order they are learned, by name or number", Absent(())
    ] = (),
) -> list[Part]:
    """Classes for a generator to learn, one a task (cgan-mnist), or in halves (cgan-svhn): Table III."""
    if classes is None:
        classes = len(images.classes) // 2 if images.name in TWO_TASKS else 1
    return split(images, seed, tasks=tasks, classes=classes, order=order)


cgan.network = "dcgan"  # type: ignore[attr-defined]
