"""From the parts a stream names to a Stream: scenario, head columns, validation cut, limit, normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from clbench.datasets import Images
from clbench.errors import UserError
from clbench.learn.params import generator
from clbench.learn.task import Scenario, Split, Stream, Task
from clbench.options import Count, Fraction, Natural


@dataclass(frozen=True)
class Part:
    """One task before the scenario is settled: some classes of some images, perhaps with permuted pixels.

    permutation: int64 [pixels] or None; images of all parts have the same shape.
    """

    name: str
    images: Images
    classes: tuple[int, ...]
    permutation: Tensor | None = None


@dataclass(frozen=True)
class Common:
    """Options of every stream."""

    seed: Annotated[Natural, "of class order, permutations and the validation cut; not the run's seeds"] = 0
    validation: Annotated[Fraction, "share of each task's training images held out"] = 0.0
    limit: Annotated[Count | None, "training images a task, at most"] = None
    normalize: Annotated[Literal["unit", "standard"], "pixels to 0..1, or to mean 0 and deviation 1"] = "unit"
    pad: Annotated[Natural, Field(le=256), "pixels of zeros added on every side"] = 0
    first: Annotated[Count | None, "the first so many tasks alone"] = None


def assemble(
    name: str,
    parts: Sequence[Part],
    common: Common,
    scenario: Scenario,
    device: torch.device,
    tested: bool = True,
) -> Stream:
    """A Stream of `parts` on `device`. Tasks that draw on the same images share one tensor of them.

    Not `tested`: no test image or label is looked at, and no task has any; so hyper-parameters are chosen.
    """
    if not parts:
        raise UserError(f"stream {name} has no task")
    parts = parts[: common.first]
    pools = {part.images.name: part.images for part in parts}
    shapes = {tuple(images.x_train.shape[1:]) for images in pools.values()}
    if len(shapes) > 1:
        raise UserError(f"stream {name}: images of different shapes in one stream: {sorted(shapes)}")
    permuted = parts[0].permutation is not None
    if permuted and common.pad:
        raise UserError(f"stream {name} permutes pixels before any are added; leave stream.pad at 0")
    pool = flat if permuted else padded(common.pad)
    train = torch.cat([pool(i.x_train) for i in pools.values()]).to(device)
    test = torch.cat([pool(i.x_test) for i in pools.values()]).to(device) if tested else None
    scale, shift = normalisation(train, common.normalize)
    train_offsets, test_offsets = offsets(pools, "x_train"), offsets(pools, "x_test") if tested else {}
    tasks, first = [], 0
    for index, part in enumerate(parts):
        start = 0 if scenario == "domain" else first
        columns = (start, start + len(part.classes))
        first += len(part.classes)
        images = part.images

        def split(pool: Tensor, rows: Tensor, y: Tensor, offset: int, part=part, start=start) -> Split:
            permutation = None if part.permutation is None else part.permutation.to(device).unsqueeze(0)
            labels = torch.searchsorted(torch.tensor(sorted(part.classes)), y[rows])
            place = torch.tensor([part.classes.index(c) for c in sorted(part.classes)])
            labels = (place[labels] + start).to(device)
            return Split(pool, (rows + offset).to(device), labels, permutation, None, scale, shift)

        learn, held = cut(rows_of(images.y_train, part.classes), common, index)
        at = train_offsets[images.name]
        asked = None
        if test is not None:
            tests = rows_of(images.y_test, part.classes)
            asked = split(test, tests, images.y_test, test_offsets[images.name]) if len(tests) else None
        if not len(learn) or (tested and asked is None):
            raise UserError(f"stream {name}: task {index + 1} ({part.name}) has no training or no test images")
        tasks.append(
            Task(
                index=index,
                name=part.name,
                columns=columns,
                train=split(train, learn, images.y_train, at),
                test=asked,
                validation=split(train, held, images.y_train, at) if len(held) else None,
            )
        )
    checksums = {file: digest for images in pools.values() for file, digest in images.checksums.items()}
    outputs = max(task.columns[1] for task in tasks)
    return Stream(name, scenario, tuple(tasks), outputs, tuple(train.shape[1:]), checksums)


def flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def padded(by: int) -> Callable[[Tensor], Tensor]:
    """[N, height, width, channels] -> [N, channels, height + 2 · by, width + 2 · by]."""
    return lambda x: F.pad(x.movedim(-1, 1), (by, by, by, by)).contiguous()


def rows_of(y: Tensor, classes: Sequence[int]) -> Tensor:
    """Indices of the images of these classes, in their order."""
    return torch.isin(y, torch.tensor(list(classes))).nonzero().flatten()


def cut(rows: Tensor, common: Common, index: int) -> tuple[Tensor, Tensor]:
    """Training rows and held-out rows of task `index`: a random cut that depends on the stream's seed alone."""
    order = torch.randperm(len(rows), generator=generator(common.seed, f"validation of task {index}"))
    held = round(common.validation * len(rows))
    learn = order[held:][: common.limit]
    return rows[learn.sort().values], rows[order[:held].sort().values]


def normalisation(train: Tensor, how: str) -> tuple[float, float]:
    """(scale, shift) with x · scale - shift as the network's input, from the training images alone."""
    if how == "unit":
        return 1 / 255, 0.0
    counts = torch.bincount(train.flatten(), minlength=256).double()
    values = torch.arange(256, dtype=torch.float64, device=train.device)
    mean = float((counts * values).sum() / counts.sum())
    deviation = max(float((counts * (values - mean) ** 2).sum() / counts.sum()) ** 0.5, 1e-8)
    return 1 / deviation, mean / deviation


def offsets(pools: dict[str, Images], what: str) -> dict[str, int]:
    """Where each data set's images start in the pool."""
    found, at = {}, 0
    for name, images in pools.items():
        found[name] = at
        at += len(getattr(images, what))
    return found
