"""Data sets in MNIST's form: four IDX files each, laid as torchvision lays them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from clbench.datasets import idx
from clbench.datasets.base import DataSet
from clbench.datasets.checksums import check, refuse_modified
from clbench.datasets.find import read_bytes
from clbench.datasets.images import Images, of_arrays
from clbench.datasets.torchvision_files import into
from clbench.errors import UserError

PARTS = {  # name: axes
    "train-images-idx3-ubyte": 3,
    "train-labels-idx1-ubyte": 1,
    "t10k-images-idx3-ubyte": 3,
    "t10k-labels-idx1-ubyte": 1,
}


def digests(algorithm: str, suffix: str, *found: str) -> dict[str, str]:
    """Known checksums of the four files, in the order of PARTS."""
    return {part + suffix: f"{algorithm}:{digest}" for part, digest in zip(PARTS, found, strict=True)}


class IdxSet(DataSet):
    """Its files lie in <root>/<archive>/raw, plain or gzipped."""

    archive: ClassVar[str]  # also the name of torchvision's class
    parts = tuple(PARTS)

    def __init_subclass__(cls) -> None:
        cls.folder = f"{cls.archive}/raw"

    def spellings(self, part: str) -> tuple[str, ...]:
        return (f"{part}.gz", part)

    def download(self, root: Path) -> Path:
        return into(root, self.archive, self.folder, [f"{part}.gz" for part in PARTS])

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        train, _, test, _ = (idx.count(files[part], ndim) for part, ndim in PARTS.items())
        return train, test

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        raws = {part: read_bytes(files[part]) for part in PARTS}
        checks = [check(files[part], raw, self) for part, raw in raws.items()]
        if not allow_modified:
            refuse_modified(checks)
        arrays = [idx.decode(raws[part], files[part], ndim) for part, ndim in PARTS.items()]
        _check(self, arrays, [files[part] for part in PARTS])
        x_train, y_train, x_test, y_test = arrays
        checksums = {one.file: str(one.sha256) for one in checks}
        return of_arrays(self, x_train[..., None], y_train, x_test[..., None], y_test, checksums)


def _check(one: DataSet, arrays: list[np.ndarray], paths: list[Path]) -> None:
    """Do the four files belong together? Arrays and paths in the order of PARTS."""
    for images, labels, path in ((arrays[0], arrays[1], paths[1]), (arrays[2], arrays[3], paths[3])):
        if len(images) != len(labels):
            raise UserError(f"{path}: {len(labels)} labels for {len(images)} images")
        if labels.max() >= len(one.classes):
            raise UserError(f"{path}: has the label {labels.max()}; {one.name} has 0..{len(one.classes) - 1}")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        sizes = f"{list(arrays[2].shape[1:])}, the training images {list(arrays[0].shape[1:])}"
        raise UserError(f"{paths[2]}: images are {sizes}")
