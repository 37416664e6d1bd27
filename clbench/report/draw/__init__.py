"""A FILE A PICTURE of results: each registers one function that says what it draws of a table, study or ranking.

    @draws("heat-map", of=ResultTable)
    def heat_maps(table: ResultTable, stem: str) -> Iterator[Picture]: ...

The files import matplotlib, which is slow: they are read when pictures are wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from clbench.registry import Registry
from clbench.report.document import Picture

Drawing = TypeVar("Drawing", bound=Callable[..., Iterator[Picture]])
drawings = Registry("picture", "clbench.report.draw")


def draws(name: str, of: type) -> Callable[[Drawing], Drawing]:
    """Decorator: registers what gives the pictures of one thing. stem: what the names of its files begin with."""

    def keep(drawing: Drawing) -> Drawing:
        drawing.of = of  # type: ignore[attr-defined]
        return drawings.register(name)(drawing)

    return keep


def pictures_of(subject: Any, stem: str) -> list[Picture]:
    """By every file that draws such a thing."""
    return [
        picture
        for name in drawings
        if isinstance(subject, drawings[name].of)
        for picture in drawings[name](subject, stem)
    ]
