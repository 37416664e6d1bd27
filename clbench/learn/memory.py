"""Images that a method keeps, each seed its own: a reservoir of all it has met, a memory balanced over classes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import torch
from torch import Tensor

from clbench.config.options import Absent, Natural
from clbench.models.params import Params
from clbench.streams.budget import Budget
from clbench.streams.task import Split, Stream, Task

PerClass = Annotated[
    Natural, "images kept of each class, chosen when its task ends (0: memory_size in all)", Absent(0)
]
Share = Callable[[Tensor, Tensor, int], Tensor]  # kept [C], offered [N], size -> [C + N]


def places(seeds: int, size: int, shape: tuple[int, ...], device: torch.device) -> Params:
    """Empty memory: x float32 [S, M, *shape], y int64 [S, M] (column of the head), owner int64 [S, M] (task)."""
    numbers = torch.zeros(seeds, size, dtype=torch.int64, device=device)
    return {"x": torch.zeros(seeds, size, *shape, device=device), "y": numbers, "owner": numbers.clone()}


def picked(stored: Tensor, index: Tensor) -> Tensor:
    """stored [S, M, ...] at index [S, k], each seed's own row: [S, k, ...]."""
    seeds, size = stored.shape[:2]
    first = torch.arange(seeds, device=index.device).unsqueeze(1) * size
    return stored.flatten(0, 1).index_select(0, (first + index).flatten()).unflatten(0, index.shape)


class Reservoir:
    """Of all images met, `size` a seed, every one equally likely (Vitter 1985, algorithm R).

    `tensors` is all it remembers: x, y, owner as in `places`, seen int64 [S] (images met) and, if `outputs` are
    asked for, logits float32 [S, M, outputs]. Seeds that still learn have all met the same number of images.
    """

    def __init__(
        self, seeds: int, size: int, shape: tuple[int, ...], device: torch.device, outputs: int = 0
    ) -> None:
        self.size = size
        self.tensors = places(seeds, size, shape, device)
        self.tensors["seen"] = torch.zeros(seeds, dtype=torch.int64, device=device)
        if outputs:
            self.tensors["logits"] = torch.zeros(seeds, size, outputs, device=device)
        self.met = 0
        self.active: Tensor | None = None

    def recount(self) -> None:
        """After `tensors` came from a checkpoint: how many images the seeds that still learn have met."""
        self.met = int(self.tensors["seen"].max())  # a diverged seed has met fewer

    def add(self, images: Params, active: Tensor, generators: list[torch.Generator]) -> None:
        """Show a batch to the seeds in `active`, bool [S]; images: x, y, owner (and logits), each [S, B, ...].

        The n-th image, from 0, goes to place n while there is room, else to floor(u · (n + 1)), u in [0, 1) from
        the seed's generator, if that is a place; of those that go to one place the last stays.
        """
        seeds, batch = images["y"].shape
        seen = self.tensors["seen"]
        u = torch.zeros(seeds, batch, dtype=torch.float64, device=seen.device)
        for seed in self.learning(active):
            u[seed].uniform_(generator=generators[seed])
        position = torch.arange(batch, device=seen.device).expand(seeds, -1)
        n = seen.unsqueeze(1) + position
        place = torch.where(n < self.size, n, (u * (n + 1)).long())
        nowhere = (place >= self.size) | ~active.unsqueeze(1)
        last = torch.full((seeds, self.size + 1), -1, device=seen.device)
        last.scatter_reduce_(1, place.masked_fill(nowhere, self.size), position, "amax")
        row, taken = (last[:, : self.size] >= 0).nonzero(as_tuple=True)
        for name, given in images.items():
            self.tensors[name][row, taken] = given[row, last[row, taken]]
        seen += batch * active
        self.met += batch

    def draw(self, size: int, active: Tensor, generators: list[torch.Generator]) -> Params | None:
        """`size` of the images kept, or all if they are fewer, none twice: [S, k, ...] each; None if k is 0."""
        kept = min(self.met, self.size)
        if not min(size, kept):
            return None
        seen = self.tensors["seen"]
        index = torch.zeros(len(seen), min(size, kept), dtype=torch.int64, device=seen.device)
        for seed in self.learning(active):
            index[seed] = torch.randperm(kept, generator=generators[seed], device=seen.device)[:size]
        return {name: picked(t, index) for name, t in self.tensors.items() if name != "seen"}

    def learning(self, active: Tensor) -> list[int]:
        """The places of the seeds in `active`; a GPU is asked once for each such tensor, not in every step."""
        if active is not self.active:
            self.active, self.found = active, active.nonzero().flatten().tolist()
        return self.found


