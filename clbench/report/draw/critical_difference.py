"""Critical-difference diagrams (Demsar 2006): average ranks on a line, bars over methods not shown to differ."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clbench.report.build.file_names import slug
from clbench.report.build.ranking import Ranking, differences_in_words
from clbench.report.document import Picture
from clbench.report.draw import draws

LABEL, GROUP = 0.26, 0.16  # inches between two labels, between two bars
WIDTH, MARGIN = 6.4, 1.5  # inches; MARGIN of them left and right of the axis are for labels


@draws("critical-difference", of=Ranking)
def critical_difference(ranking: Ranking, stem: str) -> Iterator[Picture]:
    words = f"Critical difference of average ranks by {ranking.name} over {len(ranking.tables)} streams."
    yield Picture(f"{stem}-{slug(ranking.name)}", words, partial(diagram, ranking))


def diagram(ranking: Ranking) -> Figure:
    """Rank 1 to the left. The first half of the methods is named on the left, the other on the right."""
    methods = len(ranking.labels)
    bars = GROUP * (len(ranking.groups) + 1)
    height = 0.6 + bars + LABEL * ((methods + 1) // 2)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((MARGIN / WIDTH, 0, 1 - 2 * MARGIN / WIDTH, 1))
    axes.set_xlim(1, methods)
    axes.set_ylim(-height + 0.6, 0.6)  # inches, 0 at the axis
    axes.axis("off")
    scale(axes, ranking)
    for n, (first, last) in enumerate(ranking.groups):
        ends = [ranking.ranks[first] - 0.04, ranking.ranks[last] + 0.04]
        axes.plot(ends, [-GROUP * (n + 1)] * 2, color="#CC6677", linewidth=3.5, clip_on=False)
    for n, (label, rank) in enumerate(zip(ranking.labels, ranking.ranks, strict=True)):
        left = n < (methods + 1) // 2
        depth = -bars - LABEL * (n if left else methods - 1 - n) - 0.1
        name(axes, f"{label} ({rank:.2f})", rank, depth, left)
    names = ", ".join(ranking.streams)
    words = f"Average ranks by {ranking.name} over N = {len(ranking.tables)} streams: {names}. "
    words += "A bar joins methods that are not shown to differ. " if ranking.groups else ""
    axes.text(
        -MARGIN / (WIDTH - 2 * MARGIN),
        -0.03,
        textwrap.fill(words + " ".join(differences_in_words(ranking)), 100),
        transform=axes.transAxes,
        fontsize=8,
        va="top",
    )
    return figure


def scale(axes: Axes, ranking: Ranking) -> None:
    """The line of ranks, and over it the critical difference as far as the line can show it."""
    methods = len(ranking.labels)
    axes.plot([1, methods], [0, 0], color="black", linewidth=1, clip_on=False)
    step = max(1, methods // 12)
    for rank in range(1, methods + 1, step):
        axes.plot([rank, rank], [0, 0.07], color="black", linewidth=1, clip_on=False)
        axes.text(rank, 0.1, str(rank), ha="center", va="bottom", fontsize=8)
    end = min(methods, 1 + ranking.difference)
    longer = " (longer than the scale)" if end < 1 + ranking.difference else ""
    axes.plot([1, end], [0.38, 0.38], "|-", color="#332288", linewidth=1.5, markersize=7, clip_on=False)
    axes.text((1 + end) / 2, 0.42, f"CD = {ranking.difference:.2f}{longer}", ha="center", va="bottom", fontsize=8)


def name(axes: Axes, words: str, rank: float, depth: float, left: bool) -> None:
    """A line from the rank on the axis down and out to the method's name."""
    first, last = axes.get_xlim()
    edge = first - 0.02 * (last - first) if left else last + 0.02 * (last - first)
    axes.plot([rank, rank, edge], [0, depth, depth], color="black", linewidth=0.8, clip_on=False)
    pad = 4 if left else -4
    axes.annotate(
        words,
        (edge, depth),
        xytext=(-pad, 0),
        textcoords="offset points",
        ha="right" if left else "left",
        va="center",
        annotation_clip=False,
    )
