"""Files that are written whole or not at all, where links lead, with the mode that they have."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from clbench.errors import MachineFault, UserError


def write_whole(path: Path, content: bytes) -> None:
    """Temporary file, flush, rename; on MachineFault (disk full, not writable) the earlier file is as it was.

    A link stays, and what it leads to is written. Into a device or a FIFO the content is written as it is.
    """
    with refused(path):
        if _written_through(path):
            with path.open("wb") as stream:
                stream.write(content)
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as temporary:
            with temporary.open("wb") as file:
                _make_alike(file.fileno(), target)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, target)
    _sync_folder(target.parent)


def make_ready(path: Path) -> None:
    """Before long work whose end is to be written to this file: UserError if that could not be done."""
    if os.path.isdir(path):  # unlike Path.is_dir, says no to names that cannot be
        raise UserError(f"{path}: cannot write: it is a folder")
    with refused(path):
        if _written_through(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(None, "it is read-only to you")
            return
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        with _temporary(target) as temporary:
            temporary.touch()


@contextlib.contextmanager
def refused(path: Path, what: str = "") -> Iterator[None]:
    """What the system refuses in here is one line about the file, or `what` is to be written there."""
    try:
        yield
    except OSError as error:
        raise MachineFault(f"{path}: cannot write{what}: {error.strerror or error}") from None


def forget_temporaries(folder: Path, name: str = "*") -> None:
    """Remove what killed writers of files called `name` left; only for who alone may write them."""
    for temporary in folder.glob(f".{name}.*.tmp"):
        with contextlib.suppress(OSError):
            temporary.unlink()


def _written_through(path: Path) -> bool:
    """Whether it is no file that a rename could replace: a device, a FIFO, a stream of this process."""
    links = [os.path.realpath(path.parent)]
    with contextlib.suppress(OSError):
        links.append(os.path.dirname(os.readlink(path)))
    if any(folder.startswith("/proc/") and folder.endswith("/fd") for folder in links):
        return True
    try:
        return not stat.S_ISREG(path.stat().st_mode) and not path.is_dir()
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    """A name beside the target, of a file that is gone at the end."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _make_alike(file: int, target: Path) -> None:
    """Mode and, where that is allowed, owner of the file that is to be replaced; a new one has the umask's."""
    with contextlib.suppress(FileNotFoundError):
        before = target.stat()
        with contextlib.suppress(OSError):
            os.fchown(file, before.st_uid, before.st_gid)
        os.fchmod(file, stat.S_IMODE(before.st_mode))


def _sync_folder(folder: Path) -> None:
    # Some file systems refuse to sync a folder. The file itself is whole by then, so that is no error.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