class Balanced:
    """As many images of every class, a class being a label of a task (Prabhu et al. 2020, algorithm 1).

    The greedy balancing sampler's outcome, a task at once: it takes an image of a class that holds less than its
    share and removes one of the largest class (of several, the one met first). A class's images stand in random
    order, so removing random ones is keeping the first. `tensors`: x, y, owner as in `places`, filled int64 [S].
    share: how the images kept of each class so far and those offered of new ones become what is kept of each.
    """

    def __init__(self, seeds: int, size: int, stream: Stream, device: torch.device, share: Share) -> None:
        self.quotas = [torch.zeros(0, dtype=torch.int64)]  # after 0, 1, .. tasks: images a class, in order met
        for task in stream.tasks:
            self.quotas.append(share(self.quotas[-1], offered(task), size))
        room = max(size, int(self.quotas[-1].sum()))
        self.tensors = places(seeds, room, stream.input_shape, device)
        self.tensors["filled"] = torch.zeros(seeds, dtype=torch.int64, device=device)

    def wanted(self, task: Task) -> Tensor:
        """How many images of each class of `task` are kept when it has been learned, int64 [classes]."""
        before, after = self.quotas[task.index : task.index + 2]
        return after[len(before) :]

    def add(self, task: Task, active: Tensor, generators: list[torch.Generator]) -> None:
        """Sample the training images of `task` into the memories of the seeds in `active`, bool [S]."""
        self.put(task, active, random_of_each(task, self.wanted(task), active, generators))

    def put(self, task: Task, active: Tensor, rows: Tensor) -> None:
        """Take these training images of `task`, int64 [seeds in active, n]: class by class, the dearest first."""
        before, after = self.quotas[task.index : task.index + 2]
        old = torch.arange(len(before)).repeat_interleave(before)
        stays = first_of_each(old, after).nonzero().flatten().to(active.device)
        y = task.train.labels[rows]
        images = {"x": task.train.take(rows), "y": y, "owner": torch.full_like(y, task.index)}
        count = len(stays) + rows.shape[1]
        for name, added in images.items():
            stored = self.tensors[name]
            stored[active, :count] = torch.cat([stored[active].index_select(1, stays), added], 1)
        self.tensors["filled"][active] = count

    def of(self, tasks: int) -> Params:
        """What is kept after so many tasks: x, y, owner, each [S, m, ...]."""
        kept = int(self.quotas[tasks].sum())
        return {name: t[:, :kept] for name, t in self.tensors.items() if name != "filled"}

    def split(self, tasks: int) -> MemorySplit:
        """What is kept after so many tasks, as training images."""
        x, y, owner = (self.of(tasks)[name] for name in ("x", "y", "owner"))
        return MemorySplit(x, torch.arange(x.shape[1], device=x.device), y, owner=owner)


def offered(task: Task) -> Tensor:
    """Training images of each class of `task`, int64 [classes]."""
    first, stop = task.columns
    return torch.bincount(task.train.labels - first, minlength=stop - first).cpu()


def random_of_each(task: Task, quota: Tensor, active: Tensor, generators: list[torch.Generator]) -> Tensor:
    """Random training images of `task`, quota[c] of class c: rows int64 [seeds in active, n], class by class."""
    labels, device = task.train.labels, active.device
    learning = active.nonzero().flatten().tolist()
    orders = [torch.randperm(len(labels), generator=generators[s], device=device) for s in learning]
    grouped = torch.stack([order[labels[order].argsort(stable=True)] for order in orders])
    classes = (labels.sort().values - task.columns[0]).cpu()
    return grouped[:, first_of_each(classes, quota).to(device)]


