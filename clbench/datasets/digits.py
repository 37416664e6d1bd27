"""The 8x8 handwritten digits that scikit-learn carries (UCI optdigits): real data, no download."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from clbench.datasets.base import DataSet
from clbench.datasets.find import read_bytes
from clbench.datasets.images import Images, of_arrays
from clbench.errors import UserError
from clbench.registry import datasets

SIDE, LEVELS, COUNT = 8, 16, 1797
FOLD = 5  # every fifth image of a class is for testing


def csv_path() -> Path:
    """The packaged file, found without importing scikit-learn (which takes a second)."""
    spec = importlib.util.find_spec("sklearn")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / "datasets" / "data" / "digits.csv.gz"
        if path.is_file():
            return path
    raise UserError("scikit-learn's digits.csv.gz is not installed; pip install --force-reinstall scikit-learn")


@datasets.register("digits")
class Digits(DataSet):
    """handwritten digits, 8x8 grey, 10 classes (UCI optdigits); needs no download"""

    licence = "CC BY 4.0"
    source = "scikit-learn"
    classes = tuple("0123456789")

    def packaged(self) -> dict[str, Path]:
        path = csv_path()
        return {path.name: path}

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        (path,) = files.values()
        tested = _tested(_table(read_bytes(path), path)[:, -1])
        return int((~tested).sum()), int(tested.sum())

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        """Pixels 0..16 scaled to 0..255; the split is a rule, not a draw, so it never changes."""
        (path,) = files.values()
        raw = read_bytes(path)
        table = _table(raw, path)
        pixels, labels = table[:, :-1], table[:, -1].astype(np.int64)
        x = np.rint(pixels * 255 / LEVELS).astype(np.uint8).reshape(-1, SIDE, SIDE, 1)
        test = _tested(labels)
        checksums = {path.name: hashlib.sha256(raw).hexdigest()}
        return of_arrays(self, x[~test], labels[~test], x[test], labels[test], checksums)


def _table(raw: bytes, path: Path) -> np.ndarray:
    """[1797, 65]: 64 pixels and the label."""
    try:
        lines = gzip.decompress(raw).decode().splitlines()
        table = np.array([line.split(",") for line in lines], dtype=float)
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise UserError(f"{path}: broken ({error}); reinstall scikit-learn") from error
    if table.shape != (COUNT, SIDE * SIDE + 1) or not _in_range(table):
        raise UserError(f"{path}: not the {COUNT} digits of 8x8 pixels in 0..16; reinstall scikit-learn")
    return table


def _in_range(table: np.ndarray) -> bool:
    pixels, labels = table[:, :-1], table[:, -1]
    return bool(((pixels >= 0) & (pixels <= LEVELS)).all()) and set(labels) == set(range(10))


def _tested(labels: np.ndarray) -> np.ndarray:
    """Whether an image is for testing: every FOLD-th of its class. [N]"""
    rank = np.zeros(len(labels), np.int64)  # how many images of the same class come before it
    for label in np.unique(labels):
        members = labels == label
        rank[members] = np.arange(members.sum())
    return rank % FOLD == FOLD - 1
