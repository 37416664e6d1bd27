"""Sets of images to be compared: a folder or archive of image files, an .npz file, or a data set by name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import functional

from clbench.datasets import load, npz
from clbench.datasets.decode import LARGEST, pictures
from clbench.datasets.decoding_progress import Decoding
from clbench.datasets.image_tree import Picture, pictures_of
from clbench.datasets.images import Images
from clbench.datasets.paths import is_path, own_path
from clbench.datasets.source import Source, source_of
from clbench.datasets.tree import Tree
from clbench.errors import UserError
from clbench.registry import datasets

PARTS = ("train", "test")


@dataclass(frozen=True)
class Reading:
    """How sets are read. size: of all images, NxN; None: as they are. count: images drawn of a set; None: all."""

    split: str = "train"
    size: int | None = None
    count: int | None = None
    seed: int = 0
    data_root: Path | None = None
    allow_modified: bool = False


@dataclass(frozen=True, eq=False)
class ImageSet:
    """images uint8 [N, C, H, W]; labels int64 [N], or None where there are none, or of one class alone."""

    name: str
    images: Tensor
    labels: Tensor | None
    published: bool = False  # a data set by its name, of which is worth keeping what was measured


def read(words: str, reading: Reading) -> ImageSet:
    """The set that is called so. FOLDER, FILE.npz or NAME; with :train or :test behind it, that part of it."""
    name, split = parted(words, reading.split)
    reading = replace(reading, split=split)
    if is_data_set(name):
        images = load(name, reading.data_root, allow_modified=reading.allow_modified, size=reading.size)
        return of_images(words, images, reading, published=True)
    if name.endswith(".npz"):
        return of_npz(words, own_path(name), reading)
    return of_tree(words, Tree(folder(name)), reading)


def parted(words: str, split: str) -> tuple[str, str]:
    """NAME:train -> NAME, train."""
    name, _, part = words.rpartition(":")
    return (name, part) if name and part in PARTS else (words, split)


def is_data_set(name: str) -> bool:
    """Whether it is a data set by name, which wins over a folder that is called as it is."""
    datasets.fill()
    return not is_path(name) and (name in datasets.entries or name in datasets.broken)


def folder(name: str) -> Path:
    if is_path(name):
        return own_path(name)
    if not Path(name).is_dir():
        raise UserError(
            f"{name}: no folder, .npz file or archive of images, and no data set ({', '.join(datasets)})"
        )
    return Path(name)


def chosen(count: int, name: str, reading: Reading) -> np.ndarray:
    """Rows to take of so many images, ascending. UserError: of fewer than are wanted."""
    if reading.count is not None and reading.count > count:
        raise UserError(f"{name}: {count:,} images, fewer than --count {reading.count}")
    if count < 2:
        raise UserError(f"{name}: {count} image{'s' * (count != 1)}; a distance is of two or more a set")
    if reading.count is None:
        return np.arange(count)
    return np.sort(np.random.default_rng(reading.seed).permutation(count)[: reading.count])


def of_images(name: str, found: Images, reading: Reading, published: bool = False) -> ImageSet:
    """Of a data set in memory, or mapped."""
    x, y = (found.x_train, found.y_train) if reading.split == "train" else (found.x_test, found.y_test)
    return of_source(name, source_of(x), y, reading, published)


def of_npz(name: str, path: Path, reading: Reading) -> ImageSet:
    """Of x and y, or of one part of a user's own data set."""
    if (part := npz.one_part(path)) is None:
        try:
            return of_images(name, npz.read(path), reading)
        except UserError as error:
            raise UserError(f"{error}{'; or x, images alone' * ('has no array' in str(error))}") from None
    x, y = part
    labels = None if y is None else torch.from_numpy(y)
    return of_source(name, source_of(torch.from_numpy(np.ascontiguousarray(x))), labels, reading)


def of_source(name: str, x: Source, y: Tensor | None, reading: Reading, published: bool = False) -> ImageSet:
    if x.dtype != torch.uint8 or len(x.shape) != 4:
        raise UserError(f"{name}: holds features, not images; wanted are images, uint8 [N, H, W] or [N, H, W, C]")
    rows = torch.from_numpy(chosen(x.shape[0], name, reading))
    images = x.take(rows).movedim(-1, 1).contiguous()
    return ImageSet(name, sized(images, reading.size), labels_of(None if y is None else y[rows]), published)


