"""How large, how deep and how long what a file says may be: held before any work is done with it.

Everything that clbench writes is far within. What is read is JSON, YAML or TOML, parsed by libraries that would
take whatever memory and time a file asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.errors import UserError

RESULT_CHARACTERS = 2**29  # of a result or a record: a thousand seeds of a hundred tasks take 2**28
CONFIGURATION_CHARACTERS = 2**18  # of a file that people write; clbench.toml has 2**13
DEPTH = 32  # tables and lists within each other
TEXT = 50_000  # characters: a task may be named after a thousand classes
DIGITS = 100  # of a whole number: a float holds it, and the square of it
VALUES = 50_000  # of a configuration, with everything that YAML's anchors repeat


def read_text(path: Path, most: int, errors: str = "strict") -> str:
    """The characters of a UTF-8 file. UserError for more than `most`, which are not read; else as open()."""
    with path.open(encoding="utf-8", errors=errors) as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise UserError(f"{path}: too large: more than {most:,} characters")
    return found


def fault(value: Any) -> str | None:
    """The first thing in parsed JSON, YAML or TOML that is out of bounds as `place: what`, or None."""
    level: list[tuple[str, Any]] = [("", value)]
    for _ in range(DEPTH + 1):
        below: list[tuple[str, Any]] = []
        for where, each in level:
            if (what := fault_of_one(each)) is not None:
                return f"{where}: {what}" if where else what
            if isinstance(each, dict):
                if (what := fault_of_keys(each)) is not None:
                    return f"{where}: {what}" if where else what
                below += inner(where, each.items(), "{}.{}")
            elif isinstance(each, list | tuple):
                below += inner(where, enumerate(each), "{}[{}]")
        if not below:
            return None
        level = below
    return f"{level[0][0][:200]}: nested deeper than {DEPTH} tables and lists"


def inner(where: str, entries: Any, form: str) -> Iterator[tuple[str, Any]]:
    """What can be out of bounds of the entries of a table or list, each with its place."""
    return ((form.format(where, n).removeprefix("."), each) for n, each in entries if type(each) is not float)


def fault_of_keys(table: dict[Any, Any]) -> str | None:
    found = (fault_of_text(key) for key in table if isinstance(key, str))
    return next((f"a name is {what}" for what in found if what is not None), None)


def fault_of_one(value: Any) -> str | None:
    """Of a text or a number."""
    if isinstance(value, str):
        return fault_of_text(value)
    if isinstance(value, int) and value.bit_length() > DIGITS * 10 / 3:
        return f"a number of more than {DIGITS} digits"
    return None


def fault_of_text(words: str) -> str | None:
    """Its length, or a lone surrogate: half a character, which no file of text can hold."""
    if len(words) > TEXT:
        return f"{words[:20]!r}.. of {len(words):,} characters; {TEXT:,} are the most"
    if not words.isascii() and (half := next((c for c in words if "\ud800" <= c <= "\udfff"), None)):
        return f"no text: it holds {half!r}, a lone surrogate"
    return None
