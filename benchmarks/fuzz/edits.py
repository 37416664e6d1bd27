"""Changes of a valid file: of the tree of its JSON, of its words, of its bytes. Draws decide all of it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Draw = Callable[[int], int]  # draw(n): one of 0 .. n - 1

DEEP: Any = 1
for _ in range(900):
    DEEP = [DEEP]
VALUES: list[Any] = [None, True, False, 0, 1, -1, 3, 2**31, 2**53 + 1, 2**63, -(2**63), 10**99, 10**400]
VALUES += [0.0, -0.5, 0.5, 1.5, 1e30, 1e39, 1e308, -1e308, 5e-324, "", "0", "1", "x", "ewc", "split-toy", "\ud800"]
VALUES += ["=1+1", "@x", "\x1b[31m", "a\nb", "<b>", "|", "$\\frac", "../../x", "~nouser/x", "\0", "é", "{{x}}"]
VALUES += [[], {}, [[]], [None], {"": ""}, {"x": {}}, [1, "1"], [1e308, 1e308], DEEP, "x" * 60_000]
WORDS = ["", "0", "-1", "1", "null", "true", "~", "9" * 400, "1e400", "-1e308", ".nan", ".inf", "0x" + "f" * 200]
WORDS += [
    '"\\uD800"',
    "'",
    '"',
    '"""',
    "'''",
    "[",
    "]",
    "{",
    "}",
    "[" * 60,
    "{a: " * 60,
    "*a",
    "&a",
    "&a [*a]",
    "<<: *a",
]
WORDS += [
    "!!int ''",
    "!!binary x",
    "!!timestamp x",
    "!!python/name:os.system",
    "2001-01-01",
    "1:1:1",
    "? ",
    "- ",
    ": ",
]
WORDS += [
    "\n",
    "\r",
    "\t",
    "\0",
    "\x1b",
    "#",
    "=",
    ".",
    "..",
    "a." * 40,
    ":",
    "::",
    ":log",
    ":int",
    "1..2",
    "0:1:0",
    ",",
]
WORDS += [
    "ewc",
    "strategy",
    "train",
    "stream",
    "network",
    "name",
    "lam",
    "lr",
    "split-digits",
    "\ud800",
    "é",
    "%s",
    "x" * 9000,
]
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


def tree(raw: Any, draw: Draw) -> Any:
    """One change of one entry somewhere in parsed JSON, in place; the root where it is itself what changes."""
    places = list(entries(raw))
    if not places or draw(50) == 0:
        return VALUES[draw(len(VALUES))]
    holder, key = places[draw(len(places))]
    change = draw(12)
    alike = [value for value in VALUES if type(value) is type(holder[key])]
    if change == 0 and isinstance(holder, dict):
        del holder[key]
    elif change == 1 and isinstance(holder, dict):
        holder[str(VALUES[draw(len(VALUES))])] = holder.pop(key)
    elif change == 2 and isinstance(holder, list):
        holder.insert(draw(len(holder) + 1), holder[key])
    elif change == 3 and isinstance(holder, list):
        del holder[key]
    elif change == 4:
        other, there = places[draw(len(places))]
        holder[key] = json.loads(json.dumps(other[there]))
    elif change < 8 or not alike:
        holder[key] = VALUES[draw(len(VALUES))]
    else:
        holder[key] = alike[draw(len(alike))]
    return raw


def entries(raw: Any) -> list[tuple[Any, Any]]:
    """Every entry of every table and list: what holds it, and its key."""
    found: list[tuple[Any, Any]] = []
    waiting = [raw]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list) and len(found) < 5000:
            keys = list(each) if isinstance(each, dict) else range(len(each))
            found += [(each, key) for key in keys]
            waiting += [each[key] for key in keys]
    return found


def words(text: str, draw: Draw) -> str:
    """One word or sign replaced, left out, doubled, or put before another."""
    tokens = TOKEN.findall(text)
    at = draw(len(tokens) or 1)
    here = tokens[at] if tokens else ""
    change = draw(6)
    new = WORDS[draw(len(WORDS))]
    changed = ["", here + here, new + here, here + new, new, new][change]
    return "".join([*tokens[:at], changed, *tokens[at + 1 :]])


def raw_bytes(content: bytes, draw: Draw) -> bytes:
    """A bit turned, a byte replaced, left out or put in, the rest cut off, a piece repeated or moved."""
    if not content:
        return bytes([draw(256)])
    at = draw(len(content))
    change = draw(6)
    if change == 0:
        return content[:at] + bytes([content[at] ^ (1 << draw(8))]) + content[at + 1 :]
    if change == 1:
        return content[:at] + bytes([draw(256)]) + content[at + 1 :]
    if change == 2:
        return content[:at] + content[at + 1 + draw(9) :]
    if change == 3:
        return content[:at] + bytes([draw(256) for _ in range(1 + draw(4))]) + content[at:]
    if change == 4:
        return content[:at]
    return content[:at] + content[draw(len(content)) :]
