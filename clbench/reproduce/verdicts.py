"""Whether a claim holds here: from its margins, and from what there are no numbers of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clbench.report.build.cells import with_interval
from clbench.report.document import Table, table_of_words
from clbench.reproduce.margins import Margin
from clbench.statistics.estimates import DeviationEstimate, enough_seeds
from clbench.statistics.intervals import LEVEL

WORDS = {True: "holds", False: "does not hold", None: "undecided"}
NOTE = (
    "[95 percent interval over seeds]: Student's, of the pairs where both have the same seeds, else Welch's. A "
    "claim holds where the whole of it is on the claimed side for every rival, and does not where the whole of it "
    "is on the other side for one; else it is undecided, and n seeds would do if mean and spread stay."
)
CORRECTED = (
    "Several rivals: that all intervals are on the claimed side needs no correction; that one is on the other has "
    "more chances to be luck, and (uncorrected) marks where none is after Holm's correction for their number."
)
OF_DEVIATIONS = "Of standard deviations: chi-square intervals of both, put together (MOVER, Zou and Donner 2008)."


@dataclass(frozen=True)
class Verdict:
    """On one claim. without: the groups that it is about whose numbers are missing, all or of some seeds.

    To hold is to hold against every rival: each interval alone has the level, and so has the claim
    (intersection-union test, Berger 1982). One of many rivals refutes, which luck does more often: `corrected`
    says whether one does at the first step of Holm 1979 too, at the level over the number of rivals.
    """

    claim: str
    margins: tuple[Margin, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def holds(self) -> bool | None:
        """None: undecided. One rival whose seeds all ended refutes; only all numbers together bear out."""
        if self.refuting(LEVEL):
            return False
        whole = self.margins and not self.without and all(margin.complete for margin in self.margins)
        return True if whole and not self.open else None

    def refuting(self, level: float) -> list[Margin]:
        return [margin for margin in self.margins if margin.complete and margin.holds(level) is False]

    @property
    def corrected(self) -> bool:
        """Of a claim that does not hold: whether it does not after Holm's correction either."""
        return bool(self.refuting(1 - (1 - LEVEL) / len(self.margins)))

    @property
    def open(self) -> list[Margin]:
        """Margins whose interval decides nothing, or whose numbers are not all there."""
        return [margin for margin in self.margins if margin.holds() is None or not margin.complete]

    @property
    def margin(self) -> Margin | None:
        """The one that refutes most; of those that leave it undecided, or of all, the nearest to refuting."""
        if refuting := self.refuting(LEVEL):
            return min(refuting, key=lambda margin: margin.best)
        return min(self.open or self.margins, key=lambda margin: margin.worst, default=None)

    @property
    def seeds_needed(self) -> int | None:
        """How many would decide an undecided claim, if its margins are right: one that refutes, or all together.

        None if more than 10,000, where a margin has one seed, and where runs are missing.
        """
        if self.holds is not None or self.without or not all(margin.complete for margin in self.margins):
            return None
        against = [margin for margin in self.open if margin.beyond(margin.by) < 0]
        counts = [margin.seeds_needed for margin in against or self.open]
        known = [count for count in counts if count is not None]
        if against:
            return min(known, default=None)
        return max(known) if known and len(known) == len(counts) else None

    def advice(self) -> list[str]:
        """What an undecided claim needs, where it is not runs that are missing."""
        if self.holds is not None or not self.margins:
            return []
        if any(margin.interval is None for margin in self.margins):
            return ["needs two seeds"]
        if self.without or not all(margin.complete for margin in self.margins):
            return []
        return [enough_seeds(self.seeds_needed)]

    def words(self) -> list[str]:
        verdict = WORDS[self.holds]
        if self.holds is False and not self.corrected:
            verdict += " (uncorrected)"
        if self.margin is None:
            return [self.claim, verdict, "–", "; ".join(self.without) or "the numbers are missing"]
        by = with_interval(self.margin.by, self.margin.interval, self.margin.needed or 0.0)
        others = [margin.beside for margin in self.open if margin is not self.margin and self.holds is None]
        also = [f"undecided too: {', '.join(others)}"] if others else []
        needed = f" (needs {self.margin.needed:+g})" if self.margin.needed else ""
        rest = "; ".join([self.margin.beside + needed, *also, *self.without, *self.advice()])
        return [self.claim, verdict, by, rest]

    def object(self) -> dict[str, Any]:
        margin = self.margin
        low, high = (margin.interval if margin else None) or (None, None)
        return {
            "claim": self.claim,
            "verdict": WORDS[self.holds],
            "holds": self.holds,
            "corrected": self.corrected if self.holds is False else None,
            "by": margin and margin.by,
            "low": low,
            "high": high,
            "level": LEVEL,
            "needed": margin and (margin.needed or 0.0),
            "nearest": margin and margin.beside,
            "undecided": [each.beside for each in self.open],
            "without": list(self.without),
            "seeds_needed": self.seeds_needed,
        }


def table(verdicts: Sequence[Verdict], title: str) -> Table:
    """A line a claim, and the group that comes nearest to refuting it (or refutes it most)."""
    header = ["claim", "here it", "by (in its unit)", "nearest"]
    several = any(len(verdict.margins) > 1 for verdict in verdicts)
    deviations = any(isinstance(m.estimate, DeviationEstimate) for verdict in verdicts for m in verdict.margins)
    notes = [NOTE, *([CORRECTED] if several else []), *([OF_DEVIATIONS] if deviations else [])]
    return table_of_words(f"{title}: the paper's claims", header, [verdict.words() for verdict in verdicts], notes)


def counted(verdicts: Sequence[bool | None]) -> str:
    """`3 of 6 claims hold, 2 undecided`."""
    hold, undecided = verdicts.count(True), verdicts.count(None)
    return f"{hold} of {len(verdicts)} claims hold" + (f", {undecided} undecided" if undecided else "")
