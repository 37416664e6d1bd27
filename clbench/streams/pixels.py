"""The images of all parts of a stream as one source, in the form that networks are shown, and its scale."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from clbench.datasets.images import Images
from clbench.datasets.source import InMemory, Source, source_of
from clbench.streams.budget import Budget

Form = Callable[[Tensor], Tensor]  # of images as data sets have them, [n, H, W, C] or [n, D]
AT_ONCE = 2000  # images that are looked at together
SMALLEST = 1e-8  # deviation that is divided by


@dataclass(frozen=True, eq=False)
class Formed:
    """A source whose images take their form when they are asked for."""

    source: Source
    form: Form
    shape: Sequence[int]

    @property
    def dtype(self) -> torch.dtype:
        return self.source.dtype

    def take(self, rows: Tensor) -> Tensor:
        return self.form(self.source.take(rows))


@dataclass(frozen=True, eq=False)
class Joined:
    """Sources one after the other as one."""

    sources: Sequence[Source]

    @property
    def shape(self) -> Sequence[int]:
        return (sum(source.shape[0] for source in self.sources), *self.sources[0].shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        return self.sources[0].dtype

    def take(self, rows: Tensor) -> Tensor:
        found, first = torch.empty(len(rows), *self.shape[1:], dtype=self.dtype, device=rows.device), 0
        for source in self.sources:
            mine = (rows >= first) & (rows < first + source.shape[0])
            if mine.any():
                found[mine] = source.take(rows[mine] - first)
            first += source.shape[0]
        return found


def key_of(images: Images) -> int:
    """What tells images apart: the images themselves, whatever they are called."""
    return id(images)


def joined(each: Sequence[Tensor | Source], form: Form, device: torch.device) -> Tensor | Source:
    """All images of all sources: a tensor on the device where all are in memory, else read as asked for."""
    sources = [source_of(images) for images in each]
    if all(isinstance(source, InMemory) for source in sources):
        return torch.cat([form(source.tensor) for source in sources if isinstance(source, InMemory)]).to(device)
    formed = [
        Formed(s, form, (s.shape[0], *form(s.take(torch.zeros(1, dtype=torch.int64))).shape[1:])) for s in sources
    ]
    return Joined(formed) if len(formed) > 1 else formed[0]


def flat(x: Tensor) -> Tensor:
    return x.flatten(1)


def padded(by: int) -> Form:
    """[n, height, width, channels] -> [n, channels, height + 2 · by, width + 2 · by]."""
    return lambda x: F.pad(x.movedim(-1, 1), (by, by, by, by)).contiguous()


def normalisation(
    train: Tensor | Source, how: str, budget: Budget = Budget()
) -> tuple[float | Tensor, float | Tensor]:
    """(scale, shift) with x · scale - shift as the network's input, from the training images alone.

    unit: pixels to 0..1, features as they are. standard: mean 0 and deviation 1, of all pixels or of each feature.
    """
    features = train.dtype.is_floating_point
    if how == "unit":
        return (1.0 if features else 1 / 255), 0.0
    return standard_features(train, budget) if features else standard_pixels(train, budget)


def standard_pixels(train: Tensor | Source, budget: Budget) -> tuple[float, float]:
    counts = sum(torch.bincount(part.flatten(), minlength=256) for part in parts_of(train, budget)).double()  # type: ignore[union-attr]
    values = torch.arange(256, dtype=torch.float64, device=counts.device)
    mean = float((counts * values).sum() / counts.sum())
    deviation = max(float((counts * (values - mean) ** 2).sum() / counts.sum()) ** 0.5, SMALLEST)
    return 1 / deviation, mean / deviation


def standard_features(train: Tensor | Source, budget: Budget) -> tuple[Tensor, Tensor]:
    """Of each feature, [D]; one that never changes is only moved to 0."""
    count = train.shape[0]
    mean = torch.stack([part.double().sum(0) for part in parts_of(train, budget)]).sum(0) / count
    squares = torch.stack([(part.double() - mean).square().sum(0) for part in parts_of(train, budget)]).sum(0)
    deviation = (squares / count).sqrt()
    deviation = torch.where(deviation < SMALLEST, 1.0, deviation)
    return (1 / deviation).float(), (mean / deviation).float()


def parts_of(images: Tensor | Source, budget: Budget) -> Iterator[Tensor]:
    """All of them, as many at a time as the budget has room for."""
    device = images.device if isinstance(images, Tensor) else torch.device("cpu")
    numbers = max(int(torch.tensor(images.shape[1:]).prod()), 1)
    source = source_of(images)
    for rows in torch.arange(images.shape[0], device=device).split(budget.images_at_once(numbers, AT_ONCE)):
        yield source.take(rows)
