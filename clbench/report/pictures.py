"""What all pictures share: colours, markers, names of files, the style they are written in."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from clbench.errors import UserError
from clbench.report.build.result_table import Table
from clbench.report.build.tables import group_key
from clbench.results import digest

MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h"]
COLUMN = 3.3  # inches: what a column of a paper is wide; words are set to be read at that size
STYLE: dict[Any, Any] = {
    "svg.hashsalt": "clbench",
    "text.parse_math": False,
    "font.size": 7.5,
    "axes.titlesize": 7,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
}


@contextmanager
def styled(folder: Path) -> Iterator[None]:
    """One style for what is drawn in here; the folder is made, and a UserError says where writing fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context(STYLE):
            yield
    except OSError as error:
        raise UserError(f"{folder}: cannot write the plots: {error.strerror or error}") from None


def entitled(figure: Figure, words: str) -> None:
    """The words over a figure that is a column wide."""
    figure.suptitle(textwrap.fill(words, 66), fontsize=6.5, x=0.01, ha="left")


def legend_below(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    """One legend for the whole figure, in as many columns as its labels leave room for; it makes its own room."""
    columns = max(1, min(4, 58 // (max(map(len, labels)) + 8)))
    rows = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + 0.15 * rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=2.6)


def stems(tables: Sequence[Table]) -> list[str]:
    """`permuted-mnist-task` of each; where several tables are called so, with what tells them apart."""
    names = [f"{slug(table.stream)}-{table.first.config['scenario']}" for table in tables]
    keys = [digest(group_key(table.first)) for table in tables]
    different = {name: {k for n, k in zip(names, keys, strict=True) if n == name} for name in names}
    return [n if len(different[n]) == 1 else f"{n}-{k}" for n, k in zip(names, keys, strict=True)]


def slug(name: str) -> str:
    return re.sub(r"[^\w-]+", "-", name, flags=re.ASCII).strip("-") or "unnamed"


def save(figure: Figure, path: Path) -> list[Path]:
    """The picture as PNG and SVG; `path` has no suffix."""
    pictures = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    for picture in pictures:
        dated = {"Date": None} if picture.suffix == ".svg" else {}  # equal results give equal files
        figure.savefig(picture, dpi=300, bbox_inches="tight", pad_inches=0.02, metadata=dated)
    return pictures
