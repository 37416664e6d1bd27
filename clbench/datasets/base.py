"""What a data set says of itself: one class a data set, registered under its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from clbench.config.options import did_you_mean
from clbench.datasets.images import Images
from clbench.errors import UserError
from clbench.registry import datasets, first_line


class DataSet:
    """A data set; the first line of a subclass's docstring is its description in lists.

        @datasets.register("mine")
        class Mine(DataSet):
            \"\"\"Noise of two kinds.\"\"\"

            licence = "CC0"

            def read(self, files, allow_modified):
                return Images(self.name, x_train, y_train, x_test, y_test, ("white", "pink"), {})

    gives the streams split-mine and permuted-mine. One that names `parts` has them looked for in <root>/<folder>;
    one without makes its images from nothing.

    `load(name, ..., size=64, skip_broken=True)` sets the attributes `size` and `skip_broken` before it calls
    `read`. Sets of image files of many sizes decode them at `size` (the shorter side is resized to it, the middle
    cut out; None: the set's own `natural`); sets that are published at one size ignore it and stay as published.
    """

    licence: ClassVar[str] = "none stated"
    source: ClassVar[str] = "-"  # where it is published: a URL
    classes: ClassVar[tuple[str, ...]] = ()
    folder: ClassVar[str] = ""  # of its files, under a root; its name if empty
    elsewhere: ClassVar[tuple[str, ...]] = ()  # other folders under a root that are looked into; "" is the root
    parts: ClassVar[tuple[str, ...]] = ()  # its files; one that ends in / is a folder
    other_parts: ClassVar[tuple[tuple[str, ...], ...]] = ()  # other forms in which it is published, each whole
    known: ClassVar[Mapping[str, str]] = {}  # file -> "algorithm:digest"; empty: unpublished
    downloadable: ClassVar[bool] = False
    published: ClassVar[tuple[int, int] | None] = None  # training and test images, where it is known
    natural: ClassVar[int] = 64  # pixels a side of a set whose images have many sizes, where none are asked for
    size: int | None = None  # pixels a side that are asked for, of sets whose images have many sizes
    skip_broken: bool = False  # leave out images that cannot be decoded

    def __init__(self, name: str) -> None:
        self.name = name

    def places(self) -> tuple[str, ...]:
        """The folders under a root where its files may lie, the preferred one first."""
        return (self.folder or self.name, *self.elsewhere)

    @property
    def description(self) -> str:
        return first_line(type(self))

    def spellings(self, part: str) -> tuple[str, ...]:
        """The file names under which a part may lie, the preferred one first."""
        return (part,)

    def packaged(self) -> dict[str, Path]:
        """Files that come with an installed package, by part; a UserError where they do not."""
        return {}

    def download(self, root: Path) -> Path:
        """Fetch the files into their folder under `root`, whole or not at all; that folder."""
        raise NotImplementedError(f"{type(self).__name__} is downloadable and has no download")

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int] | None:
        """Training and test images that the files say they hold, without reading these; None: not known so."""
        return None

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        """The images in `files` (by part); a UserError for what is malformed and, unless allowed, modified."""
        raise NotImplementedError(f"{type(self).__name__} has no read")


def data_set(name: str) -> DataSet:
    """The data set called `name`; a UserError says what there is, and what may have been meant."""
    datasets.fill()
    if name in datasets.entries or name in datasets.broken:
        return datasets[name](name)
    hint = did_you_mean(name, datasets)
    raise UserError(f"no data set called {name!r}; {hint}; or a path ending in .npz")
