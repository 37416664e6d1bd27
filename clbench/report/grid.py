"""A table as words, which every writer of text can set."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Grid:
    """Entries row by row; the first column and columns of words are to the left. Numbers are set already."""

    heading: str
    header: list[str]
    body: list[list[str]]
    notes: list[str] = field(default_factory=list)

    def to_the_left(self, column: int) -> bool:
        """Whether an entry begins with a letter, as names do and numbers do not."""
        return column == 0 or any(line[column][:1].isalpha() for line in self.body)
