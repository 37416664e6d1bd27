"""Caltech-101: photographs of objects of 101 kinds, in a folder each (Fei-Fei, Fergus and Perona 2004)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from clbench.datasets.base import DataSet
from clbench.datasets.checksums import check, refuse_modified
from clbench.datasets.image_tree import Shelf, images, parted, pictures_of
from clbench.datasets.images import Images
from clbench.datasets.torchvision_files import one_by_one
from clbench.datasets.tree import Tree
from clbench.registry import datasets

FOLDER, PACKED, PUBLISHED = "101_ObjectCategories/", "101_ObjectCategories.tar.gz", "caltech-101.zip"
URL = "https://data.caltech.edu/records/mzrjq-6wc02/files"


@datasets.register("caltech101")
class Caltech101(DataSet):
    """objects, colour photographs of many sizes, 101 classes; split 7:3"""

    published = (6117, 2560)  # 8,677 in all, split by a rule of ours
    licence = "CC BY 4.0"
    source = "https://data.caltech.edu/records/mzrjq-6wc02"
    elsewhere = ("caltech-101", "")
    parts = (PUBLISHED,)
    other_parts = ((PACKED,), (FOLDER,))
    downloadable = True
    natural = 224
    known: ClassVar = {  # torchvision lists nothing stronger than md5
        PUBLISHED: "md5:3138e1922a9193bfa496528edbbc45d0",
        PACKED: "md5:b224c7392d521a49829488ab0f1120d9",
    }

    def download(self, root: Path) -> Path:
        return one_by_one(root / self.places()[0], self.parts, URL, self.known)

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        _, train, test = _shelf(files)
        return len(train), len(test)

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        """A class is numbered by its name's place, as in torchvision. Photographs of no object are left out."""
        if not allow_modified:
            refuse_modified(check(path, None, self) for path in files.values())
        tree, train, test = _shelf(files)
        classes = tuple(sorted({one.label for one in train}))
        return images(
            self.name, [(tree, train, test)], classes, self.size or self.natural, False, self.skip_broken
        )


def _shelf(files: Mapping[str, Path]) -> Shelf:
    ((part, path),) = files.items()
    tree = Tree(path, PACKED if part == PUBLISHED else None)
    pictures = pictures_of(tree, leave_out=("BACKGROUND_Google",))
    return (tree, *parted(tree, pictures))
