"""A tree of image files as a data set: what are its classes, what is for training and what for testing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clbench.datasets.base import DataSet
from clbench.datasets.decode import decoded
from clbench.datasets.decoding_progress import say
from clbench.datasets.images import Images
from clbench.datasets.tree import Tree
from clbench.errors import UserError

PARTS = {"train": ("train", "training"), "test": ("test", "testing", "val", "valid", "validation")}
TEST_SHARE = (3, 10)  # of the images of a class, where a tree has no parts


@dataclass(frozen=True)
class Picture:
    """An image file of a tree."""

    name: str  # of the file, from the tree's top
    label: str
    part: str  # train | test | "": the tree has no parts


def of_path(path: Path, size: int | None, skip_broken: bool) -> Images:
    """A user's own tree, plain or in an archive."""
    tree = Tree(path)
    pictures = pictures_of(tree)
    train, test = parted(tree, pictures)
    classes = tuple(sorted({one.label for one in train}))
    return images(path.name, [(tree, train, test)], classes, size or DataSet.natural, False, skip_broken)


def pictures_of(tree: Tree, leave_out: Sequence[str] = ()) -> list[Picture]:
    """Every image with its class, sorted by name. leave_out: folders that are no class.

    A folder that holds all else (as archives have one) is not a class; below a class, folders do not matter. Where
    there is no folder at all, the images are one class, of the tree's name.
    """
    paths = [tuple(name.split("/")) for name in tree.names()]
    if not paths:
        raise UserError(
            f"{tree.path}: holds no image (.png, .jpg, ...); wanted is a folder a class, with images in it"
        )
    if all(len(path) == 1 for path in paths):
        return [Picture(name, tree.path.name, "") for (name,) in paths]
    top = 0
    while all(len(path) > top + 2 for path in paths) and len({path[top] for path in paths}) == 1:
        top += 1
    known = {name: part for part, names in PARTS.items() for name in names}
    folders = {path[top].lower() for path in paths}
    parted = folders <= known.keys() and {known[folder] for folder in folders} == set(PARTS)
    depth = top + 1 if parted else top
    found = []
    for path in paths:
        if len(path) < depth + 2:
            raise UserError(
                f"{tree.path}: {'/'.join(path)} lies in no folder of a class; wanted is a folder a class"
            )
        if path[depth] not in leave_out:
            found.append(Picture("/".join(path), path[depth], known[path[top].lower()] if parted else ""))
    return found


def parted(tree: Tree, pictures: Iterable[Picture]) -> tuple[list[Picture], list[Picture]]:
    """Training and test images: the tree's own parts, or of each class the images whose turn it is.

    Without parts, the first k images of a class, by their names, have k · 3 / 10 for testing among them, rounded
    down: the 4th, 7th and 10th, and so on. It is a rule and not a draw, so it never changes.
    """
    train: list[Picture] = []
    test: list[Picture] = []
    seen: dict[str, int] = {}
    share, of = TEST_SHARE
    for one in pictures:
        rank = seen[one.label] = seen.get(one.label, 0) + 1
        tested = one.part == "test" if one.part else rank * share // of > (rank - 1) * share // of
        (test if tested else train).append(one)
    strange = sorted({one.label for one in test} - {one.label for one in train})
    if strange:
        raise UserError(f"{tree.path}: class {strange[0]} has test images and no training images")
    return train, test


Shelf = tuple[Tree, Sequence[Picture], Sequence[Picture]]  # a tree, what of it is for training, what for testing


def images(
    name: str,
    shelves: Sequence[Shelf],
    classes: tuple[str, ...],
    size: int,
    grey: bool,
    skip_broken: bool,
    known: Collection[str] = (),
) -> Images:
    """The images of the trees, decoded and mapped; of `classes`, and with the trees' checksums.

    Every part comes from one tree. known: files that are published broken.
    """
    import torch

    from clbench.datasets.source import Chosen, Mapped

    sources, labels = {}, {}
    for tree, *parts in shelves:
        names = [one.name for part in parts for one in part]
        array, broken = decoded(tree, sorted(names), size, grey, skip_broken, known)
        if broken:
            say(f"{tree.path}: left out as broken: {', '.join(sorted(broken))}")
        rows = {file: row for row, file in enumerate(sorted(names))}
        for what, part in zip(PARTS, parts, strict=True):
            whole = [one for one in part if one.name not in broken]
            if whole:
                sources[what] = Chosen(Mapped(array), torch.tensor([rows[one.name] for one in whole]))
                labels[what] = torch.tensor([classes.index(one.label) for one in whole])
    for what in PARTS:
        if what not in sources:
            raise UserError(f"{shelves[0][0].path}: has no {what} image that can be read")
    checksums = {tree.name: tree.digest for tree, *_ in shelves}
    return Images(name, sources["train"], labels["train"], sources["test"], labels["test"], classes, checksums)
