"""The plain files in a zip or tar archive, one after the other; nothing is ever unpacked to the disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from clbench.errors import UserError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_MEMBER = 2**28  # bytes of a file in an archive, unpacked; STL-10's test images are 221 million
ANY = 2**40
CHUNK, BLOCK = 2**20, 512
ENCRYPTED = 0x1
Member = tuple[
    str, int, Callable[[], bytes]
]  # its name, its bytes, and what reads it before the next one is asked for


def is_archive(name: str) -> bool:
    return name.endswith(SUFFIXES)


def members(path: Path, inside: str | None = None, most: int = MAX_MEMBER) -> Iterator[Member]:
    """The files of an archive in their order. inside: the name of an archive in it, whose files are meant.

    A UserError of one line for what is broken, encrypted, a link, there twice, of more than `most` bytes, or
    has a name that leads out of the archive.
    """
    with _one_line(path):
        if inside is None and path.name.endswith(".zip"):
            yield from _checked(_zip(path), path, most)
        elif inside is None:
            with path.open("rb") as raw:
                yield from _checked(_tar(path.name, raw), path, most)
        else:
            yield from _checked(_within(path, inside), path, most)


def _within(path: Path, inside: str) -> Iterator[Member]:
    with zipfile.ZipFile(path) as outer:
        found = [info for info in outer.infolist() if info.filename.rpartition("/")[2] == inside]
        if not found:
            raise UserError(f"{path}: has no {inside}")
        with outer.open(found[0]) as raw:
            yield from _tar(inside, raw)


def _checked(each: Iterator[Member], path: Path, most: int) -> Iterator[Member]:
    seen: set[str] = set()
    for name, size, read in each:
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name or not parts:
            raise UserError(f"{path}: holds {name!r}, a name that leads out of it; such an archive is not read")
        plain = "/".join(parts)
        if plain in seen:
            raise UserError(f"{path}: holds {plain} twice")
        if size > most:
            raise UserError(f"{path}: {plain} has {size} bytes, too many ({most} at most)")
        seen.add(plain)
        yield plain, size, partial(_read, path, read)


def _read(path: Path, read: Callable[[], bytes]) -> bytes:
    with _one_line(path):
        return read()


def _zip(path: Path) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            mode = info.external_attr >> 16
            if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
                raise UserError(f"{path}: {info.filename} is a link or no plain file; such an archive is not read")
            if info.flag_bits & ENCRYPTED:
                raise UserError(f"{path}: {info.filename} is encrypted")
            yield info.filename, info.file_size, partial(archive.read, info)


def _tar(name: str, raw: IO[bytes]) -> Iterator[Member]:
    """Unpacked here, and not by tarfile, which neither compares checksums nor notices that the end is missing."""
    with _unpacked(name, raw) as stream:
        ending = _Ending(stream)
        with tarfile.open(fileobj=cast(IO[bytes], ending), mode="r|") as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg():
                    raise UserError(
                        f"{name}: {member.name} is a link or no plain file; such an archive is not read"
                    )
                yield member.name, member.size, partial(_taken, archive, member)
                cast(Any, archive).members = []  # it would keep a million of them
        while ending.read(CHUNK):  # to the end, where the checksum is
            pass
        if ending.last.strip(b"\0") or len(ending.last) < BLOCK:
            raise EOFError("its end is missing")


class _Ending:
    """A stream that remembers its last block, which in a whole tar file is of zeros."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.last = stream, b""

    def read(self, count: int) -> bytes:
        chunk = self.stream.read(count)
        self.last = (self.last + chunk)[-BLOCK:]
        return chunk


def _unpacked(name: str, raw: IO[bytes]) -> IO[bytes]:
    if name.endswith((".gz", ".tgz")):
        return gzip.open(raw)  # type: ignore[return-value]
    if name.endswith(".bz2"):
        return bz2.open(raw)
    return lzma.open(raw) if name.endswith(".xz") else raw


def _taken(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    raw = file.read()
    if len(raw) != member.size:
        raise EOFError(f"{member.name} ends after {len(raw)} of {member.size} bytes")
    return raw


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except Exception as error:  # tarfile, zipfile, gzip and zlib raise a dozen types for a broken archive
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path}: broken archive ({reason}); move it away and fetch it again") from error
