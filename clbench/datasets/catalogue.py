"""The data sets by name: what there is, where it lies, and reading one into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from clbench.datasets import digits, idx, npz
from clbench.datasets.checksums import check, refuse_modified
from clbench.datasets.download import fetch
from clbench.datasets.find import locate, missing, read_bytes
from clbench.datasets.images import Images
from clbench.datasets.mnist import IDX_SETS, PARTS, IdxSet, idx_set
from clbench.errors import UserError


@dataclass(frozen=True)
class DatasetInfo:
    """A line of `clbench data list`."""

    name: str
    description: str
    path: Path | None  # where it was found: a folder, or digits' file
    source: str  # URL, or "scikit-learn"
    status: str  # embedded | found | absent


def load(
    name: str, data_root: Path | None = None, *, download: bool = True, allow_modified: bool = False
) -> Images:
    """Read digits, mnist, fashion-mnist, notmnist, or a user's .npz file; see `roots` for where is looked.

    A UserError when it is nowhere and cannot be fetched, when it is malformed, and, unless `allow_modified`,
    when a file's checksum is not the published one.
    """
    if name == "digits":
        return digits.read()
    if name.endswith(".npz"):
        return npz.read(Path(name).expanduser())
    one = idx_set(name)
    if locate(one, data_root) is None and download:
        fetch(name, data_root)
    files = locate(one, data_root)
    if files is None:
        raise missing(one, data_root)
    return _read(one, files, allow_modified)


def catalogue(data_root: Path | None = None) -> list[DatasetInfo]:
    """Every named data set and where it was found. Reads no file."""
    return [_digits_info(), *(_info(one, data_root) for one in IDX_SETS.values())]


def _info(one: IdxSet, data_root: Path | None) -> DatasetInfo:
    files = locate(one, data_root)
    path = next(iter(files.values())).parent if files else None
    return DatasetInfo(one.name, one.description, path, one.source, "found" if files else "absent")


def _digits_info() -> DatasetInfo:
    description = "handwritten digits, 8x8 grey, 1442 train and 355 test, 10 classes; needs no download"
    try:
        return DatasetInfo("digits", description, digits.csv_path(), "scikit-learn", "embedded")
    except UserError:
        return DatasetInfo("digits", description, None, "scikit-learn", "absent")


def _read(one: IdxSet, files: dict[str, Path], allow_modified: bool) -> Images:
    raws = {part: read_bytes(path) for part, path in files.items()}
    checks = [check(files[part], raw, one) for part, raw in raws.items()]
    if not allow_modified:
        refuse_modified(checks)
    arrays = [idx.decode(raws[part], files[part], ndim) for part, ndim in PARTS]
    _check(one, arrays, list(files.values()))
    x_train, y_train, x_test, y_test = (torch.from_numpy(array) for array in arrays)
    return Images(
        name=one.name,
        x_train=x_train[..., None],
        y_train=y_train.long(),
        x_test=x_test[..., None],
        y_test=y_test.long(),
        classes=one.classes,
        checksums={check.file: str(check.sha256) for check in checks},
    )


def _check(one: IdxSet, arrays: list[np.ndarray], paths: list[Path]) -> None:
    """Do the four files belong together? Arrays and paths in the order of PARTS."""
    for images, labels, path in ((arrays[0], arrays[1], paths[1]), (arrays[2], arrays[3], paths[3])):
        if len(images) != len(labels):
            raise UserError(f"{path}: {len(labels)} labels for {len(images)} images")
        if labels.max() >= len(one.classes):
            raise UserError(f"{path}: has the label {labels.max()}; {one.name} has 0..{len(one.classes) - 1}")
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        sizes = f"{list(arrays[2].shape[1:])}, the training images {list(arrays[0].shape[1:])}"
        raise UserError(f"{paths[2]}: images are {sizes}")
