"""What all pictures share: colours, markers, names of files, the style they are written in."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clbench.report.build.result_table import ResultTable
from clbench.report.document import Picture
from clbench.report.scales import bounds_of, percent_like
from clbench.results.atomic import refused, write_whole
from clbench.scores import Score

MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h"]
LEAST = 10.0  # percents that an axis of them shows
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
    """One style for what is drawn in here; the folder is made, and a UserError says where that fails."""
    with refused(folder, " the plots"):
        folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        yield


def as_png(picture: Picture) -> bytes:
    with matplotlib.rc_context(STYLE):
        return drawn(picture.draw(), "png")


def write(pictures: Sequence[Picture], folder: Path) -> dict[str, list[Path]]:
    """Every picture as PNG and SVG in the folder, made if missing: name -> its files; UserError if that fails."""
    with styled(folder):
        return {picture.name: save(picture.draw(), folder / picture.name) for picture in pictures}


def entitled(figure: Figure, words: str) -> None:
    """The words over a figure that is a column wide."""
    figure.suptitle(textwrap.fill(words, 66), fontsize=6.5, x=0.01, ha="left")


def titled(table: ResultTable) -> str:
    """Stream, network and scenario, as a paper would; the rest is for the caption."""
    config = table.first.config
    network = config.get("network", {}).get("name")
    return ", ".join([table.stream, *([network] if network else []), f"{config['scenario']} scenario"])


def level(axes: Axes, mean: float, std: float, label: str, **look: Any) -> None:
    """What learns all tasks at once has no course over them: one level, with a band of its deviation."""
    style = {"color": "black", "linestyle": "--", "marker": "", **look}
    axes.axhline(mean, label=label, **style)
    if std:
        axes.axhspan(mean - std, mean + std, color=style["color"], alpha=0.1, linewidth=0)


def not_steeper(axes: Axes, score: Score) -> None:
    """An axis of percents shows ten of them at least, so that one does not look steep."""
    bounds = bounds_of(score)
    low, high = axes.get_ylim()
    if not percent_like(score) or bounds is None or high - low >= LEAST:
        return
    middle = (low + high) / 2
    bottom = min(max(middle - LEAST / 2, bounds[0]), bounds[1] - LEAST)
    axes.set_ylim(bottom, bottom + LEAST + (0.3 if bottom + LEAST >= bounds[1] else 0.0))


def legend_below(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    """One legend for the whole figure, in as many columns as its labels leave room for; it makes its own room."""
    columns = max(1, min(4, 58 // (max(map(len, labels)) + 8)))
    rows = -(-len(labels) // columns)
    figure.set_figheight(figure.get_figheight() + 0.15 * rows)
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, columnspacing=1.2, handlelength=2.6)


def save(figure: Figure, path: Path) -> list[Path]:
    """The picture as PNG and SVG; `path` has no suffix."""
    pictures = [path.with_name(f"{path.name}.{kind}") for kind in ("png", "svg")]
    for picture in pictures:
        dated = {"Date": None} if picture.suffix == ".svg" else {}  # equal results give equal files
        write_whole(picture, drawn(figure, picture.suffix[1:], metadata=dated))
    return pictures


def drawn(figure: Figure, kind: str, **more: Any) -> bytes:
    """The picture as a file of this kind, png or svg."""
    file = io.BytesIO()
    figure.savefig(file, format=kind, dpi=300, bbox_inches="tight", pad_inches=0.02, **more)
    return file.getvalue()
