"""SVHN: house numbers in two MATLAB files (Netzer et al. 2011)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from clbench.datasets.base import DataSet
from clbench.datasets.find import read_bytes
from clbench.datasets.images import Images
from clbench.datasets.matlab import arrays
from clbench.datasets.torchvision_files import one_by_one
from clbench.datasets.unpacked import unpacked
from clbench.errors import UserError
from clbench.registry import datasets

TRAIN, TEST = "train_32x32.mat", "test_32x32.mat"
MOST = 10**6  # images of a file; the largest published one has 531,131
BROKEN = (ValueError, LookupError, OSError, struct.error, zlib.error)
SHAPE = (32, 32, 3)  # of an image; the file has the images along its last axis


@datasets.register("svhn")
class SVHN(DataSet):
    """digits of house numbers, 32x32 colour, 10 classes"""

    published = (73257, 26032)
    licence = "non-commercial use only"
    source = "http://ufldl.stanford.edu/housenumbers"
    elsewhere = ("SVHN", "")
    parts = (TRAIN, TEST)
    downloadable = True
    classes = tuple("0123456789")
    known: ClassVar = {  # torchvision lists nothing stronger than md5
        TRAIN: "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
        TEST: "md5:eb5a983be6a315427106f1b164d9cef3",
    }

    def download(self, root: Path) -> Path:
        return one_by_one(root / self.places()[0], self.parts, self.source, self.known)

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        return _count(files[TRAIN]), _count(files[TEST])

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        def unpack() -> list[tuple[np.ndarray, np.ndarray]]:
            return [_arrays(read_bytes(files[part]), files[part]) for part in self.parts]

        return unpacked(self, files, allow_modified, unpack)


def _count(path: Path) -> int:
    with path.open("rb") as file:
        return _shape(file, path)[-1]


def _shape(file: BinaryIO, path: Path) -> tuple[int, ...]:
    """Of X, as its header declares it; its data is not unpacked."""
    try:
        shapes = {one.name: one.shape for one in arrays(file)}
    except BROKEN as error:
        raise _broken(path, error) from error
    return _checked(shapes.get("X", ()), path)


def _checked(shape: tuple[int, ...], path: Path) -> tuple[int, ...]:
    if len(shape) != 4 or tuple(shape[:3]) != SHAPE or not 0 < shape[3] <= MOST:
        raise UserError(f"{path}: X has the shape {list(shape)}; wanted is uint8 [32, 32, 3, N]")
    return shape


def _arrays(raw: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, 32, 32, 3], and labels [N], in which the file's 10 is the digit 0."""
    file = io.BytesIO(raw)
    _shape(file, path)
    file.seek(0)
    try:
        found = {one.name: one.numbers(file) for one in list(arrays(file)) if one.name in ("X", "y")}
    except BROKEN as error:
        raise _broken(path, error) from error
    x, y = (np.asarray(found.get(name, ())) for name in ("X", "y"))
    _checked(x.shape, path)
    if x.dtype != np.uint8:
        raise UserError(f"{path}: X is {x.dtype}; wanted is uint8 [32, 32, 3, N]")
    if y.dtype.kind not in "iu" or y.size != x.shape[3]:
        raise UserError(
            f"{path}: y is {y.dtype} of shape {list(y.shape)}; wanted is a label for each of {x.shape[3]}"
        )
    if y.min() < 1 or y.max() > 10:
        raise UserError(f"{path}: y has labels from {y.min()} to {y.max()}; SVHN has 1..10")
    return np.ascontiguousarray(np.moveaxis(x, -1, 0)), y.ravel() % 10


def _broken(path: Path, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return UserError(f"{path}: not a readable MATLAB file ({reason}); move it away and fetch it again")
