"""Permuted streams: the whole data set in every task, its pixels in another order (the paper's Table II)."""

from __future__ import annotations

from math import prod
from typing import Annotated

import torch
from pydantic import Field

from clbench.config.options import Count
from clbench.datasets import Images
from clbench.registry import streams
from clbench.streams.assemble import Part
from clbench.streams.draws import generator


@streams.register("permuted")
def permuted(
    images: Images,
    seed: int,
    tasks: Annotated[Count, Field(le=1000), "number of tasks, each with its own permutation"] = 10,
) -> list[Part]:
    """All classes in every task, the pixels permuted anew: permuted-mnist, permuted:my.npz, ..."""
    pixels, classes = prod(images.x_train.shape[1:]), tuple(range(len(images.classes)))
    orders = [torch.randperm(pixels, generator=generator(seed, f"permutation {t}")) for t in range(tasks)]
    return [Part(f"permutation {t + 1}", images, classes, order) for t, order in enumerate(orders)]
