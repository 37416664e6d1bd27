"""What a method is shown: splits of images, tasks, the stream of them, and the batch of one step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from math import prod

import torch
from torch import Tensor

from clbench.config.scenario import Scenario
from clbench.datasets.source import Source, source_of
from clbench.streams.budget import FLOAT, Budget

AT_ONCE = 2000  # images that are turned to floats together, at most

Augment = Callable[
    [Tensor, torch.Generator], Tensor
]  # images of one seed [B, ...] as shown -> others in their place
Index = Tensor | slice | tuple[slice, slice]


@dataclass(frozen=True)
class Split:
    """Labelled images on the device. Tasks share one source of images; a split says which rows it has.

    images: uint8 [M, pixels...] or features, float [M, D]. rows, labels: int64 [N] (labels: column of the head).
    permutations: int64 [P, pixels] or None; owner: int64 [N], the task (and permutation) of each row, or None
    where all rows are of one task. scale, shift: what a network is shown is scale · image - shift.
    """

    images: Tensor | Source
    rows: Tensor
    labels: Tensor
    permutations: Tensor | None = None
    owner: Tensor | None = None
    scale: float | Tensor = 1 / 255
    shift: float | Tensor = 0.0
    whole: bool = False  # rows are all images in their order, and these are floats as a network is shown them

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Images, labels and owners at `index`, int64 [S, B]: one row of it a seed."""
        return self.take(index), self.labels[index], None if self.owner is None else self.owner[index]

    @property
    def numbers(self) -> int:
        """Of one image."""
        return prod(self.images.shape[1:])

    def shown(self, part: slice, seeds: int) -> tuple[Tensor, Tensor]:
        """Images [S, B, ...] and labels [S, B] of a part of it, to all seeds the same."""
        x, y = self.take(part), self.labels[part]
        return x.expand(seeds, *x.shape), y.expand(seeds, -1)

    def take(self, index: Index) -> Tensor:
        """Images [*index, pixels...] as float32, scaled and permuted."""
        x = self.permuted(index)
        if self.whole:
            return x
        x = x.to(torch.float32, copy=True).mul_(self.scale)
        return x.sub_(self.shift) if isinstance(self.shift, Tensor) or self.shift else x

    def permuted(self, index: Index) -> Tensor:
        """The same as they are stored, but for their pixels' order."""
        x = self.stored(index)
        if self.permutations is not None and len(self.permutations) == 1:
            return x.index_select(-1, self.permutations[0])
        if self.permutations is not None and self.owner is not None:
            return x.gather(-1, self.permutations[self.owner[index]])
        return x

    def stored(self, index: Index) -> Tensor:
        """Images [*index, pixels...] as they are stored; index_select gathers faster than an index does."""
        if self.whole and isinstance(index, slice) and isinstance(self.images, Tensor):
            return self.images[index]
        rows = self.rows[index]
        return source_of(self.images).take(rows.flatten()).unflatten(0, rows.shape)

    @property
    def numbers_dense(self) -> int:
        """Floats that `dense` takes the room of: bytes stay bytes."""
        bytes_each = 1 if self.images.dtype == torch.uint8 else FLOAT
        return -(-len(self) * self.numbers * bytes_each // FLOAT)

    def dense(self, budget: Budget) -> Split:
        """The same split with images of its own, in order, where they fit: a batch is one index. Permutes once.

        Bytes stay bytes, and become floats a batch at a time, which takes no longer than to gather floats.
        """
        in_order = self.permutations is None and isinstance(self.images, Tensor)
        of_bytes = self.images.dtype == torch.uint8
        if self.whole or (of_bytes and in_order) or not budget.keeps(self.numbers_dense):
            return self
        rows = torch.arange(len(self), device=self.rows.device)
        dtype = torch.uint8 if of_bytes else torch.float32
        images = torch.empty(len(self), *self.images.shape[1:], dtype=dtype, device=rows.device)
        for part in rows.split(budget.images_at_once(self.numbers, AT_ONCE)):
            images[part[0] : part[-1] + 1] = self.permuted(part) if of_bytes else self.take(part)
        return replace(self, images=images, rows=rows, permutations=None, whole=not of_bytes)


@dataclass(frozen=True)
class Drawn(Split):
    """Of another split's images some, each seed its own: rows, labels and owner are [S, N]."""

    @classmethod
    def of(cls, split: Split, index: Tensor) -> Drawn:
        """index: int64 [S, N]."""
        own = {"rows": split.rows[index], "labels": split.labels[index]}
        own |= {} if split.owner is None else {"owner": split.owner[index]}
        return cls(**{f.name: getattr(split, f.name) for f in fields(split)} | own)

    def __len__(self) -> int:
        return self.rows.shape[1]

    def shown(self, part: slice, seeds: int) -> tuple[Tensor, Tensor]:
        mine = (slice(None), part)
        return self.take(mine), self.labels[mine]


@dataclass(frozen=True)
class Task:
    """One task. `columns`: the head's outputs it uses, [start, stop). test: None if only validation is scored.

    augment: what training images go through each time they are shown, on the device; None: as they are.
    unites: of how many tasks its training images are; what an option counts for a task, it gets so many times.
    """

    index: int
    name: str
    columns: tuple[int, int]
    train: Split
    test: Split | None
    validation: Split | None = None
    unites: int = 1
    augment: Augment | None = None


@dataclass(frozen=True)
class Stream:
    """Tasks in the order they are learned, and what they have in common."""

    name: str
    scenario: Scenario
    tasks: tuple[Task, ...]
    outputs: int  # of the whole head
    input_shape: tuple[int, ...]
    checksums: dict[str, str]

    def union(self) -> Task:
        """All tasks as one, for joint training: every row keeps the task it came from as its owner."""
        train = pooled([t.train for t in self.tasks])
        test, held = whole([t.test for t in self.tasks]), whole([t.validation for t in self.tasks])
        return Task(0, "all tasks", (0, self.outputs), train, test, held, len(self.tasks))


def whole(parts: Sequence[Split | None]) -> Split | None:
    """The splits of all tasks as one; None where a task has none."""
    there = [part for part in parts if part is not None]
    return pooled(there) if len(there) == len(parts) else None


def pooled(parts: Sequence[Split]) -> Split:
    """One split of those of all tasks, in their order: they share their source of images, and how it is shown."""
    return replace(
        parts[0],
        rows=torch.cat([p.rows for p in parts]),
        labels=torch.cat([p.labels for p in parts]),
        permutations=orders(parts),
        owner=torch.cat([torch.full_like(p.rows, i) for i, p in enumerate(parts)]),
    )


def orders(parts: Sequence[Split]) -> Tensor | None:
    """A permutation a part, the identity for parts without one; None where no part has any."""
    if all(p.permutations is None for p in parts):
        return None
    plain = torch.arange(parts[0].numbers, device=parts[0].rows.device).unsqueeze(0)
    return torch.cat([plain if p.permutations is None else p.permutations for p in parts])


@dataclass(frozen=True)
class Batch:
    """One step's images: x [S, B, ...], y [S, B] (columns of the head).

    owner: [S, B], the task of each row, or None where all are of `task`. epoch: within the fit, from 0.
    progress: 0 at the first step of an epoch to 1 at its last. rate: the learning rate / (1 - momentum), how far a
    constant unit gradient moves a weight. index: [S, B], where in the split the rows stand. plain: the images
    before they were augmented, None where they were not. own: how many rows, the first ones, are the split's; the
    others were added by a method (None: all are). weight: [B], of each row in a mean, 1 in all; None: all alike.
    """

    x: Tensor
    y: Tensor
    task: Task
    owner: Tensor | None = None
    index: Tensor | None = None
    epoch: int = 0
    progress: float = 0.0
    rate: float = 0.0
    plain: Tensor | None = None
    own: int | None = None
    weight: Tensor | None = None

    def mean(self, each: Tensor) -> Tensor:
        """Of a number a row [S, B], the mean [S]."""
        return each.mean(1) if self.weight is None else (each * self.weight).sum(1)

    @property
    def unaugmented(self) -> Tensor:
        """The images as they are kept."""
        return self.x if self.plain is None else self.plain
