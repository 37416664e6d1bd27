"""Sets that are published packed: unpacked once, into an .npz of the cache whose images are then mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from clbench.datasets.base import DataSet
from clbench.datasets.cache import Unwritable, alone, cache_folder, written_whole
from clbench.datasets.checksums import FileCheck, check, refuse_modified
from clbench.datasets.decoding_progress import say
from clbench.datasets.find import sha256_of
from clbench.datasets.images import Images, of_arrays
from clbench.datasets.members import SEAL, seal_of
from clbench.datasets.npz import ARRAYS, arrays_of
from clbench.errors import UserError

VERSION = 1  # of what is made of the files: another number, and all are unpacked anew
Arrays = dict[str, np.ndarray]  # by the names of ARRAYS
Unpack = Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]]  # images and labels: of training, then of testing


def unpacked(one: DataSet, files: Mapping[str, Path], allow_modified: bool, unpack: Unpack) -> Images:
    """What `unpack` makes of the files, uint8 [N, H, W, C] and labels [N], or made of them when last read.

    Checksums are compared every time, and are the key with the names: a set that is published at one size is kept
    at that one, whatever is asked for. Where the cache cannot be written, all is unpacked into memory.
    """
    checks = [check(path, None, one) for path in files.values()]
    if not allow_modified:
        refuse_modified(checks)
    path = cache_folder() / f"{_key(one, checks)}.npz"
    found = _kept(path) or _made(path, checks, unpack)
    return of_arrays(one, **found, checksums={each.file: str(each.sha256) for each in checks})


def _key(one: DataSet, checks: Iterable[FileCheck]) -> str:
    """Content and version: what makes unpacked images the same."""
    made_of = [str(VERSION), one.name, *sorted(f"{each.sha256} {each.file}" for each in checks)]
    return hashlib.sha256("\n".join(made_of).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def _kept(path: Path) -> Arrays | None:
    """What the cache has; None where it has nothing, or something else."""
    if not path.is_file():
        return None
    try:
        found = arrays_of(path)
    except UserError:
        return None
    for x, y in ((found["x_train"], found["y_train"]), (found["x_test"], found["y_test"])):
        if x.dtype != np.uint8 or x.ndim != 4 or y.dtype != np.int64 or y.shape != x.shape[:1]:
            return None
    return found


def _made(path: Path, checks: Iterable[FileCheck], unpack: Unpack) -> Arrays:
    arrays: Arrays = {}
    try:
        with alone(path):
            if found := _kept(path):  # another process has been at it
                return found
            arrays = _arrays(checks, unpack)
            with written_whole(path) as temporary, temporary.open("wb") as file:
                np.savez(file, **arrays, **{SEAL: np.array(seal_of(arrays))})  # type: ignore[arg-type]
        return _kept(path) or arrays
    except Unwritable as error:
        say(f"{error}. Until then they are unpacked at every start")
        return arrays or _arrays(checks, unpack)


def _arrays(checks: Iterable[FileCheck], unpack: Unpack) -> Arrays:
    arrays = [array for x, y in unpack() for array in (x, y.astype(np.int64))]
    for each in checks:
        if each.path is None or sha256_of(each.path) != each.sha256:
            raise UserError(f"{each.path}: changed while it was read; start again")
    return dict(zip(ARRAYS, arrays, strict=True))
