"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from clbench.errors import UserError


def write_whole(path: Path, content: bytes) -> None:
    """Temporary file, flush, rename; on UserError (disk full, not writable) the earlier file is as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise UserError(f"{path}: cannot write: {error.strerror or error}") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def make_ready(path: Path) -> None:
    """Before long work whose end is to be written to this file: UserError if that could not be done."""
    if path.is_dir():
        raise UserError(f"{path}: cannot write: it is a folder")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot write: {error.strerror or error}") from None
    if not os.access(path.parent, os.W_OK):
        raise UserError(f"{path}: cannot write: {path.parent} is read-only to you")


def forget_temporaries(folder: Path, name: str = "*") -> None:
    """Remove what killed writers of files called `name` left; only for who alone may write them."""
    for temporary in folder.glob(f".{name}.*.tmp"):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _sync_folder(folder: Path) -> None:
    # Some file systems refuse to sync a folder. The file itself is whole by then, so that is no error.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
