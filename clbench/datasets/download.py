"""Fetching a data set: whole or not at all, never over a file of the user's."""

from __future__ import annotations

import zlib
from http.client import HTTPException
from pathlib import Path

from clbench.datasets.base import data_set
from clbench.datasets.checksums import refuse_modified, verify_published
from clbench.datasets.find import folder_of, locate, missing, writable_root
from clbench.errors import UserError


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
    root = writable_root(data_root)
    try:
        return one.download(root)
    except UserError:
        raise
    except (OSError, RuntimeError, ValueError, EOFError, zlib.error, HTTPException) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise missing(one, data_root, f" and could not be downloaded ({reason})") from error
