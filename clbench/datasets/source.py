"""Images behind `take(rows)`: a tensor, or a file that is mapped and of which only the rows asked for are read."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:  # what lists data sets does without torch
    import torch
    from torch import Tensor

FORGOTTEN_AFTER = 2**22  # bytes; the system maps more around each image than is read


class Source(Protocol):
    """Rows of one type and shape: uint8 [N, H, W, C], or features, float [N, D]."""

    @property
    def shape(self) -> Sequence[int]: ...
    @property
    def dtype(self) -> torch.dtype: ...
    def take(self, rows: Tensor) -> Tensor:
        """rows int64 [n], in any order -> [n, ...], on the device of the rows."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """All rows as one tensor."""

    tensor: Tensor

    @property
    def shape(self) -> Sequence[int]:
        return self.tensor.shape

    @property
    def dtype(self) -> torch.dtype:
        return self.tensor.dtype

    def take(self, rows: Tensor) -> Tensor:
        return self.tensor.index_select(0, rows.to(self.tensor.device)).to(rows.device)


@dataclass(frozen=True, eq=False)
class Mapped:
    """Rows of a memory-mapped array, which the system reads as they are asked for and may forget again.

    Floats of any size and byte order are given as float32.
    """

    array: np.ndarray
    read: list[int] = field(default_factory=lambda: [0])  # bytes, since the system was told to forget them

    @property
    def shape(self) -> Sequence[int]:
        return self.array.shape

    @property
    def dtype(self) -> torch.dtype:
        import torch

        return torch.float32 if self.array.dtype.kind == "f" else torch.from_numpy(self.array[:0].copy()).dtype

    def take(self, rows: Tensor) -> Tensor:
        import torch

        wanted = rows.cpu().numpy()
        order = np.argsort(wanted, kind="stable")  # a disk is read forwards
        kept = np.dtype(np.float32) if self.array.dtype.kind == "f" else self.array.dtype
        found = np.empty((len(wanted), *self.array.shape[1:]), kept)
        found[order] = self.array[wanted[order]]
        self.forget(found.nbytes)
        return torch.from_numpy(found).to(rows.device)

    def forget(self, read: int) -> None:
        """Now and then: the pages that were read are the system's to keep, and no memory of this process."""
        self.read[0] += read
        mapping = getattr(self.array, "_mmap", None)
        if mapping is not None and self.read[0] > FORGOTTEN_AFTER and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)
            self.read[0] = 0


@dataclass(frozen=True, eq=False)
class Chosen:
    """Some rows of a source, in an order of their own."""

    source: Source
    rows: Tensor  # int64 [N]

    @property
    def shape(self) -> Sequence[int]:
        return (len(self.rows), *self.source.shape[1:])

    @property
    def dtype(self) -> torch.dtype:
        return self.source.dtype

    def take(self, rows: Tensor) -> Tensor:
        return self.source.take(self.rows[rows.cpu()]).to(rows.device)


def source_of(images: Tensor | Source) -> Source:
    """A tensor as a source; a source as it is."""
    from torch import Tensor

    return InMemory(images) if isinstance(images, Tensor) else images
