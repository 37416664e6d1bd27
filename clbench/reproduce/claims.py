"""What a paper claims, as data: which groups of numbers lie on which side of which others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from clbench.errors import UserError
from clbench.metrics import METRICS
from clbench.reproduce.lines import Line, Match, Values, describe_match, lost, merged, parts, place_of, values
from clbench.reproduce.margins import Margin, deviation_margin, level_margin, mean_margin
from clbench.reproduce.verdicts import Verdict
from clbench.scores import ACCURACY

Directions = Mapping[str, str]  # value -> higher | lower is better
OF_ACCURACY: Directions = {m.called(ACCURACY): m.better(ACCURACY) for m in METRICS.values()}
SIDES = {
    "above": 1,
    "below": -1,
    "better_than": 1,
    "worse_than": -1,
}  # the last two turn with the value's direction


@dataclass(frozen=True)
class Gap:
    """From the group `to` up to a claim's own, among the lines that match `start`, and of `end`."""

    to: Match
    start: Match
    end: Match


@dataclass(frozen=True)
class Claim:
    """The mean of `value` over the seeds of every group in `of` lies above that of every group in `above`.

    below, better_than, worse_than: the same on the other side, or on the side that is better for this value.
    gap: instead, how far it is better than another group grows from one place to another. statistic: deviation
    compares the sample standard deviations over seeds, not the means.

    by: by at least so much, which may be negative; None: by more than 0. each: among the lines of every value of
    this key. among: among the lines of each of these. at_least: this number or more instead.
    """

    says: str
    value: str
    of: tuple[Match, ...]
    above: tuple[Match, ...] = ()
    below: tuple[Match, ...] = ()
    better_than: tuple[Match, ...] = ()
    worse_than: tuple[Match, ...] = ()
    by: float | None = None
    at_least: float | None = None
    each: str | None = None
    among: tuple[Match, ...] = ()
    gap: Gap | None = None
    statistic: Literal["mean", "deviation"] = "mean"

    @classmethod
    def read(cls, raw: dict[str, Any]) -> Claim:
        """Of an entry of `claims` as clbench/schema/reproduction.json describes it."""
        groups = {key: tuple(raw.get(key, ())) for key in (*SIDES, "among")}
        of = tuple(raw["of"]) if isinstance(raw["of"], list) else (raw["of"],)
        gap = Gap(raw["gap"]["to"], raw["gap"]["from"], raw["gap"]["until"]) if "gap" in raw else None
        return cls(**{**raw, **groups, "of": of, "gap": gap})

    def judged(self, lines: Sequence[Line], directions: Directions = OF_ACCURACY) -> Verdict:
        """directions: which way each value is better; of accuracy's metrics where none are given.

        UserError: the claim says better or worse of a value that is neither.
        """
        margins: list[Margin] = []
        without: list[str] = []
        for part, where in parts(lines, self.each, self.among):
            if any(values(part, group, self.value) for group in (*self.of, *self.others)):
                margins += self.margins(part, where, directions)
                without += self.missing(part, where)
        return Verdict(self.says, tuple(margins), tuple(dict.fromkeys(without)))

    @property
    def others(self) -> tuple[Match, ...]:
        return (*self.above, *self.below, *self.better_than, *self.worse_than)

    @property
    def groups(self) -> Iterator[Match]:
        """Everything that numbers are needed of."""
        if self.gap is None:
            yield from (*self.of, *self.others)
            return
        for end in (self.gap.start, self.gap.end):
            yield from (merged(group, end) for group in (*self.of, self.gap.to))

    def missing(self, part: Sequence[Line], where: Match) -> Iterator[str]:
        """Groups of a part without numbers, and those of which a seed has diverged or is not finished."""
        for group in self.groups:
            gone = lost(part, group)
            here = describe_match(group) + place_of(where)
            if not values(part, group, self.value):
                yield f"no numbers of {here}" + (f" ({', '.join(gone)})" if gone else "")
            elif gone:
                yield f"{here}: {', '.join(gone)}"

    def margins(self, part: Sequence[Line], where: Match, directions: Directions) -> Iterator[Margin]:
        for group in self.of:
            mine = values(part, group, self.value)
            if not mine:
                continue
            whole = not lost(part, group)
            own = f"{describe_match(group)} beside " if len(self.of) > 1 else ""
            if self.at_least is not None:
                yield level_margin(mine, self.at_least, f"{own}{self.at_least:g}{place_of(where)}", whole)
            if self.gap:
                yield from self.growth(part, group, where, directions)
            for side, sign in SIDES.items():
                for other in getattr(self, side):
                    theirs = values(part, other, self.value)
                    if theirs:
                        turned = sign * (self.sign(directions) if side in ("better_than", "worse_than") else 1)
                        complete = whole and not lost(part, other)
                        yield self.between(
                            mine, theirs, turned, own + describe_match(other) + place_of(where), complete
                        )

    def between(self, mine: Values, theirs: Values, sign: int, beside: str, complete: bool) -> Margin:
        margin = deviation_margin if self.statistic == "deviation" else mean_margin
        return margin(mine, theirs, sign, self.by, beside, complete)

    def growth(self, part: Sequence[Line], of: Match, where: Match, directions: Directions) -> Iterator[Margin]:
        """By how much the gap, seed by seed, is wider at its end than at its start; nothing without runs."""
        gap = self.gap
        assert gap is not None

        def wide(end: Match) -> Values:
            upper, lower = (dict(values(part, merged(group, end), self.value)) for group in (of, gap.to))
            return [(seed, upper[seed] - lower[seed]) for seed in upper if seed in lower]

        last, first = wide(gap.end), wide(gap.start)
        if last and first:
            ends = f"from {describe_match(gap.start)} to {describe_match(gap.end)}"
            words = f"{describe_match(gap.to)}, {ends}{place_of(where)}"
            complete = not any(lost(part, group) for group in self.groups)
            yield mean_margin(last, first, self.sign(directions), self.by, words, complete)

    def sign(self, directions: Directions) -> int:
        """1 where more of the value is better, -1 where less is."""
        if self.value not in directions and self.gap:  # a number that is no score: the gap is a plain difference
            return 1
        if self.value not in directions:
            raise UserError(
                f"claim {self.says!r}: {self.value} is neither better nor worse; say above or below instead"
            )
        return 1 if directions[self.value] == "higher" else -1
