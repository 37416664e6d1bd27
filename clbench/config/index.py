"""What is registered, read from a file: names, summaries and options without importing what they belong to.

The file is written by `python -m clbench.cli.index` out of the registries. It names the checksum of every source
that it was made of, and counts only while these are the same and no installed package registers anything. Else,
and once a --plugin is loaded, everything is imported, which takes seconds and says the same.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import json
import os
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from clbench.config.options import Absent, Adjustable, Bounds, Execution, Option

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

HOME = Path(__file__).parent.parent
FILE = HOME / "config" / "index.json"
ROOMS = ("datasets", "learn", "models", "networks", "scores", "strategies", "streams")
LOOSE = (
    "cli/catalogue.py",
    "config/index.py",
    "config/options.py",
    "config/scenario.py",
    "metrics.py",
    "registry.py",
    "report/build/cells.py",
)
GROUPS = tuple(f"clbench.{room}" for room in ("strategies", "streams", "networks", "models", "datasets"))
PLAIN = {"int": int, "float": float, "bool": bool, "str": str, "None": type(None), "Any": Any}
MARKS = {"adjustable": Adjustable, "execution": Execution}
Raw = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Described:
    """Of one registered thing: the line that lists show, its options, and facts needed before its import."""

    summary: str
    options: dict[str, Option]
    facts: Raw

    def encoded(self) -> Raw:
        return {
            "summary": self.summary,
            **self.facts,
            "options": {
                name: {"type": encoded(option.annotation), "default": option.default}
                for name, option in self.options.items()
            },
        }


@functools.cache
def installed(group: str) -> tuple[EntryPoint, ...]:
    """What installed packages register."""
    return everything_installed().get(group, ())


@functools.cache
def everything_installed() -> dict[str, tuple[EntryPoint, ...]]:
    from importlib.metadata import entry_points

    found = entry_points()
    return {group: tuple(found.select(group=group)) for group in GROUPS}


def may_be_installed() -> bool:
    """Whether the entry points of any package on the path speak of clbench: a look at their files, since
    importlib.metadata takes longer to import than all of them to read.
    """
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                if entry.name.endswith((".dist-info", ".egg-info")):
                    with contextlib.suppress(OSError), open(f"{entry.path}/entry_points.txt", "rb") as file:
                        if b"[clbench." in file.read():
                            return True
    return False


@functools.cache
def index() -> Raw | None:
    """Kind -> name -> what is said of it; None where that may not be true any more."""
    if may_be_installed() and any(installed(group) for group in GROUPS):
        return None
    try:
        raw = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return raw["kinds"] if raw["sources"] == sources() else None


def sources() -> dict[str, str]:
    """Source -> the beginning of its sha256."""
    files = {HOME / name for name in LOOSE} | {file for room in ROOMS for file in (HOME / room).rglob("*.py")}
    digests = {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}
    return {file.relative_to(HOME).as_posix(): digest[:12] for file, digest in digests.items()}


@functools.cache
def described(kind: str, name: str) -> Described:
    """Of a kind and name that the index has."""
    found = index()
    assert found is not None
    raw = found[kind][name]
    options = {
        each: Option(each, decoded(option["type"]), as_tuples(option["default"]))
        for each, option in raw["options"].items()
    }
    return Described(raw["summary"], options, {k: v for k, v in raw.items() if k not in ("summary", "options")})


def as_tuples(value: Any) -> Any:
    """JSON has lists where a default is a tuple."""
    return tuple(map(as_tuples, value)) if isinstance(value, list) else value


def encoded(annotation: Any) -> Any:
    """The annotation of an option in JSON's types; TypeError for one that this does not know."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    plain = next((name for name, kind in PLAIN.items() if annotation is kind), None)
    if plain is not None:
        return plain
    if origin is Annotated:
        return {"is": encoded(inner[0]), "with": [mark(each) for each in inner[1:]]}
    if origin is Literal:
        return {"literal": list(inner)}
    if origin in (Union, types.UnionType):
        return {"any": [encoded(each) for each in inner]}
    if origin is tuple:
        return {"tuple": ["..." if each is ... else encoded(each) for each in inner]}
    raise TypeError(f"the index has no way to write {annotation}: see clbench/config/index.py")


def mark(given: Any) -> Any:
    """A word of help as it is; a bound, a mark or an absence by its name."""
    if isinstance(given, str):
        return given
    if isinstance(given, Absent):
        return {"absent": given.value}
    named = [name for name, kind in MARKS.items() if given is kind]
    return {"mark": named[0]} if named else {"bounds": dict(bounds(given))}


def bounds(given: Any) -> Iterator[tuple[str, Any]]:
    """ge=0 and the like, ours or of pydantic's Field."""
    if isinstance(given, Bounds):
        yield from given.each.items()
        return
    for each in given.metadata:
        yield from (dataclasses.asdict(each) if dataclasses.is_dataclass(each) else vars(each)).items()  # type: ignore[arg-type]


def decoded(raw: Any) -> Any:
    """The annotation that `encoded` wrote."""
    if isinstance(raw, str):
        return PLAIN[raw]
    if "is" in raw:
        return Annotated[decoded(raw["is"]), *map(unmarked, raw["with"])]
    if "literal" in raw:
        return Literal[tuple(raw["literal"])]
    if "any" in raw:
        return Union[tuple(map(decoded, raw["any"]))]  # noqa: UP007
    inner = tuple(... if each == "..." else decoded(each) for each in raw["tuple"])
    return types.GenericAlias(tuple, inner)


def unmarked(raw: Any) -> Any:
    if isinstance(raw, str):
        return raw
    if "absent" in raw:
        return Absent(as_tuples(raw["absent"]))
    return MARKS[raw["mark"]] if "mark" in raw else Bounds(**raw["bounds"])
