"""Sections as the page's template sets them: each kind of part together, pictures within the page."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from clbench.report.document import Curves, Document, Matrices, Note, Picture, Provenance, Run, Section, Table
from clbench.report.write.page.charts import Charts


@dataclass
class View:
    """A section. curves, matrices: places of their numbers in the page's charts; unseen: matrices left out."""

    title: str
    rest: str
    tables: list[Table]
    curves: list[int]
    heatmaps: Matrices | None
    matrices: list[int]
    unseen: int
    pictures: list[dict[str, str]]  # source and words
    notes: list[str]
    runs: list[tuple[str, Provenance]]


def views(document: Document, charts: Charts) -> Iterator[View]:
    for section in document.sections:
        drawn = () if section.drawn_on_page else section.pictures()
        pictures = [embedded(document.captioned(picture)) for picture in drawn]
        if section.parts or pictures:
            yield view(section, charts, pictures)


def view(section: Section, charts: Charts, pictures: list[dict[str, str]]) -> View:
    heatmaps = next((part for part in section.parts if isinstance(part, Matrices)), None)
    each = heatmaps.matrices if heatmaps else ()
    drawn = [charts.add_matrix(matrix, heatmaps) for matrix in each if heatmaps]
    places = [place for place in drawn if place is not None]
    return View(
        section.title,
        section.subtitle,
        [part for part in section.parts if isinstance(part, Table)],
        [charts.add_curves(part) for part in section.parts if isinstance(part, Curves)],
        heatmaps,
        places,
        len(each) - len(places),
        pictures,
        [part.words for part in section.parts if isinstance(part, Note)],
        [(part.label, part.provenance()) for part in section.parts if isinstance(part, Run)],
    )


def embedded(picture: Picture) -> dict[str, str]:
    """A PNG picture within the page."""
    from clbench.report.pictures import as_png

    encoded = base64.b64encode(as_png(picture)).decode()
    return {"source": f"data:image/png;base64,{encoded}", "words": picture.caption}
