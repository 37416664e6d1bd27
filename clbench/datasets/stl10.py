"""STL-10: photographs in plain binary files (Coates, Lee and Ng 2011); its unlabelled images are not read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from clbench.datasets import archives
from clbench.datasets.base import DataSet
from clbench.datasets.find import read_bytes
from clbench.datasets.images import Images
from clbench.datasets.torchvision_files import one_by_one, temporary_folder
from clbench.datasets.unpacked import unpacked
from clbench.errors import UserError
from clbench.registry import datasets
from clbench.results.atomic import write_whole

SIDE, COLOURS = 96, 3
PIXELS = SIDE * SIDE * COLOURS
ARCHIVE, FOLDER = "stl10_binary.tar.gz", "stl10_binary"
FILES = ("train_X.bin", "train_y.bin", "test_X.bin", "test_y.bin")
URL = "http://ai.stanford.edu/~acoates/stl10"


@datasets.register("stl10")
class STL10(DataSet):
    """things and animals, 96x96 colour, 10 classes"""

    published = (5000, 8000)
    source = URL
    elsewhere = ("STL10", "")
    parts = tuple(f"{FOLDER}/{file}" for file in FILES)
    other_parts = (FILES, (ARCHIVE,))
    downloadable = True
    classes = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
    known: ClassVar = {  # torchvision lists nothing stronger than md5
        "train_X.bin": "md5:918c2871b30a85fa023e0c44e0bee87f",
        "train_y.bin": "md5:5a34089d4802c674881badbb80307741",
        "test_X.bin": "md5:7f263ba9f9e0b06b93213547f721ac82",
        "test_y.bin": "md5:36f9794fa4beb8a2c72628de14fa638e",
        ARCHIVE: "md5:91f7769df0f17e558f3565bffb0c7dfb",
    }

    def download(self, root: Path) -> Path:
        """The archive, of whose 2.6 GB the files with labels are kept."""
        target = root / self.places()[0]
        target.mkdir(parents=True, exist_ok=True)
        with temporary_folder(target) as temporary:
            folder = one_by_one(Path(temporary), (ARCHIVE,), URL, self.known)
            for file, raw in _members(folder / ARCHIVE).items():
                write_whole(target / FOLDER / file, raw)
        return target / FOLDER

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        sizes = {path.name: path.stat().st_size for path in files.values()}
        if ARCHIVE in sizes:
            sizes = {file: len(raw) for file, raw in _members(files[ARCHIVE]).items()}
        for part in ("train", "test"):
            _hold(sizes[f"{part}_X.bin"], sizes[f"{part}_y.bin"], part, next(iter(files.values())).parent)
        return sizes["train_y.bin"], sizes["test_y.bin"]

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        folder = next(iter(files.values())).parent

        def unpack() -> list[tuple[np.ndarray, np.ndarray]]:
            packed = files.get(ARCHIVE)
            raws = _members(packed) if packed else {path.name: read_bytes(path) for path in files.values()}
            return [_arrays(raws[f"{p}_X.bin"], raws[f"{p}_y.bin"], p, folder) for p in ("train", "test")]

        return unpacked(self, files, allow_modified, unpack)


def _members(path: Path) -> dict[str, bytes]:
    """The four files in the archive, which is read no further than to the last of them."""
    found: dict[str, bytes] = {}
    for name, size, read in archives.members(path, most=archives.ANY):
        if (file := name.rpartition("/")[2]) in FILES:
            if size > archives.MAX_MEMBER:
                raise UserError(f"{path}: {name} has {size} bytes, which is not STL-10's; fetch it again")
            found[file] = read()
        if len(found) == len(FILES):
            return found
    raise UserError(f"{path}: has no {next(file for file in FILES if file not in found)}; fetch it again")


def _hold(pixels: int, labels: int, part: str, folder: Path) -> None:
    if not labels or pixels != labels * PIXELS:
        raise UserError(
            f"{folder}: {part}_X.bin has {pixels} bytes and {part}_y.bin {labels}; "
            f"wanted are {PIXELS} for each label"
        )


def _arrays(x: bytes, y: bytes, part: str, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """uint8 [N, 96, 96, 3], stored a colour after the other and each column by column; labels, stored from 1."""
    _hold(len(x), len(y), part, folder)
    pixels = np.frombuffer(x, np.uint8).reshape(-1, COLOURS, SIDE, SIDE)
    labels = np.frombuffer(y, np.uint8)
    if labels.min() < 1 or labels.max() > 10:
        raise UserError(
            f"{folder}: {part}_y.bin has labels from {labels.min()} to {labels.max()}; STL-10 has 1..10"
        )
    return np.ascontiguousarray(pixels.transpose(0, 3, 2, 1)), labels.astype(np.int64) - 1
