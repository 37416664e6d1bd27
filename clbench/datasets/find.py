"""Where data sets lie: the folders searched, the files found there, and what to say when there are none."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from clbench.datasets.base import DataSet
from clbench.errors import NotHere, UserError

VARIABLE = "CLBENCH_DATA"
MAX_FILE_BYTES = 2**32  # read whole into memory


def roots(data_root: Path | None = None) -> list[Path]:
    """The folders searched, in order: `data_root`, or else CLBENCH_DATA; then the cache folder."""
    chosen = data_root or os.environ.get(VARIABLE)
    cache = Path(platformdirs.user_cache_dir("clbench"))
    return [expanded(chosen), cache] if chosen else [cache]


def expanded(path: str | Path) -> Path:
    """With ~ and ~NAME as folders; UserError for a NAME that nobody has."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: there is no home folder of {Path(path).parts[0][1:] or 'yours'}") from None


def writable_root(data_root: Path | None = None) -> Path:
    """Where downloads go: `data_root` if given, else the first writable one of `roots`; or a UserError."""
    candidates = roots(data_root)[:1] if data_root else roots()
    for root in candidates:
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(root, os.W_OK | os.X_OK):
            return root
    raise UserError(f"cannot write to {_listed(candidates)}; give a folder that can be with --data-root")


def files_in(root: Path, one: DataSet) -> dict[str, Path | None]:
    """Each part's file under `root`, in its preferred spelling; None where there is none.

    Of several forms or folders the first that has every part, else the one that has most.
    """
    forms = (one.parts, *one.other_parts)
    copies = [_copy(root / place, parts, one) for parts in forms for place in one.places()]
    whole = next((copy for copy in copies if all(copy.values())), None)
    return whole or max(copies, key=lambda copy: sum(path is not None for path in copy.values()))


def _copy(folder: Path, parts: tuple[str, ...], one: DataSet) -> dict[str, Path | None]:
    found: dict[str, Path | None] = {}
    for part in parts:
        there = os.path.isdir if part.endswith("/") else os.path.isfile
        found[part] = next((folder / name for name in one.spellings(part) if there(folder / name)), None)
    return found


def locate(one: DataSet, data_root: Path | None = None) -> dict[str, Path] | None:
    """All files, from the first root that has all of them; parts of two copies are never mixed. None: nowhere."""
    if (packaged := one.packaged()) or not one.parts:
        return packaged
    for root in roots(data_root):
        found = files_in(root, one)
        if all(found.values()):
            return {part: path for part, path in found.items() if path}
    return None


def part_of(one: DataSet, data_root: Path | None = None) -> dict[str, Path | None] | None:
    """What there is of a copy that is not whole, from the first root that has something; None: nothing."""
    copies = [files_in(root, one) for root in roots(data_root)]
    return next((copy for copy in copies if any(copy.values())), None)


def stand_in(one: DataSet, data_root: Path | None = None) -> Path | None:
    """NAME.npz in a root: a copy in the form of a user's own file, read where the published files are nowhere."""
    there = [root / f"{one.name}.npz" for root in roots(data_root)] if one.parts else []
    return next((path for path in there if os.path.isfile(path)), None)


def folder_of(files: Mapping[str, Path]) -> Path | None:
    """Where the files lie; None where there are none."""
    return next((path.parent for path in files.values()), None)


def missing(one: DataSet, data_root: Path | None = None, why: str = "") -> NotHere:
    """The error for files that are nowhere: which, looked for where, put them where, what to do meanwhile."""
    searched = roots(data_root)
    folders = [root / one.places()[0] for root in searched]
    absent = [part for part, path in files_in(searched[0], one).items() if path is None]
    wanted = ", ".join(one.spellings(part)[0] for part in absent)
    also = "; plain or gzipped" if any(len(one.spellings(part)) > 1 for part in absent) else ""
    return NotHere(
        f"{one.name} is not here, or not whole{why}: looked in {_listed(folders)}; "
        f"put {wanted} (from {one.source}{also}) into {folders[0]}, "
        f"or a copy of your own at {searched[0] / one.name}.npz, "
        "or try the digits, which need no download (--stream split-digits; prune-lenet: --dataset digits)"
    )


def read_bytes(path: Path) -> bytes:
    """The whole file. A UserError when it is absent, unreadable, not a plain file, or beyond 4 GiB."""
    with _readable(path):
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"{path}: larger than {MAX_FILE_BYTES} bytes, too large to read into memory")
        return path.read_bytes()


def sha256_of(path: Path) -> str:
    """Of a file of any size, which is never held whole; a UserError as in read_bytes."""
    return digests_of(path, "sha256")["sha256"]


def digests_of(path: Path, *algorithms: str) -> dict[str, str]:
    """The same by several algorithms, in one reading."""
    hashes = {name: hashlib.new(name, usedforsecurity=False) for name in algorithms}
    with _readable(path), path.open("rb") as file:
        while chunk := file.read(2**20):
            for each in hashes.values():
                each.update(chunk)
    return {name: each.hexdigest() for name, each in hashes.items()}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """A plain file, or a UserError of one line."""
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such file")
    try:
        yield
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error


def _listed(paths: list[Path]) -> str:
    return " and ".join(str(path) for path in paths)
