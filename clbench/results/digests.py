"""Short names and seals: SHA-256 of canonical JSON, of a configuration, of what made a stage, of a whole file."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from clbench.errors import UserError


def digest(config: dict[str, Any]) -> str:
    """First 12 hex digits of the SHA-256 of the canonical JSON; UserError on NaN or Infinity."""
    return _sha256(config)[:12]


def key_of(maker: dict[str, Any]) -> str:
    """What stages call their maker: the first 8 hex digits."""
    return _sha256(maker)[:8]


def seal(raw: dict[str, Any]) -> str:
    """SHA-256 of all that a result file says, but for the seal itself."""
    return _sha256({name: value for name, value in raw.items() if name != "sha256"})


def fingerprint(array: Any) -> str:
    """SHA-256 of a numpy array: its type, shape and numbers."""
    found = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    found.update(array.tobytes())
    return found.hexdigest()


def _sha256(value: dict[str, Any]) -> str:
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError as error:
        raise UserError(f"the configuration holds a number that is not finite: {error}") from None
    except TypeError as error:  # such as a date, which YAML makes of 2001-01-01
        raise UserError(f"the configuration holds what JSON cannot: {error}") from None
    return hashlib.sha256(text.encode()).hexdigest()


def place_of(data: str, name: str, digest: str, before: str = "") -> Path:
    """Where a result lies below the output folder: [BEFORE-]DATA/NAME-DIGEST.json."""
    folder = folder_of(data)
    return Path(f"{before}-{folder}" if before else folder) / f"{name}-{digest}.json"


def folder_of(data: str) -> str:
    """A stream's or data set's name as that of a folder; a digest tells namesakes apart."""
    return file_name(data)[-100:]


def file_name(words: str, kept: str = ".-", between: str = "_") -> str:
    """Words as part of a file's name: letters of ASCII, digits and `kept` stay, anything else is `between`."""
    return re.sub(rf"[^A-Za-z0-9{re.escape(kept)}]+", between, words)
