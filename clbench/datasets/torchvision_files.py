"""Files that torchvision downloads: complete or not at all, and fast to give up."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

TIMEOUT = 10.0  # seconds a connection may stay silent
PREFIX, LOCK = ".clbench-download-", "lock"


def into(root: Path, archive: str, folder: str, files: Sequence[str]) -> Path:
    """root/folder with the files of torchvision's data set `archive`.

    Into a temporary folder on the same disk first, so that a file appears complete or not at all.
    """
    import torchvision.datasets

    target = root / folder
    with temporary_folder(root) as temporary, _timeout(TIMEOUT):
        getattr(torchvision.datasets, archive)(temporary, download=True)
        target.mkdir(parents=True, exist_ok=True)
        for file in files:
            os.replace(Path(temporary) / archive / "raw" / file, target / file)
    return target


@contextmanager
def temporary_folder(beside: Path) -> Iterator[str]:
    """A folder for a download, on the disk of `beside`; those of downloads that were killed are removed.

    Who downloads holds a lock in its folder, which the system releases when it dies.
    """
    for left in beside.glob(f"{PREFIX}*/{LOCK}"):
        with suppress(Timeout, OSError), FileLock(left, timeout=0):
            shutil.rmtree(left.parent)
    with (
        tempfile.TemporaryDirectory(prefix=PREFIX, dir=beside) as temporary,
        FileLock(Path(temporary) / LOCK),
    ):
        yield temporary


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """torchvision passes no timeout to urllib, which then takes the process's default."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def one_by_one(target: Path, files: Sequence[str], url: str, known: Mapping[str, str]) -> Path:
    """`target` with each of `files` from below `url`, all or none, by torchvision's downloader and md5s."""
    from torchvision.datasets.utils import download_url

    target.mkdir(parents=True, exist_ok=True)
    with temporary_folder(target) as temporary, _timeout(TIMEOUT):
        for file in files:
            download_url(f"{url}/{file}", temporary, file, known[file].removeprefix("md5:"))
        for file in files:
            os.replace(Path(temporary) / file, target / file)
    return target
