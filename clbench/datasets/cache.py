"""Where what was decoded, trained or measured once is kept: whole, and made by one process alone."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import platformdirs
from filelock import FileLock

from clbench.errors import MachineFault
from clbench.results.atomic import forget_temporaries


class Unwritable(MachineFault):
    """The cache cannot be written: no room, or no permission."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(
            f"{path.parent}: cannot write decoded images there ({error.strerror or error}); "
            "make room, or set XDG_CACHE_HOME to a folder with some"
        )


def cache_folder(kind: str = "decoded") -> Path:
    """A folder that may be deleted at any time: what it held is made again. kind: decoded, or fid."""
    return Path(platformdirs.user_cache_dir("clbench")) / kind


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time makes `path`; another waits, and then finds what it made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise Unwritable(path, error) from error
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A name under which to write what then becomes `path`, flushed to the disk; for who is `alone` with it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        forget_temporaries(path.parent, path.name)
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise Unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
