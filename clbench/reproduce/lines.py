"""The numbers that claims are judged by: a line a seed (and stage, layer ..), and which of them a group has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

Line = dict[str, Any]  # numbers of one seed or configuration, with its options as 'strategy.lam'
Match = dict[str, Any]  # what a line must agree with
Values = list[tuple[Any, float]]  # seed, value
LOST = "lost"  # of a line of a seed without numbers: why, as `seed 3 diverged`


def parts(
    lines: Sequence[Line], key: str | None, among: Sequence[Match] = ()
) -> Iterator[tuple[list[Line], Match]]:
    """The lines of each match in `among` and each value of the key, and what they share; all, where none is given.

    A lost seed's line, which has no stage and no layer, is in every part that it does not contradict.
    """
    for match in among or ({},):
        here = [line for line in lines if agrees(line, match)]
        if key is None:
            yield here, match
            continue
        found = {format_value(line[key]): line[key] for line in here if key in line}
        for value in found.values():
            where = {**match, key: value}
            yield [line for line in here if agrees(line, where)], where


def matches(line: Line, match: Match) -> bool:
    return all(line.get(key) == value for key, value in match.items())


def agrees(line: Line, match: Match) -> bool:
    """Whether it matches; of a lost seed's line, whether nothing that it says speaks against it."""
    if LOST in line:
        return all(line[key] == value for key, value in match.items() if key in line)
    return matches(line, match)


def values(lines: Sequence[Line], match: Match, value: str) -> Values:
    return [
        (line.get("seed"), line[value]) for line in lines if matches(line, match) and line.get(value) is not None
    ]


def lost(lines: Sequence[Line], match: Match) -> list[str]:
    """What is said of the seeds of a group that have no numbers."""
    return list(dict.fromkeys(line[LOST] for line in lines if LOST in line and agrees(line, match)))


def merged(group: Match, place: Match) -> Match:
    return {**group, **place}


def describe_match(match: Match) -> str:
    return ", ".join(map(format_value, match.values()))


def place_of(where: Match) -> str:
    """` at width 32`: the part that a margin is of."""
    return (
        f" at {', '.join(f'{last(key)} {format_value(value)}' for key, value in where.items())}" if where else ""
    )


def last(key: str) -> str:
    return key.rpartition(".")[2]


def format_value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
