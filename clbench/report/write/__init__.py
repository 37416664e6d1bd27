"""A FILE A FORMAT: each registers one function that sets documents in it, and the suffixes of its files.

@writes("md", ".md")
def write(documents: Sequence[Document], place: Place) -> str: ...
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.registry import formats
from clbench.report.document import Document

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where the words go, and the files of pictures by their names. folder: of the file; None: to the terminal."""

    folder: Path | None = None
    pictures: Mapping[str, Sequence[Path]] = field(default_factory=dict)

    def drawn(self, document: Document, suffix: str = "") -> list[tuple[str, str]]:
        """Path as a file in the folder names it, and caption, of every picture that has a file."""
        return [
            (Path(os.path.relpath(path, self.folder) if self.folder else path).as_posix(), picture.caption)
            for picture in (document.pictures() if self.pictures else ())
            for path in self.pictures.get(picture.name, ())
            if path.suffix == suffix or not suffix
        ]


Writer = Callable[[Sequence[Document], Place], str]


def writes(name: str, *suffixes: str) -> Callable[[Writer], Writer]:
    """Decorator: registers a format under its name. suffixes: of the files that it is for, as `.md`."""

    def keep(writer: Writer) -> Writer:
        writer.suffixes = suffixes  # type: ignore[attr-defined]
        return formats.register(name)(writer)

    return keep


def names() -> list[str]:
    return list(formats)


def suffixes() -> dict[str, str]:
    """Suffix -> format."""
    return {suffix: name for name in formats for suffix in formats[name].suffixes}


def chosen(asked: str | None, output: Path | None, default: str) -> str:
    """The format that is asked for, else that of the file's suffix, else the default; UserError for another."""
    if asked is not None:
        if asked not in names():
            raise UserError(f"no report format called {asked!r}; {did_you_mean(asked, names())}")
        return asked
    if output is None or not output.suffix:
        return default
    known = suffixes()
    if output.suffix.lower() not in known:
        there = ", ".join(f"{suffix} ({name})" for suffix, name in known.items())
        raise UserError(f"{output}: no report format has the suffix {output.suffix!r}; there are {there}")
    return known[output.suffix.lower()]


def write(documents: Sequence[Document], name: str, place: Place | None = None) -> str:
    """In the format of that name."""
    return formats[name](documents, place or Place())


def written(
    documents: Sequence[Document], fmt: str = "md", plots: Path | None = None, output: Path | None = None
) -> str:
    """In a format, for the file `output` (None: the terminal); pictures into the folder `plots`, each logged."""
    drawn: dict[str, list[Path]] = {}
    if plots is not None:
        from clbench.report import pictures

        drawn = pictures.write([picture for one in documents for picture in one.pictures()], plots)
    for path in (path for paths in drawn.values() for path in paths):
        log.info("wrote %s", path)
    return write(documents, fmt, Place(output and output.parent, drawn))
