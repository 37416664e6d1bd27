"""Where a value of a run came from, in a few words that result files keep: 'code', '--set', 'mine.toml:3'."""

from __future__ import annotations

import re
from collections.abc import Callable
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
    """'tuned for task, mlp' of 'shipped clbench.toml:73 (tuned for task, mlp)', 'mine.toml' of 'mine.toml:3'."""
    place = origin.removesuffix(SAME)
    note = re.search(r" \(([^()]*)\)$", place)
    return note[1] if note else re.sub(r":\d+$", "", place)


def grouped(values: dict[str, str], origin_of: Callable[[str], str], join: str = ", ") -> str:
    """'a=1, b=2 (--set); c=3 (mine.toml)' of {'a': 'a=1', ..}: what has one origin stands together."""
    groups: dict[str, list[str]] = {}
    for name, words in values.items():
        groups.setdefault(in_short(origin_of(name)), []).append(words)
    return "; ".join(f"{join.join(words)} ({origin})" for origin, words in groups.items())
