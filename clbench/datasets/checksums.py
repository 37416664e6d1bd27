"""Are the files the published ones? Checksums found, checksums expected."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from clbench.datasets.base import DataSet, data_set
from clbench.datasets.find import digests_of, locate, part_of, sha256_of, stand_in
from clbench.datasets.paths import is_path, own_path
from clbench.datasets.tree import Tree
from clbench.errors import UserError


@dataclass(frozen=True)
class FileCheck:
    """One file against its published checksum; "sha256:…" or "md5:…" says which kind a checksum is."""

    file: str
    path: Path | None  # None: absent
    sha256: str | None  # of the bytes of the file, bare
    found: str | None  # in the algorithm of `expected`
    expected: str | None  # None: none is known for this file
    ok: bool | None  # None: there, and nothing is published to hold it to
    packed: bool = False  # one is known for FILE.gz


def check(path: Path, raw: bytes | None, one: DataSet | None = None) -> FileCheck:
    """`raw`, the bytes of `path` (None: read here, and not kept), against the checksums that `one` publishes.

    A folder has the checksum of its files' names and contents, and is held to none.
    """
    if path.is_dir():
        sha256 = Tree(path).digest
        return FileCheck(f"{path.name}/", path, sha256, f"sha256:{sha256}", None, None)
    expected = one.known.get(path.name) if one else None
    algorithm = expected.partition(":")[0] if expected else "sha256"
    if raw is None:
        digests = digests_of(path, "sha256", algorithm)
    else:
        digests = {a: hashlib.new(a, raw, usedforsecurity=False).hexdigest() for a in ("sha256", algorithm)}
    sha256, found = digests["sha256"], f"{algorithm}:{digests[algorithm]}"
    ok = found == expected if one and one.known else None
    packed = one is not None and f"{path.name}.gz" in one.known
    return FileCheck(path.name, path, sha256, found, expected, ok, packed)


def refuse_modified(checks: Iterable[FileCheck]) -> None:
    """A UserError for the first file that is not the published one."""
    for one in checks:
        if one.ok is False and one.expected is None:
            packed = f"{one.file}.gz beside it" if one.packed else "the published archive in its place"
            raise UserError(
                f"{one.path}: no checksum is published for this unpacked file (found {one.found}), so it "
                f"counts as modified; put {packed}, or pass --allow-modified-data"
            )
        if one.ok is False:
            raise UserError(
                f"{one.path}: not the published file: found {one.found}, expected {one.expected}; "
                "move it away and fetch it again, or pass --allow-modified-data"
            )


def verify(name: str, data_root: Path | None = None) -> list[FileCheck]:
    """Every file of a data set: the copy `load` would read, or else what there is of one."""
    if is_path(name):
        own = own_path(name)
        return [check(own, None)] if own.is_dir() else [_unpublished(own)]
    one = data_set(name)
    if locate(one, data_root) is None and (path := stand_in(one, data_root)):
        return [_unpublished(path)]
    return verify_published(one, data_root)


def verify_published(one: DataSet, data_root: Path | None = None) -> list[FileCheck]:
    """Every file of a data set in one of the forms in which it is published, NAME.npz or not."""
    files = locate(one, data_root) or part_of(one, data_root) or dict.fromkeys(one.parts)
    return [_check_part(part, path, one) for part, path in files.items()]


def _unpublished(path: Path) -> FileCheck:
    sha256 = sha256_of(path)
    return FileCheck(path.name, path, sha256, f"sha256:{sha256}", None, None)


def _check_part(part: str, path: Path | None, one: DataSet) -> FileCheck:
    if path is None:
        file = one.spellings(part)[0]
        return FileCheck(file, None, None, None, one.known.get(file), False)
    return check(path, None, one)
