"""Typed options of anything registered: read from its signature, checked by pydantic, refused in one line."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import inspect
import reprlib
from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from clbench.errors import UserError


class Bounds:
    """In the Annotated of a number: ge, gt, le, lt, and allow_inf_nan, as pydantic's Field has them.

    pydantic asks it for them when a value is checked; to name options needs no pydantic, which is slow to import.
    """

    def __init__(self, **each: float) -> None:
        self.each = each

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        return {**handler(source), **self.each}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bounds) and self.each == other.each

    def __hash__(self) -> int:
        return hash(frozenset(self.each.items()))

    def __repr__(self) -> str:
        return f"Bounds({', '.join(f'{name}={value}' for name, value in self.each.items())})"


NonNegative = Annotated[float, Bounds(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Bounds(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Bounds(ge=0, lt=1)]
Share = Annotated[float, Bounds(ge=0, le=1)]
Percent = Annotated[float, Bounds(ge=0, lt=100)]  # of weights to give up: without any a network answers nothing
LARGEST = 2**31 - 1  # what torch takes as a size or an index everywhere
Count = Annotated[int, Bounds(ge=1, le=LARGEST)]
Natural = Annotated[int, Bounds(ge=0, le=LARGEST)]


class Adjustable:
    """A mark in Annotated: an option that is read at every use, so that it may change from task to task.

    With 0 of it nothing holds a task back: the two things that `clbench sweep --protocol continual` builds on.
    """


@dataclasses.dataclass(frozen=True)
class Absent:
    """In the Annotated of an option that came when results were there already: its value in those results.

    At this value it is left out of a configuration, and so of its digest, which stays what it was. The value is
    what the program did before, whatever the default is now: `pad: Annotated[Natural, Absent(0)] = 0`.
    """

    value: Any


class Execution:
    """A mark in Annotated: how a run is executed, which moves no number of it; no part of a configuration."""


@dataclasses.dataclass(frozen=True)
class Option:
    """One hyper-parameter: its name, annotation, default and (from a string in Annotated) what it means."""

    name: str
    annotation: Any
    default: Any

    @property
    def help(self) -> str:
        return next((m for m in get_args(self.annotation) if isinstance(m, str)), "")

    @property
    def absent(self) -> tuple[Any, ...]:
        """The value at which it is left out of a configuration, if there is one."""
        return tuple(m.value for m in get_args(self.annotation) if isinstance(m, Absent))

    @property
    def unsaid(self) -> bool:
        """Whether no configuration says it, whatever its value."""
        return Execution in get_args(self.annotation)

    @property
    def adjustable(self) -> bool:
        return Adjustable in get_args(self.annotation)

    @property
    def choices(self) -> tuple[Any, ...]:
        bare = get_args(self.annotation)[0] if get_origin(self.annotation) is Annotated else self.annotation
        return get_args(bare) if get_origin(bare) is Literal else ()


def options_of(factory: Callable[..., Any]) -> dict[str, Option]:
    """The parameters of a dataclass, class or function that have a default value."""
    return dict(_options_of(factory))


@functools.cache  # reading type hints takes milliseconds, and a configuration asks for dozens
def _options_of(factory: Callable[..., Any]) -> dict[str, Option]:
    hinted = factory
    if inspect.isclass(factory) and not dataclasses.is_dataclass(factory):
        hinted = factory.__init__
    hints = get_type_hints(hinted, include_extras=True)
    parameters = inspect.signature(factory).parameters.values()
    return {
        p.name: Option(p.name, hints.get(p.name, Any), p.default)
        for p in parameters
        if p.default is not inspect.Parameter.empty and not p.name.startswith("_")
    }


def absent_of(options: Mapping[str, Option]) -> dict[str, Any]:
    """Options that are left out of configurations at a value, and that value."""
    return {name: option.absent[0] for name, option in options.items() if option.absent}


def without_absent(values: dict[str, Any], options: Mapping[str, Option]) -> dict[str, Any]:
    """The values of these options, but for what was so before they came, and for how a run is executed."""
    absent = absent_of(options)
    said = {name: value for name, value in values.items() if name not in options or not options[name].unsaid}
    return {name: value for name, value in said.items() if name not in absent or value != absent[name]}


def complete(factory: Callable[..., Any], given: dict[str, Any], where: str) -> dict[str, Any]:
    """Every option of `factory`: the given values checked and converted, defaults for the rest."""
    known = options_of(factory)
    for name in given:
        if name not in known:
            raise UserError(f"{where} has no option {name!r}; {did_you_mean(name, known)}")
    return {
        name: convert(given[name], o.annotation, f"{where}.{name}") if name in given else o.default
        for name, o in known.items()
    }


def convert(value: Any, annotation: Any, where: str) -> Any:
    """`value` as the annotated type; text such as '512,256' becomes a tuple where one is asked for."""
    from pydantic import TypeAdapter, ValidationError

    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    kinds = get_args(bare) if get_origin(bare) in (Union, UnionType) else (bare,)
    if any(get_origin(kind) is tuple for kind in kinds) and isinstance(value, (str, int, float)):
        value = [v for v in str(value).split(",") if v.strip()]
    if isinstance(value, bool) and get_origin(bare) is Literal and str(value).lower() in get_args(bare):
        value = str(value).lower()  # YAML reads fisher=true as a truth value
    if holds_bool(value) and "bool" not in str(annotation) and annotation is not Any:  # pydantic takes it for 1
        raise UserError(f"{where}: expected a number or a name, got {shown(value)}")
    try:
        return TypeAdapter(annotation).validate_python(value)
    except (ValidationError, RecursionError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "nested too deep"
        raise UserError(f"{where}: {problem.removeprefix('Input ')}, got {shown(value)}") from None


def holds_bool(value: Any) -> bool:
    return isinstance(value, bool) or (
        isinstance(value, (list, tuple)) and any(v is True or v is False for v in value)
    )


def shown(value: Any) -> str:
    """`value` in at most a line: YAML's anchors make values whose repr is larger than any memory."""
    return short.repr(value)


short = reprlib.Repr()
short.maxstring = short.maxother = 80
short.maxlevel = 2


def each_named(names: list[str], where: str) -> list[str]:
    """Names without the spaces around them; UserError where one is empty, as in 'ewc,,mas'."""
    stripped = [name.strip() for name in names]
    if not all(stripped):
        raise UserError(f"{where} {','.join(names)!r}: a name is empty; expected such as ewc,mas")
    return stripped


BEGUN = 4  # names that begin alike and are all named


def did_you_mean(name: str, known: Any) -> str:
    """'did you mean 'ewc'?' where something is near, or begins so, whatever the case; else all there is."""
    known = sorted(known)
    if not known:
        return "there are none"
    lower = {each.lower(): each for each in known}
    begun = [each for each in known if name and each.lower().startswith(name.lower())]
    near = [lower[each] for each in difflib.get_close_matches(name.lower(), lower, n=1)]
    meant = " or ".join(map(repr, begun if 0 < len(begun) <= BEGUN else near))
    return f"did you mean {meant}?" if meant else f"there are: {', '.join(known)}"
