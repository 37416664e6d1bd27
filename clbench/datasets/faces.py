"""Faces: photographs of the famous (CelebA) and drawings from anime, each a folder of image files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from clbench.datasets.base import DataSet
from clbench.datasets.image_tree import Shelf, images, parted, pictures_of
from clbench.datasets.images import Images
from clbench.datasets.tree import Tree
from clbench.registry import datasets


class Faces(DataSet):
    """One class of images, whose files lie directly in a folder under a root."""

    folder = "."
    natural = 96

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        _, train, test = _shelf(files)
        return len(train), len(test)

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        label = next(iter(files.values())).name
        size = self.size or self.natural
        found = images(self.name, [_shelf(files)], (label,), size, False, self.skip_broken)
        return replace(found, classes=(self.name,))


@datasets.register("celeba-faces")
class CelebAFaces(Faces):
    """faces, colour photographs of the famous, 1 class; split 7:3"""

    licence = "non-commercial research only"
    source = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    parts = ("celeba_faces/",)


@datasets.register("anime-faces")
class AnimeFaces(Faces):
    """faces, drawings from anime in colour, 1 class; split 7:3"""

    source = "https://github.com/antoncoding/Deep_Learning_GAN"
    parts = ("anime_faces/",)


def _shelf(files: Mapping[str, Path]) -> Shelf:
    (path,) = files.values()
    tree = Tree(path)
    return (tree, *parted(tree, pictures_of(tree)))
