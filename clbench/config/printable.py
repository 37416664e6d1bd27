"""Text that anybody may have written, as terminals and tables show it: characters that act are escaped."""

from __future__ import annotations

import re
from typing import Any

# Controls (a terminal obeys them), separators of lines, marks that turn the direction of writing, half characters.
ACTIVE = "\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
IN_A_LINE = re.compile(f"[{ACTIVE}]")
IN_LINES = re.compile(f"(?!\n)[{ACTIVE}]")
LONGEST = 2000  # characters of a message


def printable(words: Any) -> str:
    """On one line: a line break as \\n, an escape as \\x1b."""
    return IN_A_LINE.sub(escaped, str(words))


def printable_lines(words: str) -> str:
    """Text of several lines, which stay."""
    return IN_LINES.sub(escaped, words)


def message(words: str) -> str:
    """One line of at most LONGEST characters, as error messages are."""
    line = printable(" ".join(words.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} .. {line[-LONGEST // 4 :]}"


def escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
