"""The data sets by name: what there is, where it lies, and reading one into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from clbench.datasets import npz
from clbench.datasets.base import DataSet, data_set
from clbench.datasets.download import fetch
from clbench.datasets.find import folder_of, locate, missing, stand_in
from clbench.datasets.images import Images
from clbench.errors import UserError
from clbench.registry import datasets, home


@dataclass(frozen=True)
class DatasetInfo:
    """A line of `clbench data list`."""

    name: str
    description: str  # as published
    path: Path | None  # where it was found: a folder, or digits' file
    source: str  # URL, or "scikit-learn"
    licence: str
    status: str  # embedded | found | npz (as NAME.npz, not the published files) | absent | broken
    counts: tuple[int, int] | None  # training and test images that the files found say they hold


def load(
    name: str,
    data_root: Path | None = None,
    *,
    download: bool = True,
    allow_modified: bool = False,
    size: int | None = None,
    skip_broken: bool = False,
) -> Images:
    """Read a registered data set (digits, mnist, ...) or a user's .npz file; see `roots` for where is looked.

    Where its published files are nowhere, NAME.npz in one of the roots is read in their place, and is not held to
    any checksum. `size` and `skip_broken` are for sets of image files: see DataSet. A UserError when it is nowhere
    and cannot be fetched, when it is malformed, and, unless `allow_modified`, when a file's checksum is not the
    published one.
    """
    if name.endswith(".npz"):
        return npz.read(Path(name).expanduser())
    one = data_set(name)
    one.size, one.skip_broken = size, skip_broken
    files = locate(one, data_root)
    if files is None and (path := stand_in(one, data_root)):
        return npz.read_as(one, path)
    if files is None and download:
        fetch(name, data_root)
        files = locate(one, data_root)
    if files is None:
        raise missing(one, data_root)
    return _checked(one.read(files, allow_modified), one)


def catalogue(data_root: Path | None = None) -> list[DatasetInfo]:
    """Every named data set and where it was found. Of large files no more than the header is read."""
    return [_info(data_set(name), data_root) for name in datasets]


def _info(one: DataSet, data_root: Path | None) -> DatasetInfo:
    files, counts, status = None, None, "absent"
    try:
        files = locate(one, data_root)
        status = "absent" if files is None else "found" if one.parts else "embedded"
        counts = one.counts(files) if files is not None else None
    except UserError:
        status = "absent" if files is None else "broken"
    if files is None and (own := stand_in(one, data_root)):
        return _of_npz(one, own)
    path = folder_of(files or {}) if one.parts else next(iter((files or {}).values()), None)
    return DatasetInfo(one.name, one.description, path, one.source, one.licence, status, counts)


def _of_npz(one: DataSet, path: Path) -> DatasetInfo:
    try:
        status, counts = "npz", npz.counts(path)
    except UserError:
        status, counts = "broken", None
    return DatasetInfo(one.name, one.description, path, one.source, one.licence, status, counts)


def _checked(images: Images, one: DataSet) -> Images:
    """What a plugin made, held to what every stream takes for granted; a UserError names the data set."""
    place = f"data set {one.name} ({home(type(one))})"
    if not isinstance(images, Images):
        raise UserError(f"{place}: read must return clbench.datasets.Images, not {type(images).__name__}")
    for part, x, y in (("train", images.x_train, images.y_train), ("test", images.x_test, images.y_test)):
        axes = {4} if x.dtype == torch.uint8 else {2} if x.dtype.is_floating_point else ()
        if len(x.shape) not in axes:
            shape = f"{x.dtype} of shape {list(x.shape)}"
            raise UserError(f"{place}: x_{part} is {shape}; wanted is uint8 [N, H, W, C] or float [N, D]")
        if y.dtype != torch.int64 or tuple(y.shape) != (x.shape[0],) or not len(y):
            shape = f"{y.dtype} of shape {list(y.shape)}"
            raise UserError(f"{place}: y_{part} is {shape} for {x.shape[0]} images; wanted is int64 [N]")
        if int(y.min()) < 0 or int(y.max()) >= len(images.classes):
            labels = f"labels from {int(y.min())} to {int(y.max())}"
            raise UserError(f"{place}: y_{part} has {labels}, and there are {len(images.classes)} classes")
    return images
