"""TOML and YAML held to bounds before they are parsed, and what was parsed after it."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import yaml

from clbench.results import bounds

# PyYAML raises its own errors for text, and whatever Python has for values: !!int '', !!bool x, 1:1:...:1.0
NOT_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError)
NOT_TOML = ValueError
TOO_DEEP = f"nested deeper than {bounds.DEPTH} tables and lists"
PARTS = 16  # of a dotted key
# what may hold dots, brackets and digits and is no key, table or number: text, unfinished too, and comments
SILENT = r'''"""(?:\\.|(?!""").)*+(?:"""|\Z)|\'\'\'.*?(?:\'\'\'|\Z)|"(?:\\.|[^"\\\n])*+"?|'[^'\n]*'?|#[^\n]*'''
TOKEN = re.compile(rf"(?P<silent>{SILENT})|(?P<number>[0-9][0-9a-fA-Fox_]*)|[.,=\n\[\]{{}}]", re.DOTALL)


class OutOfBounds(ValueError):
    """What is, and its line."""

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


def parsed_toml(text: str) -> dict[str, Any]:
    """One of NOT_TOML for what is no TOML, or out of bounds: before tomllib, which takes minutes for long keys."""
    hold_toml(text)
    try:
        return held(tomllib.loads(text))
    except RecursionError:
        raise ValueError(TOO_DEEP) from None


def hold_toml(text: str) -> None:
    """OutOfBounds for a key of too many parts, a number of too many digits, and brackets too deep."""
    parts, depth, line = 0, 0, 1
    for token in TOKEN.finditer(text):
        words = token[0]
        line += words.count("\n")
        if words == ".":
            parts += 1
        elif not token["silent"] and not token["number"]:
            parts = 0
            depth += (words in "[{") - (words in "]}")
        if parts >= PARTS:
            raise OutOfBounds(f"a key of more than {PARTS} parts", line)
        if token["number"] and len(words) > bounds.DIGITS:
            raise OutOfBounds(f"a number of {len(words):,} digits; {bounds.DIGITS} are the most", line)
        if depth > bounds.DEPTH:
            raise OutOfBounds(TOO_DEEP, line)


def composed_yaml(text: str) -> Any:
    """The node of a text, None of an empty one; one of NOT_YAML for what is no YAML, or out of bounds."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    if node is not None:
        measured(node, {})
    return node


def constructed_yaml(node: Any) -> Any:
    """The value of a node, whose merge keys it resolves in place."""
    return None if node is None else held(yaml.SafeLoader("").construct_document(node))


def parsed_yaml(text: str) -> Any:
    """One of NOT_YAML for what is no YAML, or out of bounds."""
    return constructed_yaml(composed_yaml(text))


def measured(node: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How deep a node is and how many values it makes, anchors as often as they are named; OutOfBounds beyond."""
    if (found := known.get(id(node))) is not None:
        if not found[0]:
            raise OutOfBounds("what stands here refers to itself", line_of(node))
        return found
    known[id(node)] = (0, 0)  # not measured yet
    inner = [measured(each, known) for each in below(node)]
    depth = 1 + max((depth for depth, _ in inner), default=0)
    count = 1 + sum(count for _, count in inner)
    if depth > bounds.DEPTH + 1:
        raise OutOfBounds(TOO_DEEP, line_of(node))
    if count > bounds.VALUES:
        raise OutOfBounds(f"more than {bounds.VALUES:,} values", line_of(node))
    known[id(node)] = (depth, count)
    return depth, count


def below(node: Any) -> list[Any]:
    if isinstance(node, yaml.ScalarNode):
        if node.tag.endswith((":int", ":float")) and len(node.value) > bounds.DIGITS:
            what = f"a number of {len(node.value):,} digits; {bounds.DIGITS} are the most"
            raise OutOfBounds(what, line_of(node))
        return []
    return [each for entry in node.value for each in (entry if isinstance(entry, tuple) else (entry,))]


def line_of(node: Any) -> int:
    return node.start_mark.line + 1


def held(value: Any) -> Any:
    """The value; ValueError where something in it is out of bounds."""
    if (what := bounds.fault(value)) is not None:
        raise ValueError(what)
    return value


def explained(error: Exception, path: Any, language: str) -> str:
    """In one line what is wrong with a file, with the line where it is known."""
    if isinstance(error, OutOfBounds):
        return f"{path}:{error.line}: {error}"
    return f"{path}: not valid {language}: {' '.join(str(error).split())}"
