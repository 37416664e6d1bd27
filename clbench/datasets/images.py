"""What every data set becomes: images and labels in memory, with where their bytes came from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from clbench.datasets.source import Source


@dataclass(frozen=True, eq=False)
class Images:
    """A data set as published: no scaling, no augmentation, its own train and test parts."""

    name: str
    x_train: Tensor | Source  # uint8 [N, H, W, C], 0..255; or features, float [N, D]
    y_train: Tensor  # int64 [N], 0..len(classes)-1
    x_test: Tensor | Source
    y_test: Tensor
    classes: tuple[str, ...]
    checksums: dict[str, str]  # file name -> sha256 of the bytes of the file that was read
