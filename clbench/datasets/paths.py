"""Data sets of the user's own, given by a path: an .npz file, or a tree of images, plain or in an archive."""

from __future__ import annotations

import os
from pathlib import Path

from clbench.datasets.archives import SUFFIXES
from clbench.datasets.find import expanded
from clbench.errors import UserError


def is_path(name: str) -> bool:
    """FILE.npz, FILE.zip, FILE.tar(.gz), or a folder, which is told from a name by a slash: ./images, images/."""
    return name.endswith((".npz", *SUFFIXES)) or "/" in name or os.sep in name


def own_path(name: str) -> Path:
    """What is there under that path; UserError where nothing is."""
    path = expanded(name)
    try:
        there = path.is_file() or (path.is_dir() and not name.endswith((".npz", *SUFFIXES)))
    except ValueError:  # a zero byte
        there = False
    if not there:
        raise UserError(f"{name}: no such file, or folder of images")
    return path