def of_tree(name: str, tree: Tree, reading: Reading) -> ImageSet:
    """Of image files, with labels where every one lies in a folder of its class."""
    found = files_of(tree, reading.split)
    if not found:
        raise UserError(f"{tree.path}: holds no image (.png, .jpg, ...)")
    taken = [found[row] for row in chosen(len(found), name, reading)]
    classes = sorted({one.label for one in found})
    labels = torch.tensor([classes.index(one.label) for one in taken])
    return ImageSet(name, decoded(tree, [one.name for one in taken], reading.size), labels_of(labels))


def files_of(tree: Tree, split: str) -> list[Picture]:
    """The image files, sorted by name: of a tree with folders for training and testing, those of the split."""
    names = tree.names()
    if not all("/" in name for name in names):
        return [Picture(name, "", "") for name in names]
    found = pictures_of(tree) if names else []
    return [one for one in found if one.part in ("", split)]


def labels_of(labels: Tensor | None) -> Tensor | None:
    return None if labels is None or len(labels.unique()) < 2 else labels


def decoded(tree: Tree, names: list[str], size: int | None) -> Tensor:
    """uint8 [N, C, H, W] in the order of the names; grey where all are. UserError: broken, or of several sizes."""
    if size is not None:
        check_size(size)
    found: dict[str, np.ndarray] = {}
    first = ""
    with Decoding(f"{tree.path}: decoding {len(names):,} images", len(names)) as progress:
        for name, picture in pictures(tree, names, size, None):
            if isinstance(picture, str):
                where = f"{tree.path}: {name}" if tree.archived else str(tree.path / name)
                raise UserError(f"{where}: broken image: {picture}; mend it or move it away")
            first = first or name
            if picture.shape[:2] != found.get(first, picture).shape[:2]:
                sizes = " and ".join(f"{'x'.join(map(str, a.shape[1::-1]))}" for a in (found[first], picture))
                raise UserError(
                    f"{tree.path}: {first} and {name} differ in size ({sizes}); --size N makes all NxN"
                )
            found[name] = picture
            progress.advance()
    colour = any(picture.shape[2] == 3 for picture in found.values())
    shape = (*found[first].shape[:2], 3 if colour else 1)
    return torch.from_numpy(np.stack([np.broadcast_to(found[name], shape) for name in names])).movedim(-1, 1)


def check_size(size: int) -> None:
    if not 0 < size <= LARGEST:
        raise UserError(f"--size {size}: 1 to {LARGEST} pixels")


def sized(images: Tensor, size: int | None) -> Tensor:
    """The shorter side resized (bilinear, smoothed), the middle cut out; untouched where they have the size."""
    if size is None or tuple(images.shape[-2:]) == (size, size):
        return images
    check_size(size)
    return torch.cat(
        [
            functional.center_crop(functional.resize(part, [size], antialias=True), [size])
            for part in images.split(1000)
        ]
    )


# -- for a LeNet --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Training:
    """What a LeNet is trained on: images and labels; those for testing, or None where the set has no such part."""

    name: str
    images: Tensor
    labels: Tensor
    test_images: Tensor | None
    test_labels: Tensor | None


def training_of(words: str, reading: Reading) -> Training:
    """All images of the set with their labels, and its own test part; UserError where it has no labels."""
    name, _ = parted(words, reading.split)
    reading = replace(reading, count=None)
    parts = [read(f"{name}:{part}", reading) for part in PARTS] if has_parts(name) else [read(name, reading)]
    train, test = parts[0], parts[-1] if len(parts) > 1 else None
    if train.labels is None:
        raise UserError(
            f"{name}: has no labels of two classes or more, on which a LeNet could be trained; "
            "--trained-on DATASET, FILE.npz or FOLDER (a folder a class) has to have them"
        )
    if test is None or test.labels is None:
        return Training(name, train.images, train.labels, None, None)
    return Training(name, train.images, train.labels, test.images, test.labels)


def has_parts(name: str) -> bool:
    """Whether the set is for training in one part and for testing in another."""
    if is_data_set(name):
        return True
    if name.endswith(".npz"):
        return npz.one_part(own_path(name)) is None
    return any(one.part for one in files_of(Tree(folder(name)), "train"))
