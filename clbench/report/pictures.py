"""What all pictures share: colours, markers, names of files, the style they are written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from ..errors import UserError

MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h"]


@contextmanager
def styled(folder: Path) -> Iterator[None]:
    """One style for what is drawn in here; the folder is made, and a UserError says where writing fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({"svg.hashsalt": "clbench", "font.size": 9, "text.parse_math": False}):
            yield
    except OSError as error:
        raise UserError(f"{folder}: cannot write the plots: {error.strerror or error}") from None


def slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-") or "unnamed"


def save(figure: Figure, path: Path) -> list[Path]:
    """The picture as PNG and SVG; `path` has no suffix."""
    pictures = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    for picture in pictures:
        dated = {"Date": None} if picture.suffix == ".svg" else {}  # equal results give equal files
        figure.savefig(picture, dpi=150, bbox_inches="tight", metadata=dated)
    return pictures
