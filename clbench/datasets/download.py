"""Fetching a data set through torchvision: whole or not at all, and fast to give up."""

from __future__ import annotations

import os
import socket
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from clbench.datasets import digits
from clbench.datasets.checksums import refuse_modified, verify
from clbench.datasets.find import missing, writable_root
from clbench.datasets.mnist import PARTS, IdxSet, idx_set

TIMEOUT = 10.0  # seconds a connection may stay silent


def fetch(name: str, data_root: Path | None = None) -> Path:
    """The folder (for digits, the file) where the data set lies, downloaded if need be.

    Never overwrites a file that is not the published one: that is a UserError, as is a download that fails.
    """
    if name == "digits":
        return digits.csv_path()
    one = idx_set(name)
    checks = verify(name, data_root)
    if checks[0].path and all(check.ok is not False for check in checks):
        return checks[0].path.parent
    refuse_modified(check for check in checks if check.path and check.path.suffix == ".gz")
    if not one.downloadable:
        raise missing(one, data_root, " and has no download")
    root = writable_root(data_root)
    try:
        return _download(one, root)
    except (OSError, RuntimeError, ValueError, EOFError, zlib.error, HTTPException) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise missing(one, data_root, f" and could not be downloaded ({reason})") from error


def _download(one: IdxSet, root: Path) -> Path:
    """Into a temporary folder on the same disk first, so that a file appears complete or not at all."""
    import torchvision.datasets

    folder = root / one.folder / "raw"
    with tempfile.TemporaryDirectory(prefix=".clbench-download-", dir=root) as temporary, _timeout(TIMEOUT):
        getattr(torchvision.datasets, one.folder)(temporary, download=True)
        folder.mkdir(parents=True, exist_ok=True)
        for part, _ in PARTS:
            os.replace(Path(temporary) / one.folder / "raw" / f"{part}.gz", folder / f"{part}.gz")
    return folder


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """torchvision passes no timeout to urllib, which then takes the process's default."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
