"""notMNIST: letters in many fonts (Bulatov 2011), as its trees of PNG files or as copies in MNIST's form."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clbench.datasets.idx_set import IdxSet
from clbench.datasets.image_tree import Shelf, images, parted, pictures_of
from clbench.datasets.images import Images
from clbench.datasets.tree import Tree
from clbench.errors import UserError
from clbench.registry import datasets

KNOWN_BROKEN = (  # as published: they are empty, or no PNG
    "notMNIST_small/A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png",
    "notMNIST_small/F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png",
    "notMNIST_large/A/RnJlaWdodERpc3BCb29rSXRhbGljLnR0Zg==.png",
    "notMNIST_large/A/SG90IE11c3RhcmQgQlROIFBvc3Rlci50dGY=.png",
    "notMNIST_large/A/Um9tYW5hIEJvbGQucGZi.png",
    "notMNIST_large/B/TmlraXNFRi1TZW1pQm9sZEl0YWxpYy5vdGY=.png",
    "notMNIST_large/D/VHJhbnNpdCBCb2xkLnR0Zg==.png",
)
LARGE, SMALL = "notMNIST_large", "notMNIST_small"


@datasets.register("notmnist")
class NotMNIST(IdxSet):
    """letters A to J in many fonts, 28x28 grey, 10 classes"""

    published = (529_114, 18_724)  # as two trees of PNG files, broken ones among them
    source = "https://github.com/davidflanagan/notMNIST-to-MNIST"
    archive = "notMNIST"
    elsewhere = ("notMNIST", "")
    classes = tuple("ABCDEFGHIJ")
    natural = 28
    other_parts = (
        (f"{LARGE}/", f"{SMALL}/"),
        (f"{LARGE}.tar.gz", f"{SMALL}.tar.gz"),
        (f"{SMALL}/",),
        (f"{SMALL}.tar.gz",),
    )

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        if not _are_trees(files):
            return super().counts(files)
        shelves = self.shelves(files)
        return sum(len(train) for _, train, _ in shelves), sum(len(test) for *_, test in shelves)

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        """Of two trees the large one is for training, the small for testing; the small one alone is split 7:3."""
        if not _are_trees(files):
            return super().read(files, allow_modified)
        size, shelves = self.size or self.natural, self.shelves(files)
        return images(self.name, shelves, self.classes, size, True, self.skip_broken, KNOWN_BROKEN)

    def shelves(self, files: Mapping[str, Path]) -> list[Shelf]:
        trees = [Tree(path) for path in files.values()]
        each = [(tree, pictures_of(tree)) for tree in trees]
        for tree, pictures in each:
            strange = next((one for one in pictures if one.label not in self.classes), None)
            if strange:
                raise UserError(f"{tree.path}: {strange.name} lies in no folder A to J")
        if len(each) == 1:
            tree, pictures = each[0]
            return [(tree, *parted(tree, pictures))]
        (large, train), (small, test) = each
        return [(large, train, ()), (small, (), test)]


def _are_trees(files: Mapping[str, Path]) -> bool:
    return any(part.startswith((LARGE, SMALL)) for part in files)
