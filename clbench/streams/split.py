"""Split streams: the classes of one data set, a few a task (Zenke et al. 2017; the paper's Table I)."""

from __future__ import annotations

from typing import Annotated

import torch

from clbench.datasets import Images
from clbench.errors import UserError
from clbench.learn.params import generator
from clbench.options import Count
from clbench.registry import streams
from clbench.streams.assemble import Part


@streams.register("split")
def split(
    images: Images,
    seed: int,
    tasks: Annotated[Count | None, "number of tasks (default: as many as the classes allow)"] = None,
    classes: Annotated[Count, "classes a task"] = 2,
    shuffle: Annotated[bool, "draw the order of the classes with the stream seed"] = False,
) -> list[Part]:
    """The classes of a data set, a few a task: split-mnist, split-digits, split:my.npz, ..."""
    total = len(images.classes)
    tasks = tasks or total // classes
    if tasks * classes > total or not tasks:
        raise UserError(f"{images.name} has {total} classes: too few for {tasks} tasks of {classes} classes each")
    order = list(range(total))
    if shuffle:
        order = torch.randperm(total, generator=generator(seed, "class order")).tolist()
    groups = [tuple(order[t * classes : (t + 1) * classes]) for t in range(tasks)]
    return [Part("/".join(images.classes[c] for c in group), images, group) for group in groups]
