"""Split CIFAR-100: ten classes a task, or five with --set stream.classes=5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from clbench.config.options import Count
from clbench.datasets import Images
from clbench.registry import streams
from clbench.streams.assemble import Part
from clbench.streams.split import split


@streams.register("split-cifar100")
def split_cifar100(
    load: Callable[[str], Images],
    seed: int,
    tasks: Annotated[Count | None, "number of tasks (default: as many as the classes allow)"] = None,
    classes: Annotated[Count, "classes a task"] = 10,
    shuffle: Annotated[bool, "draw the order of the classes with the stream seed"] = False,
    order: Annotated[tuple[str, ...], "the classes in the order they are learned, by name or number"] = (),
) -> list[Part]:
    """CIFAR-100, ten classes a task (Rebuffi et al. 2017); 20 tasks of five with stream.classes=5."""
    return split(load("cifar100"), seed, tasks, classes, shuffle, order)
