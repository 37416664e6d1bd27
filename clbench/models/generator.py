"""What models that paint images have in common: samples of a class, and how near they come to real ones."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.config.options import Absent, Count
from clbench.datasets.cache import cache_folder
from clbench.errors import UserError
from clbench.models.base import Model
from clbench.models.features import inception, lenet
from clbench.models.features.base import Features
from clbench.models.features.lenet import LeNetFeatures
from clbench.models.params import Params
from clbench.results import SHEET
from clbench.scores import FID, FID_LENET
from clbench.scores.fid.distance import frechet, statistics_of
from clbench.streams.draws import generator
from clbench.streams.task import Split, Stream, Task

if TYPE_CHECKING:
    from clbench.learn.trainer import Trainer

COLLAPSED = 0.1  # of the variance of real images: below it, samples of a class are nearly one image


@dataclass(frozen=True)
class Scoring:
    """How the samples of any generator are scored."""

    samples: Annotated[Count, "samples a class to score it by, at most as many as it has real images"] = 1000
    features: Annotated[Literal["lenet", "inception"], "of images, whose distributions FID compares"] = "lenet"
    fid_weights: Annotated[str | None, "file of pytorch-fid's Inception weights", Absent(None)] = None


@dataclass(frozen=True)
class Looked:
    """Images of one class as the features see them. features: float [N, D]. read: share that is read rightly."""

    features: Tensor
    read: float
    variance: float  # of a pixel over the images, mean of all pixels


class Generator(Model):
    """Paints images of the classes of the tasks that it has learned; its score is FID, lower is better.

    R[stage][task] compares samples of the task's classes, as many of each as there are real test images of it (at
    most `samples`), with these. A kind of generator says what it paints from (`codes`) and paints (`paint`).
    """

    score = FID_LENET
    settings: ClassVar[type | None] = Scoring

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if why := unlike_pixels(self.stream):
            raise UserError(f"a generator {why}")
        if self.options.features == "inception":
            self.score = FID
        self.seen_by: tuple[Features, LeNetFeatures] | None = None  # what FID goes by, and what reads classes
        self.real: dict[int, list[Looked]] = {}  # of a task's test images, by class
        self.painted: dict[int, list[list[Looked]]] = {}  # of a task's samples, by seed and class

    @property
    def offers(self) -> frozenset[str]:
        return frozenset({"likelihood", "uncertainty", "sampling"})

    @property
    @abstractmethod
    def painter(self) -> Params:
        """What it paints with, of all tasks."""

    @abstractmethod
    def codes(self, owner: Tensor, y: Tensor, draws: Sequence[torch.Generator | None]) -> Tensor:
        """What images of these tasks and classes, int64 [S, B], are painted from, [S, B, ...]."""

    @abstractmethod
    def paint(self, codes: Tensor, owner: Tensor, instead: Params | None = None) -> Tensor:
        """Images as the stream shows them, pixels in 0..1, [S, B, ...]. instead: as in a call."""

    def sample(
        self,
        owner: Tensor,
        y: Tensor,
        draws: Sequence[torch.Generator | None],
        instead: Params | None = None,
    ) -> Tensor:
        """Images of these tasks and classes, [S, B, ...]; a seed without a generator draws nothing."""
        return self.paint(self.codes(owner, y, draws), owner, instead)

    def normal(self, rows: int, numbers: int, draws: Sequence[torch.Generator | None]) -> Tensor:
        """Standard normal numbers [S, rows, numbers], each seed's from its own generator; zeros without one."""
        found = torch.zeros(len(draws), rows, numbers, device=self.device)
        for part, g in zip(found, draws, strict=True):
            if g is not None:
                part.normal_(generator=g)
        return found

    @property
    def learning(self) -> list[torch.Generator | None]:
        """The generators that training draws from."""
        return self.drawing(self.noise.generators)

    @abstractmethod
    def used(self, seen: int) -> int:
        """How many of the parts of a head the first `seen` tasks use."""

    def parameters_at(self, seen: int) -> int:
        """Numbers of one seed's networks, with the parts of the heads that the first `seen` tasks use."""
        heads = {name for name, slot in self.slots.items() if slot.role == "head"}
        parts = self.used(seen) if heads else 0
        return sum(parts * p[0, 0].numel() if n in heads else p[0].numel() for n, p in self.params.items())

    def examples(self, trainer: Trainer, task: Task, at_once: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Codes of as many samples of the task's classes as it has training images, and the classes.

        Importance needs no image of an old task. The classes come in turn, so that all are there equally often.
        """
        draws = self.drawing(trainer.generators("importance codes"))
        start, stop = task.columns
        with self.evaluation(), self.statistics_of(task.index):
            for rows in torch.arange(len(task.train), device=self.device).split(at_once):
                y = (start + rows % (stop - start)).expand(len(self.seeds), -1)
                yield self.codes(torch.full_like(y, task.index), y, draws), y

    # -- scores ---------------------------------------------------------------------------------------------------

    def evaluate(self, trainer: Trainer, task: Task, split: Split) -> list[float]:
        """FID of the task's samples to its images in `split`; of a task that is still to be learned none."""
        if task.index >= self.seen:
            return [nan] * len(self.seeds)
        real = self.real_of(trainer, task, split)
        wanted = [len(one.features) for one in real]
        self.painted[task.index] = [self.look(trainer, task, seed, wanted) for seed in range(len(self.seeds))]
        return [self.distance(real, painted) for painted in self.painted[task.index]]

    def distance(self, real: Sequence[Looked], painted: Sequence[Looked]) -> float:
        a, b = (torch.cat([one.features for one in each]) for each in (real, painted))
        if not bool(b.isfinite().all()):
            return nan
        return frechet(statistics_of(a), statistics_of(b)).value

    def real_of(self, trainer: Trainer, task: Task, split: Split) -> list[Looked]:
        """The task's images in `split`, class by class, the first `samples` of each."""
        if task.index not in self.real:
            both, found = self.features_of(trainer), []
            for place, y in enumerate(range(*task.columns)):
                rows = (split.labels == y).nonzero().flatten()[: self.options.samples]
                if len(rows) < 2:
                    raise UserError(
                        f"task {task.name}: FID needs two real test images of every class, and a class has "
                        f"{len(rows)}"
                    )
                found.append(looked(*both, as_bytes(split.take(rows)), self.first_class(task) + place))
            self.real[task.index] = found
        return self.real[task.index]

    def look(self, trainer: Trainer, task: Task, seed: int, wanted: Sequence[int]) -> list[Looked]:
        """Samples of one seed, `wanted` of each of the task's classes."""
        both, found = self.features_of(trainer), []
        draws = [generator(self.seeds[seed], f"samples of task {task.index}", self.device)]
        for place, (y, count) in enumerate(zip(range(*task.columns), wanted, strict=True)):
            images = self.samples_of(seed, task, y, count, draws, trainer.scored_at_once(task.train))
            found.append(looked(*both, images, self.first_class(task) + place))
        return found

    def samples_of(
        self, seed: int, task: Task, y: int, count: int, draws: list[torch.Generator], at_once: int
    ) -> Tensor:
        """Samples of one class by one seed, uint8 [count, ...]."""
        parts = []
        with self.evaluation(), self.statistics_of(task.index), self.as_seed(seed, {}), torch.no_grad():
            for start in range(0, count, at_once):
                rows = min(at_once, count - start)
                owner = torch.full((1, rows), task.index, device=self.device)
                parts.append(as_bytes(self.sample(owner, torch.full_like(owner, y), draws)[0]))
        return torch.cat(parts)

    def first_class(self, task: Task) -> int:
        """The number, among all of the stream's classes, of the first class of a task."""
        return sum(width(t) for t in self.stream.tasks[: task.index])

    def features_of(self, trainer: Trainer) -> tuple[Features, LeNetFeatures]:
        """What FID goes by, and what reads classes: a LeNet trained on the stream's own training images, once."""
        if len(self.stream.input_shape) != 3:
            raise UserError(f"FID is of images, and {self.stream.name} shows their pixels in another order")
        if self.seen_by is None:
            train = self.labelled([task.train for task in self.stream.tasks])
            held = self.labelled([task.test or task.validation for task in self.stream.tasks])
            reader = lenet.trained(*train, cache_folder("fid"), self.device, *held)
            self.seen_by = (reader, reader)
            if self.options.features == "inception":
                weights = self.options.fid_weights
                self.seen_by = (inception.loaded(Path(weights) if weights else None, self.device), reader)
        return self.seen_by

    def labelled(self, splits: Sequence[Split | None]) -> tuple[Tensor, Tensor]:
        """The images of a split a task, uint8 [N, C, H, W], and the numbers of their classes."""
        images, labels = [], []
        for task, split in zip(self.stream.tasks, splits, strict=True):
            if split is not None:
                images.append(as_bytes(split.take(slice(None))))
                labels.append(split.labels + self.first_class(task) - task.columns[0])
        return torch.cat(images), torch.cat(labels)

    # -- what is recorded of a stage ------------------------------------------------------------------------------

    def account(self, trainer: Trainer, tasks: Sequence[Task]) -> list[dict[str, Any]] | None:
        """Of each seed: FID of each class and of all together, what was read, variance; what looks wrong."""
        return [self.account_of(trainer, tasks, seed) for seed in range(len(self.seeds))]

    def account_of(self, trainer: Trainer, tasks: Sequence[Task], seed: int) -> dict[str, Any]:
        features, reader = self.features_of(trainer)
        found: dict[str, Any] = {"features": features.name, "features_sha256": features.sha256}
        found |= {"reader_sha256": reader.sha256, "reader_accuracy": reader.accuracy}
        real = [one for task in tasks for one in self.real[task.index]]
        painted = [one for task in tasks for one in self.painted[task.index][seed]]
        names = [name for task in tasks for name in classes_of(task)]
        if real:
            found["count"] = sum(len(one.features) for one in real)
            found["pooled"] = finite(self.distance(real, painted))
        pairs = list(zip(names, real, painted, strict=True))
        found["fid"] = {name: finite(self.distance([a], [b])) for name, a, b in pairs}
        found["read"] = {name: b.read for name, _, b in pairs}
        found["spread"] = {name: finite(b.variance / max(a.variance, 1e-12)) for name, a, b in pairs}
        return {**found, "warnings": self.warnings(found)}

    def warnings(self, found: Mapping[str, Any]) -> list[str]:
        """What looks wrong with a stage, a sentence each."""
        flat = [n for n, share in found["spread"].items() if share is not None and share < COLLAPSED]
        words = f"samples of {', '.join(flat)} have collapsed: their pixels vary less than {COLLAPSED:.0%} of real"
        return [f"{words} images' do"] if flat else []

    def grid(self, trainer: Trainer, tasks: Sequence[Task], seed: int) -> list[Tensor]:
        """The same codes at every stage, painted: for each class uint8 [SHEET, C, H, W]."""
        draws = [generator(self.seeds[seed], "grid", self.device)]
        return [
            self.samples_of(seed, task, y, SHEET, draws, SHEET) for task in tasks for y in range(*task.columns)
        ]


def unlike_pixels(stream: Stream) -> str | None:
    """Why nothing can be painted like the images of a stream, as the end of a sentence; else None."""
    images = stream.tasks[0].train
    if images.images.dtype.is_floating_point:
        return "paints pixels, and this stream shows features"
    if images.scale != 1 / 255 or images.shift != 0.0:
        return "paints pixels from 0 to 1: --set stream.normalize=unit"
    return None


def looked(features: Features, reader: LeNetFeatures, images: Tensor, label: int) -> Looked:
    """images: uint8 [N, C, H, W], all of the class `label`."""
    read = float((reader.say(images) == label).double().mean())
    pixels = images.flatten(1).double()
    return Looked(features(images), read, float(pixels.var(0, unbiased=False).mean()))


def as_bytes(images: Tensor) -> Tensor:
    """Pixels in 0..1 as a picture file would hold them, uint8."""
    return (images * 255).round_().clamp_(0, 255).to(torch.uint8)


def width(task: Task) -> int:
    """How many classes it has."""
    return task.columns[1] - task.columns[0]


def classes_of(task: Task) -> list[str]:
    """The names of its classes, if its own has them all: '0/1' of two; else NAME[0], NAME[1], .."""
    names = task.name.split("/")
    if width(task) == 1:
        return [task.name]
    return names if len(names) == width(task) else [f"{task.name}[{k}]" for k in range(width(task))]


def finite(value: float) -> float | None:
    """JSON has no number for what is not one."""
    return value if value == value and abs(value) != float("inf") else None


def entropy(logits: Tensor) -> Tensor:
    """Of a chance each, nats."""
    return F.softplus(logits) - logits * logits.sigmoid()


def seed_by_seed(function: Callable[[Tensor], Tensor], each: Tensor) -> Tensor:
    """Elementwise; of all seeds [S, ...] at once, ends of vector registers would round otherwise."""
    return torch.stack([function(one) for one in each])
