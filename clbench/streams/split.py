"""Split streams: the classes of one data set, a few a task (Zenke et al. 2017; the paper's Table I)."""

from __future__ import annotations

from typing import Annotated

import torch

from clbench.config.options import Absent, Count, did_you_mean
from clbench.datasets import Images
from clbench.errors import UserError
from clbench.registry import streams
from clbench.streams.assemble import Part
from clbench.streams.draws import generator


@streams.register("split")
def split(
    images: Images,
    seed: int,
    tasks: Annotated[Count | None, "number of tasks (default: as many as the classes allow)"] = None,
    classes: Annotated[Count, "classes a task"] = 2,
    shuffle: Annotated[bool, "draw the order of the classes with the stream seed"] = False,
    order: Annotated[
        tuple[str, ...], "the classes in the order they are learned, by name or number", Absent(())
    ] = (),
) -> list[Part]:
    """The classes of a data set, a few a task: split-mnist, split-digits, split:my.npz, ..."""
    total = len(images.classes)
    if order and shuffle:
        raise UserError("stream.order names the classes, and stream.shuffle draws their order; leave one out")
    drawn = torch.randperm(total, generator=generator(seed, "class order")).tolist() if shuffle else range(total)
    learned = numbers_of(order, images) if order else list(drawn)
    tasks = tasks or len(learned) // classes
    if tasks * classes > len(learned) or not tasks:
        has = f"stream.order names {len(learned)}" if order else f"{images.name} has {total}"
        raise UserError(f"{has} classes: too few for {tasks} tasks of {classes} classes each")
    groups = [tuple(learned[t * classes : (t + 1) * classes]) for t in range(tasks)]
    return [Part("/".join(images.classes[c] for c in group), images, group) for group in groups]


def numbers_of(order: tuple[str, ...], images: Images) -> list[int]:
    """The classes that are named, by name or else by number; UserError where one is unknown or there twice."""
    found = []
    for name in order:
        if name in images.classes:
            found.append(images.classes.index(name))
        elif name.isdecimal() and int(name) < len(images.classes):
            found.append(int(name))
        else:
            numbers = f", or a number below {len(images.classes)}"
            hint = did_you_mean(name, images.classes)
            raise UserError(f"stream.order: {images.name} has no class {name!r}; {hint}{numbers}")
    again = next((name for name, n in zip(order, found, strict=True) if found.count(n) > 1), None)
    if again is not None:
        raise UserError(f"stream.order names class {again!r} twice")
    return found
