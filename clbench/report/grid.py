"""A table as words, which every writer of text can set."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Grid:
    """Entries row by row; the first column is to the left, all others to the right. Numbers are set already."""

    heading: str
    header: list[str]
    body: list[list[str]]
    notes: list[str] = field(default_factory=list)
