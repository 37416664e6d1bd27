"""Whether a claim holds here: from its margins, and from what there are no numbers of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clbench.report.build.cells import significant
from clbench.report.document import Table, table_of_words
from clbench.reproduce.margins import Margin

ERROR = (
    "± standard error over seeds, of the pairs where both have the same seeds; means decide. Close: a margin of "
    "less than two standard errors; (close): it could turn the verdict."
)


@dataclass(frozen=True)
class Verdict:
    """On one claim. without: the groups that it is about whose numbers are missing, all or of some seeds."""

    claim: str
    margins: tuple[Margin, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def holds(self) -> bool | None:
        """None: undecided. One rival whose seeds all ended refutes; only all numbers together bear out."""
        if any(margin.complete and not margin.holds for margin in self.margins):
            return False
        whole = self.margins and not self.without and all(margin.complete for margin in self.margins)
        return True if whole else None

    @property
    def margin(self) -> Margin | None:
        """The least of those that decide: of the group that is nearest to refuting it or refutes it most."""
        sure = [margin for margin in self.margins if margin.complete or self.holds is None]
        return min(sure, key=lambda margin: margin.beyond, default=None)

    @property
    def close(self) -> list[Margin]:
        """Margins that less than two standard errors decide; of an undecided claim none."""
        return [] if self.holds is None else [margin for margin in self.margins if margin.close]

    @property
    def turnable(self) -> bool:
        """Whether close margins alone could turn the verdict: any that bears it out, or all that refute it."""
        if self.holds is False:
            return all(margin.close for margin in self.margins if margin.complete and not margin.holds)
        return bool(self.close)

    def words(self) -> list[str]:
        verdict = {True: "holds", False: "does not hold", None: "undecided"}[self.holds]
        verdict += " (close)" if self.turnable else ""
        if self.margin is None:
            return [self.claim, verdict, "–", "; ".join(self.without) or "the numbers are missing"]
        by = significant(self.margin.by, self.margin.standard_error, "+")
        near = [margin.beside for margin in self.close if margin is not self.margin]
        close = [f"close: {', '.join(near)}"] if near else []
        return [self.claim, verdict, by, "; ".join([self.margin.beside, *close, *self.without])]

    def object(self) -> dict[str, Any]:
        margin = self.margin and {"by": self.margin.by, "standard_error": self.margin.standard_error}
        beside = self.margin and self.margin.beside
        verdict = {
            "claim": self.claim,
            "holds": self.holds,
            "close": bool(self.close),
            "without": list(self.without),
        }
        close = [margin.beside for margin in self.close]
        return {**verdict, **(margin or {}), "nearest": beside, "close_to": close}


def table(verdicts: Sequence[Verdict], title: str) -> Table:
    """A line a claim, and the group that comes nearest to refuting it (or refutes it most)."""
    header = ["claim", "here it", "by (in its unit)", "nearest"]
    return table_of_words(
        f"{title}: the paper's claims", header, [verdict.words() for verdict in verdicts], [ERROR]
    )
