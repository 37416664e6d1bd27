"""Fetching a data set: whole or not at all, never over a file of the user's."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

from clbench.datasets.base import data_set
from clbench.datasets.checksums import refuse_modified, verify_published
from clbench.datasets.find import folder_of, locate, missing, roots, writable_root
from clbench.errors import UserError


@contextmanager
def without_trace(folders: Iterable[Path]) -> Iterator[None]:
    """Where it fails in here, no folder of these, nor one they lie in, stays that is empty and was not there."""
    every = {each for folder in folders for each in (folder, *folder.parents)}
    new = sorted((each for each in every if not each.exists()), key=lambda each: len(each.parts), reverse=True)
    try:
        yield
    except BaseException:
        for each in new:
            with suppress(OSError):
                each.rmdir()
        raise


def fetch(name: str, data_root: Path | None = None) -> Path | None:
    """The folder (for digits, the file) where the data set lies, downloaded if need be; None: it has no files.

    Never overwrites a file that is not the published one: that is a UserError, as is a download that fails.
    """
    one = data_set(name)
    if (packaged := one.packaged()) or not one.parts:
        return next(iter(packaged.values()), None)
    checks = verify_published(one, data_root)
    if checks[0].path and all(check.ok is not False for check in checks):
        return folder_of(locate(one, data_root) or {})
    downloaded = {one.spellings(part)[0] for part in one.parts}
    refuse_modified(check for check in checks if check.path and check.path.name in downloaded)
    if not one.downloadable:
        raise missing(one, data_root, " and has no download")
    try:
        with without_trace([root / place for root in roots(data_root) for place in one.places()]):
            return one.download(writable_root(data_root))
    except UserError:
        raise
    except (OSError, RuntimeError, ValueError, EOFError, zlib.error, HTTPException) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise missing(one, data_root, f" and could not be downloaded ({reason})") from error
