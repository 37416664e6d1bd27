"""The data sets by name: what there is, where it lies, and reading one into memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clbench.datasets import npz
from clbench.datasets.base import DataSet, data_set
from clbench.datasets.download import fetch
from clbench.datasets.find import folder_of, locate, missing, part_of, stand_in
from clbench.datasets.image_tree import of_path
from clbench.datasets.images import Images
from clbench.datasets.paths import is_path, own_path
from clbench.errors import UserError
from clbench.registry import datasets, home

Counts = tuple[int, int] | None


@dataclass(frozen=True)
class DatasetInfo:
    """A line of `clbench data list`."""

    name: str
    description: str  # as published
    path: Path | None  # where it was found: a folder, or digits' file
    source: str  # URL, or "scikit-learn"
    licence: str
    status: str  # embedded | found | npz (as NAME.npz, not the published files) | partial | broken | absent
    counts: Counts  # training and test images that the files found say they hold
    note: str = ""  # what is broken, what is lacking


def load(
    name: str,
    data_root: Path | None = None,
    *,
    download: bool = True,
    allow_modified: bool = False,
    size: int | None = None,
    skip_broken: bool = False,
) -> Images:
    """Read a registered data set (digits, mnist, ...), or a user's .npz file or tree of images by its path.

    See `roots` for where registered ones are looked for, and `paths` for what is a path.
    Where its published files are nowhere, NAME.npz in one of the roots is read in their place, and is not held to
    any checksum. `size` and `skip_broken` are for sets of image files: see DataSet. A UserError when it is nowhere
    and cannot be fetched, when it is malformed, and, unless `allow_modified`, when a file's checksum is not the
    published one.
    """
    if is_path(name):
        own = own_path(name)
        return npz.read(own) if name.endswith(".npz") else of_path(own, size, skip_broken)
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
    """Every named data set and where it was found, without torch. Of plain files no more than the header is read;
    the files in an archive are counted by going through it."""
    return [_info(data_set(name), data_root) for name in datasets]


def _info(one: DataSet, data_root: Path | None) -> DatasetInfo:
    def of(status: str, path: Path | None = None, counts: Counts = None, note: str = "") -> DatasetInfo:
        return DatasetInfo(one.name, one.description, path, one.source, one.licence, status, counts, note)

    path = None
    try:
        files = locate(one, data_root)
        if files is not None:
            path = folder_of(files) if one.parts else next(iter(files.values()), None)
            counts = one.counts(files)
            return of("found" if one.parts else "embedded", path, counts, _fewer(one, counts))
        if path := stand_in(one, data_root):
            counts = npz.counts(path)
            return of(
                "npz", path, counts, "; ".join(filter(None, ["not the published files", _fewer(one, counts)]))
            )
    except (UserError, OSError) as error:
        return of("broken" if path else "absent", path, None, str(error))
    if part := part_of(one, data_root):
        there = {name: where for name, where in part.items() if where}
        return of(
            "partial", folder_of(there), None, f"lacks {', '.join(name for name in part if name not in there)}"
        )
    return of("absent")


def _fewer(one: DataSet, counts: Counts) -> str:
    """What a copy has that does not have the images of the published one."""
    if counts is None or one.published is None or counts == one.published:
        return ""
    return " and ".join(
        f"{found:,} of {published:,} {what} images"
        for found, published, what in zip(counts, one.published, ("training", "test"), strict=True)
    )


def _checked(images: Images, one: DataSet) -> Images:
    """What a plugin made, held to what every stream takes for granted; a UserError names the data set."""
    import torch

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
