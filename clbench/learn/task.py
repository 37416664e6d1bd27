"""What a method is shown: splits of images, tasks, the stream of them, and the batch of one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

Scenario = Literal["task", "domain", "class"]


@dataclass(frozen=True)
class Split:
    """Labelled images on the device. Tasks share one tensor of images; a split says which rows it has.

    images: uint8 [M, pixels...], rows: int64 [N], labels: int64 [N] (column of the head).
    permutations: int64 [P, pixels] or None; owner: int64 [N], the task (and permutation) of each row, or None
    where all rows are of one task.
    """

    images: Tensor
    rows: Tensor
    labels: Tensor
    permutations: Tensor | None = None
    owner: Tensor | None = None
    scale: float = 1 / 255
    shift: float = 0.0
    whole: bool = False  # rows are all images in their order

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Images, labels and owners at `index`, int64 [S, B]: one row of it a seed."""
        return self.take(index), self.labels[index], None if self.owner is None else self.owner[index]

    def take(self, index: Tensor | slice) -> Tensor:
        """Images [*index, pixels...] as float32, scaled and permuted."""
        x = self.stored(index)
        if self.permutations is not None and len(self.permutations) == 1:
            x = x.index_select(-1, self.permutations[0])
        elif self.permutations is not None and self.owner is not None:
            x = x.gather(-1, self.permutations[self.owner[index]])
        return x if x.is_floating_point() else x.float().mul_(self.scale).sub_(self.shift)

    def stored(self, index: Tensor | slice) -> Tensor:
        """Images [*index, pixels...] as they are stored; index_select gathers faster than an index does."""
        if self.whole and isinstance(index, slice):
            return self.images[index]
        rows = self.rows[index]
        return self.images.index_select(0, rows.flatten()).unflatten(0, rows.shape)

    def dense(self) -> Split:
        """The same split with its own float images, so that a batch is one index. Permutes once."""
        if self.permutations is not None and len(self.permutations) > 1:
            return self  # joint training: one copy a task would not fit
        rows = torch.arange(len(self), device=self.rows.device)
        return replace(self, images=self.take(rows), rows=rows, permutations=None, whole=True)


@dataclass(frozen=True)
class Task:
    """One task. `columns`: the head's outputs it uses, [start, stop). test: None if only validation is scored.

    unites: of how many tasks its training images are; what an option counts for a task, it gets so many times.
    """

    index: int
    name: str
    columns: tuple[int, int]
    train: Split
    test: Split | None
    validation: Split | None = None
    unites: int = 1


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
    """One split of those of all tasks, in their order."""
    permutations = [p.permutations for p in parts if p.permutations is not None]
    return replace(
        parts[0],
        rows=torch.cat([p.rows for p in parts]),
        labels=torch.cat([p.labels for p in parts]),
        permutations=torch.cat(permutations) if permutations else None,
        owner=torch.cat([torch.full_like(p.rows, i) for i, p in enumerate(parts)]),
    )


@dataclass(frozen=True)
class Batch:
    """One step's images: x [S, B, ...], y [S, B] (columns of the head).

    owner: [S, B], the task of each row, or None where all are of `task`. epoch: within the fit, from 0.
    progress: 0 at the first step of an epoch to 1 at its last. rate: the learning rate / (1 - momentum), how far a
    constant unit gradient moves a weight. index: [S, B], where in the split the rows stand.
    """

    x: Tensor
    y: Tensor
    task: Task
    owner: Tensor | None = None
    index: Tensor | None = None
    epoch: int = 0
    progress: float = 0.0
    rate: float = 0.0
