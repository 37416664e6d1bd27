"""JSON files: written whole or not at all, read strictly. Every error is one line that names the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clbench.errors import UserError
from clbench.results import bounds
from clbench.results.atomic import write_whole


def write(value: Any, path: Path) -> None:
    """Replace the file at once; on UserError (disk full, not writable) the earlier file is as it was.

    What could not be read again, as it is out of bounds, is not written.
    """
    if (fault := bounds.fault(value)) is not None:
        raise UserError(f"{path}: cannot write: {fault}")
    write_whole(path, dumps(value).encode("ascii"))


def read(path: Path) -> Any:
    """The value in a file; UserError for what is no JSON, NaN and Infinity included."""
    content = text(path)
    if not content.strip():
        raise UserError(f"{path}: the file is empty")
    return loads(content, str(path))


def loads(content: str, where: str) -> Any:
    """The value in JSON; UserError, with `where` in front, for what is none or out of bounds."""
    try:
        value = json.loads(content, parse_constant=_refuse, parse_float=_finite, parse_int=_whole)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not valid JSON: {error}") from None
    except ValueError as error:
        raise UserError(f"{where}: not readable as JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{where}: nested deeper than {bounds.DEPTH} tables and lists") from None
    if (fault := bounds.fault(value)) is not None:
        raise UserError(f"{where}: {fault}")
    return value


def text(path: Path, errors: str = "strict") -> str:
    """The characters of a UTF-8 file; UserError if it cannot be read. `errors` is that of bytes.decode."""
    try:
        return bounds.read_text(path, bounds.RESULT_CHARACTERS, errors)
    except OSError as error:
        raise UserError(f"{path}: cannot read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text file (byte {error.start})") from None


def dumps(value: Any) -> str:
    """JSON with sorted keys in which a list of plain values, as a row of the matrix, keeps to one line."""
    return "".join(_dump(value)) + "\n"


def _dump(value: Any, indent: str = "\n") -> Iterator[str]:
    inner = indent + " "
    if isinstance(value, dict) and value:
        for n, key in enumerate(sorted(value)):
            yield f"{',' if n else '{'}{inner}{json.dumps(key)}: "
            yield from _dump(value[key], inner)
        yield indent + "}"
    elif isinstance(value, list | tuple) and any(isinstance(v, dict | list | tuple) for v in value):
        for n, entry in enumerate(value):
            yield f"{',' if n else '['}{inner}"
            yield from _dump(entry, inner)
        yield indent + "]"
    else:
        yield json.dumps(value, allow_nan=False)


def _refuse(token: str) -> float:
    raise ValueError(f"{token} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if abs(number) < float("inf") else _refuse(digits)


def _whole(digits: str) -> int:
    if len(digits) > bounds.DIGITS:
        raise ValueError(f"a number of {len(digits):,} digits; {bounds.DIGITS} are the most")
    return int(digits)
