"""What every data set becomes: images and labels in memory, with where their bytes came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from clbench.datasets.base import DataSet
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


def of_arrays(
    one: DataSet,
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    checksums: dict[str, str],
) -> Images:
    """The images of a data set, with its name and classes: x uint8 [N, H, W, C], y whole numbers [N].

    What is mapped stays so.
    """
    import numpy as np
    import torch

    from clbench.datasets.source import Mapped

    def pixels_of(x: np.ndarray) -> Tensor | Source:
        return Mapped(x) if isinstance(x, np.memmap) else torch.from_numpy(x if x.flags.writeable else x.copy())

    labels = [torch.from_numpy(y.astype(np.int64)) for y in (y_train, y_test)]
    pixels = [pixels_of(x) for x in (x_train, x_test)]
    return Images(one.name, pixels[0], labels[0], pixels[1], labels[1], one.classes, checksums)
