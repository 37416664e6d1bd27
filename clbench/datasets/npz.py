"""A user's own data set: an .npz file with the arrays x_train, y_train, x_test, y_test. Never unpickles."""

from __future__ import annotations

import hashlib
import io
import math
import zipfile
from pathlib import Path

import numpy as np
import torch

from clbench.datasets.find import read_bytes
from clbench.datasets.images import Images
from clbench.errors import UserError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
MAX_BYTES = 2**32  # of one array, unpacked


def read(path: Path) -> Images:
    """Images uint8 [N, H, W] or [N, H, W, C]; labels whole numbers [N], every one of 0..C-1 in y_train."""
    raw = read_bytes(path)
    arrays = _arrays(raw, path)
    x_train, x_test = (_images(arrays[name], name, path) for name in ("x_train", "x_test"))
    y_train, y_test = (_labels(arrays[name], name, path) for name in ("y_train", "y_test"))
    count = _check(x_train, y_train, x_test, y_test, path)
    return Images(
        name=path.stem,
        x_train=torch.from_numpy(x_train),
        y_train=torch.from_numpy(y_train),
        x_test=torch.from_numpy(x_test),
        y_test=torch.from_numpy(y_test),
        classes=tuple(str(label) for label in range(count)),
        checksums={path.name: hashlib.sha256(raw).hexdigest()},
    )


def _arrays(raw: bytes, path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            absent = [name for name in ARRAYS if f"{name}.npy" not in archive.namelist()]
            if absent:
                raise UserError(f"{path}: has no array {', '.join(absent)}; wanted are {', '.join(ARRAYS)}")
            return {name: _array(archive, name, path) for name in ARRAYS}
    except UserError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen types for a broken file
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: not a readable .npz file ({reason or type(error).__name__})") from error


def _array(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray:
    _check_size(archive, name, path)
    with archive.open(f"{name}.npy") as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)


def _check_size(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Before numpy allocates what an array's header declares, hold it to the bytes the archive has for it."""
    declared = archive.getinfo(f"{name}.npy").file_size
    with archive.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        if dtype.hasobject:
            raise UserError(f"{path}: {name} holds Python objects (pickle), which are never loaded")
        if declared > MAX_BYTES or stream.tell() + math.prod(shape) * dtype.itemsize != declared:
            raise UserError(
                f"{path}: {name} declares {list(shape)} of {dtype}, which its {declared} bytes are not"
            )


def _images(x: np.ndarray, name: str, path: Path) -> np.ndarray:
    if x.dtype != np.uint8:
        raise UserError(f"{path}: {name} is {x.dtype}; images are uint8, 0..255")
    if x.ndim not in (3, 4):
        raise UserError(f"{path}: {name} has the shape {list(x.shape)}; wanted is [N, H, W] or [N, H, W, C]")
    if x.size == 0:
        raise UserError(f"{path}: {name} is empty, of shape {list(x.shape)}")
    return np.ascontiguousarray(x if x.ndim == 4 else x[..., None])


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
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise UserError(f"{path}: {len(x)} images in x_{part}, {len(y)} labels in y_{part}")
    if x_train.shape[1:] != x_test.shape[1:]:
        sizes = f"{list(x_train.shape[1:])} in x_train, {list(x_test.shape[1:])} in x_test"
        raise UserError(f"{path}: images differ in size: {sizes}")
    count = int(y_train.max()) + 1
    present = len(np.unique(y_train))
    if present != count:
        raise UserError(f"{path}: y_train has {present} of the labels 0..{count - 1}; every one must be there")
    if y_test.max() >= count:
        raise UserError(f"{path}: y_test has the label {y_test.max()}; y_train has 0..{count - 1}")
    return count
