"""Where a value of a run came from, in a few words that result files keep: 'code', '--set', 'mine.toml:3'."""

from __future__ import annotations

import os
import re
from typing import Any

CODE = "code"  # the default that stands at the option itself
SAME = ", as code"  # ends the origin of a value that was given, and is the code's default all the same
Origins = dict[str, str]  # 'train.lr' -> 'shipped clbench.toml:73 (tuned for task, mlp)'


def of(place: str, value: Any, default: Any) -> str:
    """The origin of a value that was given at `place`."""
    return f"{place}{SAME}" if value == default and type(value) is type(default) else place


def differs(origin: str) -> bool:
    """Whether the value is another than the code's default."""
    return origin != CODE and not origin.endswith(SAME)


def in_short(origin: str) -> str:
    """'tuned for task, mlp' of 'shipped clbench.toml:73 (tuned for task, mlp)', 'mine.toml' of 'mine.toml:3'.

    Of a whole path, which says nothing on another machine, its last part.
    """
    place = origin.removesuffix(SAME)
    note = re.search(r" \(([^()]*)\)$", place)
    file = re.sub(r":\d+$", "", place)
    return note[1] if note else os.path.basename(file) if os.path.isabs(file) else file
