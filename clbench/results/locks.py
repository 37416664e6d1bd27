"""One process at a time for a file of results."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from clbench.errors import MachineFault


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps a second process off the same configuration; released by the system when a process dies."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.with_name(f".{path.stem}.lock"), timeout=0)
        lock.acquire()
    except Timeout:
        raise MachineFault(f"{path}: another clbench process is running this configuration; wait for it") from None
    except OSError as error:
        raise MachineFault(f"{path.parent}: cannot write there: {error.strerror or error}; choose --out") from None
    try:
        yield
    finally:
        lock.release()
