"""Trees of image files, a folder a class, plain or in a zip or tar archive: which files, and their bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from clbench.datasets import archives
from clbench.datasets.cache import cache_folder
from clbench.datasets.find import read_bytes, sha256_of
from clbench.errors import UserError
from clbench.results.atomic import write_whole

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".tif", ".tiff")
DEPTH = 6  # folders within folders
SETTLED = 2.0  # seconds a file must have been as it is before its digest is remembered


@dataclass(frozen=True)
class Tree:
    """A folder, an archive, or an archive inside a zip. Links in a folder are followed; in an archive, refused."""

    path: Path
    inside: str | None = None

    @property
    def name(self) -> str:
        return self.path.name if self.archived else f"{self.path.name}/"

    @property
    def archived(self) -> bool:
        return not self.path.is_dir()

    def names(self) -> list[str]:
        """Of every image file that is not hidden, sorted, with / between folders."""
        if self.archived:
            found = [name for name, _, _ in archives.members(self.path, self.inside)]
        else:
            found = [name for name, _ in _below(self.path)]
        return sorted(filter(is_image, found))

    def contents(self, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """The bytes of these files, in the order in which they lie there."""
        if self.archived:
            each = archives.members(self.path, self.inside)
            yield from ((name, read()) for name, _, read in each if name in wanted)
        else:
            yield from ((name, read_bytes(self.path / name)) for name in sorted(wanted))

    @cached_property
    def digest(self) -> str:
        """sha256 of an archive's bytes; of a folder, of the names and contents of the files that are images.

        A folder's is remembered in the cache, for as long as no name, size or time of change is another.
        """
        if self.archived:
            return sha256_of(self.path)
        listed = [(name, status) for name, status in sorted(_below(self.path)) if is_image(name)]
        state = repr((str(self.path.resolve()), [(n, s.st_size, s.st_mtime_ns) for n, s in listed]))
        key = hashlib.sha256(state.encode("utf-8", "replace")).hexdigest()
        memory = cache_folder() / f"{key[:32]}.digest"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            known = memory.read_text("ascii")
            if known == _sealed(known.partition(" ")[0], key):
                return known.partition(" ")[0]
        whole = hashlib.sha256()
        for name, _ in listed:
            whole.update(f"{sha256_of(self.path / name)} {name}\n".encode("utf-8", "surrogateescape"))
        if all(status.st_mtime < time.time() - SETTLED for _, status in listed):
            with contextlib.suppress(UserError):
                write_whole(memory, _sealed(whole.hexdigest(), key).encode())
        return whole.hexdigest()


def _sealed(digest: str, key: str) -> str:
    """What is remembered: the digest, and a sha256 of it and of what it is of."""
    return f"{digest} {hashlib.sha256(f'{key} {digest}'.encode()).hexdigest()}"


def is_image(name: str) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.split("/"))
    return name.lower().endswith(SUFFIXES) and not hidden


def _below(folder: Path, before: str = "", depth: int = DEPTH) -> Iterator[tuple[str, os.stat_result]]:
    """Every file below a folder, with links followed: its name from there, and its status."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir() and depth:
                    yield from _below(Path(entry.path), f"{before}{entry.name}/", depth - 1)
                elif entry.is_file():
                    yield before + entry.name, entry.stat()
    except OSError as error:
        raise UserError(f"{folder}: cannot be read ({error.strerror})") from error
