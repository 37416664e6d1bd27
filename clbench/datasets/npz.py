"""A user's own data set: an .npz file with the arrays x_train, y_train, x_test, y_test. Never unpickles."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clbench.datasets.base import DataSet
from clbench.datasets.find import sha256_of
from clbench.datasets.images import Images
from clbench.datasets.members import chunks, header_of, hold, mapped, whole
from clbench.datasets.source import Mapped, Source
from clbench.errors import UserError
from clbench.results import NOT_PUBLISHED

if TYPE_CHECKING:
    from torch import Tensor

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
AS_FEATURES = 'x.astype("float32")'
AS_IMAGES = '(x * 255).round().astype("uint8")'


def read(path: Path) -> Images:
    """Images or features, and whole numbers [N] as labels, every one of 0..C-1 in y_train.

    Images: uint8 [N, H, W] or [N, H, W, C]. Features: float16, float32 or float64 [N, D], finite; they become
    float32, whatever they were. What is stored uncompressed (np.savez) and large is not read but memory mapped:
    the file must stay as it is meanwhile.
    """
    import torch

    digest = sha256_of(path)
    arrays = arrays_of(path)
    x_train, x_test = (_inputs(arrays[name], name, path) for name in ("x_train", "x_test"))
    y_train, y_test = (_labels(arrays[name], name, path) for name in ("y_train", "y_test"))
    count = _check(x_train, y_train, x_test, y_test, path)
    return Images(
        name=path.stem,
        x_train=_source(x_train),
        y_train=torch.from_numpy(y_train),
        x_test=_source(x_test),
        y_test=torch.from_numpy(y_test),
        classes=tuple(str(label) for label in range(count)),
        checksums={path.name: digest},
    )


def one_part(path: Path) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Of a file of images alone: x, uint8 [N, H, W, C], and y, their labels, if there. None: it has no x."""
    with _opened(path, ()) as archive:
        if "x.npy" not in archive.namelist():
            return None
        x = _inputs(whole(archive, "x", path), "x", path)
        y = _labels(whole(archive, "y", path), "y", path) if "y.npy" in archive.namelist() else None
    if y is not None and len(x) != len(y):
        raise UserError(f"{path}: {len(x)} images in x, {len(y)} labels in y")
    return x, y


def read_as(one: DataSet, path: Path) -> Images:
    """A file in that form in the place of a data set's published ones, with the names of the set's classes."""
    images = read(path)
    found, known = len(images.classes), len(one.classes) or len(images.classes)
    if found > known:
        raise UserError(f"{path}: y_train has the label {found - 1}; {one.name} has 0..{known - 1}")
    checksums = {f"{file} {NOT_PUBLISHED}": digest for file, digest in images.checksums.items()}
    return replace(images, name=one.name, classes=one.classes[:found] or images.classes, checksums=checksums)


def counts(path: Path) -> tuple[int, int]:
    """Training and test images that the headers of the arrays declare."""
    with _opened(path) as archive:
        train, test = (header_of(archive, name, path).shape for name in ("y_train", "y_test"))
        return math.prod(train), math.prod(test)


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """The four, as they are stored and sealed; large and uncompressed images are mapped."""
    with _opened(path) as archive:
        found = {name: _array(archive, name, path) for name in ARRAYS}
        hold(archive, found, path)
        return found


@contextmanager
def _opened(path: Path, wanted: Sequence[str] = ARRAYS) -> Iterator[zipfile.ZipFile]:
    """The archive, which has the wanted arrays; a UserError for whatever is wrong with it."""
    try:
        with zipfile.ZipFile(path) as archive:
            absent = [name for name in wanted if f"{name}.npy" not in archive.namelist()]
            if absent:
                raise UserError(f"{path}: has no array {', '.join(absent)}; wanted are {', '.join(wanted)}")
            yield archive
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types for a broken file
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a readable .npz file ({reason or type(error).__name__})") from error


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    found = mapped(archive, name, path) if name.startswith("x_") else None
    return whole(archive, name, path) if found is None else found


def _inputs(x: np.ndarray, name: str, path: Path) -> np.ndarray:
    """uint8 [N, H, W, C], or float [N, D], finite as float32."""
    images, features = x.dtype == np.uint8, x.dtype.kind == "f" and x.dtype.itemsize <= 8
    shape = f"{x.dtype} of shape {list(x.shape)}"
    if features and x.ndim != 2:
        raise UserError(f"{path}: {name} is {shape}; images are uint8, 0..255: {AS_IMAGES}; features are [N, D]")
    if not images and not features:
        raise UserError(
            f"{path}: {name} is {shape}; images are uint8, 0..255: "
            f'x.astype("uint8"); features are floats [N, D]: {AS_FEATURES}'
        )
    if images and x.ndim not in (3, 4):
        also = f"; features are floats [N, D]: {AS_FEATURES}" if x.ndim == 2 else ""
        raise UserError(f"{path}: {name} has the shape {list(x.shape)}; wanted is [N, H, W] or [N, H, W, C]{also}")
    if x.size == 0:
        raise UserError(f"{path}: {name} is empty, of shape {list(x.shape)}")
    if features:
        _refuse_infinite(x, name, path)
    return x[..., None] if x.ndim == 3 else x


def _refuse_infinite(x: np.ndarray, name: str, path: Path) -> None:
    first = 0
    for rows in chunks(x):
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(rows.astype(np.float32)).all(1)
        if bad.any():
            row = first + int(bad.argmax())
            raise UserError(f"{path}: {name} has NaN, or more than float32 holds, first in row {row}")
        first += len(rows)


def _source(x: np.ndarray) -> Tensor | Source:
    import torch

    if isinstance(x, np.memmap):
        return Mapped(x)
    kept = np.float32 if x.dtype.kind == "f" else np.uint8
    return torch.from_numpy(np.ascontiguousarray(x, dtype=kept))


def _labels(y: np.ndarray, name: str, path: Path) -> np.ndarray:
    if y.dtype.kind not in "iu":
        raise UserError(f"{path}: {name} is {y.dtype}; labels are whole numbers from 0")
    if y.ndim != 1:
        raise UserError(f"{path}: {name} has the shape {list(y.shape)}; wanted is [N]")
    if y.size and (y.min() < 0 or y.max() > np.iinfo(np.int64).max):
        raise UserError(f"{path}: {name} has labels from {y.min()} to {y.max()}; labels are whole numbers from 0")
    return y.astype(np.int64)


def _check(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, path: Path) -> int:
    """The number of classes; a UserError where the four arrays do not belong together."""
    what = "features" if x_train.ndim == 2 else "images"
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise UserError(f"{path}: {len(x)} {what} in x_{part}, {len(y)} labels in y_{part}")
    if x_train.shape[1:] != x_test.shape[1:]:
        sizes = f"{list(x_train.shape[1:])} in x_train, {list(x_test.shape[1:])} in x_test"
        raise UserError(f"{path}: {what} differ in size: {sizes}")
    count = int(y_train.max()) + 1
    present = len(np.unique(y_train))
    if present != count:
        raise UserError(f"{path}: y_train has {present} of the labels 0..{count - 1}; every one must be there")
    if y_test.max() >= count:
        raise UserError(f"{path}: y_test has the label {y_test.max()}; y_train has 0..{count - 1}")
    return count
