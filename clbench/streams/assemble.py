"""From the parts a stream names to a Stream: scenario, head columns, validation cut, limit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from clbench.config.options import Absent, Count, Fraction, Natural
from clbench.config.scenario import Scenario
from clbench.datasets import Images
from clbench.datasets.source import Source
from clbench.errors import UserError
from clbench.streams.augment import augmentation_of, in_turn
from clbench.streams.budget import Budget
from clbench.streams.draws import generator
from clbench.streams.pixels import Form, flat, joined, key_of, normalisation, padded
from clbench.streams.shown import Channels
from clbench.streams.task import Augment, Split, Stream, Task


@dataclass(frozen=True)
class Part:
    """One task before the scenario is settled: some classes of some images, perhaps with permuted pixels.

    permutation: int64 [pixels] or None; images of all parts have the same shape. augment: a function of a batch
    and a generator that training images go through each time they are shown.
    """

    name: str
    images: Images
    classes: tuple[int, ...]
    permutation: Tensor | None = None
    augment: Augment | None = None


@dataclass(frozen=True)
class Common:
    """Options of every stream."""

    seed: Annotated[Natural, "of class order, permutations and the validation cut; not the run's seeds"] = 0
    validation: Annotated[Fraction, "share of each task's training images held out"] = 0.0
    limit: Annotated[Count | None, "training images a task, at most"] = None
    normalize: Annotated[Literal["unit", "standard"], "pixels to 0..1, or to mean 0 and deviation 1"] = "unit"
    pad: Annotated[Natural, Field(le=256), "pixels of zeros added on every side", Absent(0)] = 0
    first: Annotated[Count | None, "the first so many tasks alone", Absent(None)] = None
    augment: Annotated[
        tuple[str, ...], "what training images go through when they are shown: flip, crop", Absent(())
    ] = ()
    size: Annotated[Count | None, "images as size x size pixels", Absent(None)] = None
    channels: Annotated[Channels | None, "images in grey or rgb", Absent(None)] = None
    skip_broken: Annotated[bool, "leave out image files that cannot be decoded", Absent(False)] = False


def common_of(function: Callable[..., Any]) -> type[Common]:
    """Common, with other defaults where a stream has its own: an attribute `common` of its function."""
    return getattr(function, "common", Common)


def assemble(
    name: str,
    parts: Sequence[Part],
    common: Common,
    scenario: Scenario,
    device: torch.device,
    tested: bool = True,
    budget: Budget = Budget(),
) -> Stream:
    """A Stream of `parts` on `device`. Tasks that draw on the same images share one tensor of them.

    Not `tested`: no test image or label is looked at, and no task has any; so hyper-parameters are chosen.
    budget: of the images that are looked at together.
    """
    if not parts:
        raise UserError(f"stream {name} has no task")
    parts = parts[: common.first]
    pools = {key_of(part.images): part.images for part in parts}
    form = form_of(name, parts, common)
    train = joined([images.x_train for images in pools.values()], form, device)
    test = joined([images.x_test for images in pools.values()], form, device) if tested else None
    scale, shift = normalisation(train, common.normalize, budget)
    train_offsets, test_offsets = offsets(pools, "x_train"), offsets(pools, "x_test") if tested else {}
    tasks, first = [], 0
    for index, part in enumerate(parts):
        start = 0 if scenario == "domain" else first
        columns = (start, start + len(part.classes))
        first += len(part.classes)
        images = part.images

        def split(
            pool: Tensor | Source, rows: Tensor, y: Tensor, offset: int, part: Part = part, start: int = start
        ) -> Split:
            permutation = None if part.permutation is None else part.permutation.to(device).unsqueeze(0)
            labels = torch.searchsorted(torch.tensor(sorted(part.classes)), y[rows])
            place = torch.tensor([part.classes.index(c) for c in sorted(part.classes)])
            labels = (place[labels] + start).to(device)
            return Split(pool, (rows + offset).to(device), labels, permutation, None, scale, shift)

        learn, held = cut(rows_of(images.y_train, part.classes), common, index)
        at = train_offsets[key_of(images)]
        asked = None
        if test is not None:
            tests = rows_of(images.y_test, part.classes)
            asked = split(test, tests, images.y_test, test_offsets[key_of(images)]) if len(tests) else None
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
                augment=in_turn([f for f in (augmentation_of(common.augment), part.augment) if f is not None]),
            )
        )
    outputs = max(task.columns[1] for task in tasks)
    return Stream(name, scenario, tuple(tasks), outputs, tuple(train.shape[1:]), checksums(pools.values()))


def form_of(name: str, parts: Sequence[Part], common: Common) -> Form:
    """How images are shown, the same for all parts; UserError where they cannot be."""
    shapes = sorted({tuple(part.images.x_train.shape[1:]) for part in parts})
    if len(shapes) > 1 or len({part.images.x_train.dtype.is_floating_point for part in parts}) > 1:
        raise UserError(
            f"stream {name}: images of different shapes in one stream: {shapes}; --set stream.size=32 "
            "--set stream.channels=rgb shows all alike"
        )
    permuted = any(part.permutation is not None for part in parts)
    features = len(shapes[0]) == 1
    what = "permutes pixels" if permuted else "is of features" if features else ""
    if what and common.pad:
        why = "before any are added" if permuted else "and not of images"
        raise UserError(f"stream {name} {what} {why}; leave stream.pad at 0")
    if what and (common.augment or any(part.augment for part in parts)):
        raise UserError(f"stream {name} {what}, which cannot be flipped or moved; leave stream.augment empty")
    return flat if permuted or features else padded(common.pad)


def checksums(each: Iterable[Images]) -> dict[str, str]:
    """Of every file that was read. A second file of the same name and other contents is called NAME#2."""
    found: dict[str, str] = {}
    for images in each:
        for file, digest in images.checksums.items():
            names = [file, *(f"{file}#{n}" for n in range(2, len(found) + 2))]
            found[next(name for name in names if found.get(name, digest) == digest)] = digest
    return found


def rows_of(y: Tensor, classes: Sequence[int]) -> Tensor:
    """Indices of the images of these classes, in their order."""
    return torch.isin(y, torch.tensor(list(classes))).nonzero().flatten()


def cut(rows: Tensor, common: Common, index: int) -> tuple[Tensor, Tensor]:
    """Training rows and held-out rows of task `index`: a random cut that depends on the stream's seed alone."""
    order = torch.randperm(len(rows), generator=generator(common.seed, f"validation of task {index}"))
    held = round(common.validation * len(rows))
    learn = order[held:][: common.limit]
    return rows[learn.sort().values], rows[order[:held].sort().values]


def offsets(pools: dict[int, Images], what: str) -> dict[int, int]:
    """Where the images of each data set start among all of them."""
    found, at = {}, 0
    for key, images in pools.items():
        found[key] = at
        at += getattr(images, what).shape[0]
    return found
