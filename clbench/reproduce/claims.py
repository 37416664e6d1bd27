"""What a paper claims, as data; and of every claim whether our numbers bear it out, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from clbench.report.grid import Grid

Line = dict[str, Any]  # numbers of one seed or configuration, with its options as 'strategy.lam'
Match = dict[str, Any]  # what a line must agree with


@dataclass(frozen=True)
class Claim:
    """The mean of `value` over the lines that match `of` lies above (below) that of every other group.

    by: by at least so much, which may be negative; None: by more than 0. each: among the lines of every value of
    this key. at_least: above this number instead.
    """

    says: str
    value: str
    of: Match
    above: tuple[Match, ...] = ()
    below: tuple[Match, ...] = ()
    by: float | None = None
    at_least: float | None = None
    each: str | None = None

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Claim:
        """Of an entry of `claims` as clbench/schema/reproduction.json describes it."""
        return cls(**{**raw, "above": tuple(raw.get("above", ())), "below": tuple(raw.get("below", ()))})

    def judged(self, lines: Sequence[Line]) -> list[str]:
        """[what is said, whether it holds, by how much, beside which]."""
        margins = [
            margin
            for part in parts(lines, self.each)
            if any(matches(line, self.of) for line in part)
            for margin in self.margins(part)
        ]
        if not margins:
            return [self.says, "not tested", "–", "the runs are missing"]
        least, beside = min(margins)
        holds = least > 0 if self.by is None else least >= self.by
        return [self.says, "holds" if holds else "does not hold", f"{least + 0.0:+.3g}", beside]  # -0.0 + 0.0 is 0.0

    def margins(self, lines: Sequence[Line]) -> Iterable[tuple[float, str]]:
        mine = mean(lines, self.of, self.value)
        if mine is None:
            return
        place = f" at {self.each.removeprefix('strategy.')} {spoken(lines[0].get(self.each))}" if self.each else ""
        if self.at_least is not None:
            yield mine - self.at_least, f"{self.at_least:g}{place}"
        for sign, others in ((1, self.above), (-1, self.below)):
            for other in others:
                theirs = mean(lines, other, self.value)
                if theirs is not None:
                    yield sign * (mine - theirs), f"{', '.join(map(spoken, other.values()))}{place}"


def parts(lines: Sequence[Line], key: str | None) -> list[list[Line]]:
    """The lines as one, or those of every value of a key."""
    if key is None:
        return [list(lines)]
    values = dict.fromkeys(spoken(line.get(key)) for line in lines)
    return [[line for line in lines if spoken(line.get(key)) == value] for value in values]


def matches(line: Line, match: Match) -> bool:
    return all(line.get(key) == value for key, value in match.items())


def mean(lines: Sequence[Line], match: Match, value: str) -> float | None:
    found = [line[value] for line in lines if matches(line, match) and line.get(value) is not None]
    return fmean(found) if found else None


def spoken(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def grid(claims: Sequence[Claim], lines: Sequence[Line], title: str) -> Grid:
    """A line a claim, and the group that comes nearest to refuting it (or refutes it most)."""
    header = ["claim", "here it", "by (in its unit)", "nearest"]
    return Grid(f"{title}: the paper's claims", header, [claim.judged(lines) for claim in claims])
