"""CIFAR in the forms in which it is published: batches that are pickled or binary, in an archive or out of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from clbench.datasets import archives
from clbench.datasets.base import DataSet
from clbench.datasets.find import read_bytes
from clbench.datasets.images import Images
from clbench.datasets.pickled import loads
from clbench.datasets.torchvision_files import one_by_one
from clbench.datasets.unpacked import unpacked
from clbench.errors import UserError

SIDE, COLOURS = 32, 3
PIXELS = SIDE * SIDE * COLOURS
URL = "https://www.cs.toronto.edu/~kriz"


class Cifar(DataSet):
    """Its archive lies in <root>/<name> or in the root, as torchvision lays it, its batches in a folder beside it.

    The python archive is preferred, then its unpacked folder, then the binary archive, then its folder.
    """

    source = "https://www.cs.toronto.edu/~kriz/cifar.html"
    downloadable = True
    number: ClassVar[str]  # 10 or 100, in the names of files
    train: ClassVar[tuple[str, ...]]  # batches, by their names in the python form
    test: ClassVar[str]
    binary_suffix = ".bin"
    labels: ClassVar[str]  # what a pickled batch calls them
    label_bytes: ClassVar[int]  # before an image of the binary form; the last is the label
    binary_folder: ClassVar[str]
    python_folder: ClassVar[str]

    def __init_subclass__(cls) -> None:
        batches = (*cls.train, cls.test)
        cls.elsewhere = (f"CIFAR{cls.number}", "")
        cls.parts = (f"cifar-{cls.number}-python.tar.gz",)
        cls.other_parts = (
            tuple(f"{cls.python_folder}/{batch}" for batch in batches),
            (f"cifar-{cls.number}-binary.tar.gz",),
            tuple(f"{cls.binary_folder}/{batch}{cls.binary_suffix}" for batch in batches),
        )

    def download(self, root: Path) -> Path:
        return one_by_one(root / self.places()[0], self.parts, URL, self.known)

    def counts(self, files: Mapping[str, Path]) -> tuple[int, int]:
        (_, train), (_, test) = self._arrays(_raws(files))
        return len(train), len(test)

    def read(self, files: Mapping[str, Path], allow_modified: bool) -> Images:
        return unpacked(self, files, allow_modified, lambda: self._arrays(_raws(files)))

    def _arrays(self, raws: Mapping[Path, bytes | None]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of the training and of the test batches: uint8 [N, 32, 32, 3] and labels [N]."""
        (first, *_) = raws
        batches = dict(_members(first) if raws[first] is None else _named(raws))
        found = []
        for names in (self.train, (self.test,)):
            arrays = [self._batch(name, batches, first.parent) for name in names]
            found.append((np.concatenate([x for x, _ in arrays]), np.concatenate([y for _, y in arrays])))
        return found

    def _batch(
        self, name: str, batches: dict[str, tuple[str, bytes]], folder: Path
    ) -> tuple[np.ndarray, np.ndarray]:
        binary = name + self.binary_suffix in batches
        where, raw = batches.pop(name + self.binary_suffix if binary else name, ("", b""))  # its memory is freed
        if not where:
            raise UserError(f"{folder}: {self.name} has no batch {name}, or it is no plain file; fetch it again")
        x, y = _unpacked(raw, self.label_bytes, where) if binary else _unpickled(raw, self.labels, where)
        if y.max() >= len(self.classes) or y.min() < 0:
            raise UserError(
                f"{where}: has labels from {y.min()} to {y.max()}; {self.name} has 0..{len(self.classes) - 1}"
            )
        return np.ascontiguousarray(x.reshape(-1, COLOURS, SIDE, SIDE).transpose(0, 2, 3, 1)), y


def _raws(files: Mapping[str, Path]) -> dict[Path, bytes | None]:
    """The bytes of batches; None for an archive, which is gone through."""
    return {path: None if path.name.endswith(".gz") else read_bytes(path) for path in files.values()}


def _named(raws: Mapping[Path, bytes | None]) -> Iterator[tuple[str, tuple[str, bytes]]]:
    return ((path.name, (str(path), raw)) for path, raw in raws.items() if raw is not None)


def _members(path: Path) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """The files in an archive: name -> where it is, its bytes."""
    for name, _, read in archives.members(path):
        yield name.rpartition("/")[2], (f"{path}: {name}", read())


def _unpickled(raw: bytes, name: str, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A dict with data, uint8 [N, 3072], a colour after the other, and a list of labels."""
    found = loads(raw, where)
    if isinstance(found, dict):
        found = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in found.items()}
    x, y = (found.get(key) if isinstance(found, dict) else None for key in ("data", name))
    if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.ndim != 2 or x.shape[1] != PIXELS or not len(x):
        raise UserError(f"{where}: not a batch of CIFAR: data must be uint8 [N, {PIXELS}]")
    if not isinstance(y, list) or len(y) != len(x) or not all(type(label) is int for label in y):
        raise UserError(f"{where}: not a batch of CIFAR: {name} must be a list of {len(x)} whole numbers")
    try:
        return x, np.array(y, np.int64)
    except OverflowError:
        raise UserError(f"{where}: {name} has absurd numbers") from None


def _unpacked(raw: bytes, label_bytes: int, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Records of a few label bytes and 3072 pixels, a colour after the other."""
    record = label_bytes + PIXELS
    if not raw or len(raw) % record:
        raise UserError(f"{where}: {len(raw)} bytes are no whole number of records of {record}; fetch it again")
    records = np.frombuffer(raw, np.uint8).reshape(-1, record)
    return records[:, label_bytes:], records[:, label_bytes - 1].astype(np.int64)