def equal(kept: Tensor, offered: Tensor, size: int) -> Tensor:
    """The same number of images of every class, size / classes rounded down, or what there is: as in `quotas`."""
    return torch.cat([kept, offered]).clamp(max=size // (len(kept) + len(offered)))


def up_to(kept: Tensor, offered: Tensor, size: int) -> Tensor:
    """`size` images of every class, or what there is: as in `quotas`."""
    return torch.cat([kept, offered]).clamp(max=size)


def herding(features: Tensor, count: int) -> Tensor:
    """Rows int64 [count] of features [n, D], each the one that brings their mean nearest to the mean of all.

    Rebuffi et al. 2017, algorithm 4; no row twice.
    """
    mean, lengths = features.mean(0), features.square().sum(1)
    missing = mean.clone()  # k times the mean, less the sum of those chosen: |missing - row| / k is the distance
    chosen: list[int] = []
    for _ in range(count):
        distance = lengths - 2 * (features @ missing)  # squared, times k^2, without what is the same for all rows
        distance[chosen] = torch.inf
        chosen.append(int(distance.argmin()))
        missing += mean - features[chosen[-1]]
    return torch.tensor(chosen, dtype=torch.int64, device=features.device)


def quotas(kept: Tensor, offered: Tensor, size: int) -> Tensor:
    """Images a class in a memory of `size`: kept int64 [C] so far, offered int64 [N] of new classes -> [C + N].

    A new class takes its share, size / (C + N) rounded up, if it has so many; then the largest are lowered to
    fit, so that two classes differ by at most one or by what there was of them.
    """
    share = -(-size // (len(kept) + len(offered)))
    wanted = torch.cat([kept, offered.clamp(max=share)])
    if wanted.sum() <= size:
        return wanted
    level = bisect_right(range(size + 1), size, key=lambda most: int(wanted.clamp(max=most).sum())) - 1
    found = wanted.clamp(max=level)
    spare = size - int(found.sum())
    larger = (wanted > level).nonzero().flatten()
    found[larger[len(larger) - spare :]] += 1
    return found


def first_of_each(classes: Tensor, quota: Tensor) -> Tensor:
    """classes int64 [n], sorted -> bool [n]: the first quota[c] of every class c."""
    count = torch.bincount(classes, minlength=len(quota))
    rank = torch.arange(len(classes)) - (count.cumsum(0) - count)[classes]
    return rank < quota[classes]


@dataclass(frozen=True)
class MemorySplit(Split):
    """Training images that differ from seed to seed: images [S, M, ...], labels and owner [S, M]."""

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        owner = None if self.owner is None else picked(self.owner, index)
        assert isinstance(self.images, Tensor)
        return picked(self.images, index), picked(self.labels, index), owner

    def dense(self, budget: Budget) -> Split:
        return self


@dataclass(frozen=True)
class WithMemory(Split):
    """The training images of a task, and after them those of a memory: labels and owner [S, N + M].

    images, rows: of the task alone, but that there are N + M rows; new: its N images; kept: [S, M, ...].
    """

    new: Split | None = None
    kept: Tensor | None = None

    def __getitem__(self, index: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        assert self.new is not None
        assert self.kept is not None
        assert self.owner is not None
        place = index - len(self.new)
        x, kept = self.new.take(index.clamp(max=len(self.new) - 1)), picked(self.kept, place.clamp(min=0))
        remembered = (place >= 0).view(*place.shape, *[1] * (x.dim() - 2))
        return torch.where(remembered, kept, x), picked(self.labels, index), picked(self.owner, index)

    def dense(self, budget: Budget) -> Split:
        assert self.new is not None
        return replace(self, new=self.new.dense(budget))


def with_memory(task: Task, kept: Params) -> WithMemory:
    """kept: x, y, owner of a memory, each [S, M, ...]."""
    new, (seeds, count) = task.train, kept["y"].shape
    rows = torch.arange(len(new) + count, device=new.rows.device)
    owner = torch.full_like(new.labels, task.index)
    y, owner = (
        torch.cat([t.expand(seeds, -1), more], 1) for t, more in ((new.labels, kept["y"]), (owner, kept["owner"]))
    )
    return WithMemory(new.images, rows, y, owner=owner, new=new, kept=kept["x"])


def of_all_so_far(task: Task) -> Task:
    """`task` with the columns of every task up to it, for batches of several tasks, which say their owners."""
    return replace(task, columns=(0, task.columns[1]), unites=task.index + 1)
