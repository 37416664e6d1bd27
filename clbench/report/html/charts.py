"""The numbers behind the page's curves and heat maps, small enough that 200 runs stay light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...metrics import Array
from ..colours import COLOURS
from ..pruning.studies import TOTALS, Comparison
from ..stages import curves, matrices, spread, stage_names
from ..table import Row, Table

Data = dict[str, Any]
MOST_NUMBERS = 500_000  # of all heat maps together, some 2.5 MB
ACCURACY = TOTALS[3]


@dataclass
class Charts:
    """Percentages are stored as whole hundredths, NaN as null; a section names its entries by their place."""

    curves: list[Data] = field(default_factory=list)
    matrices: list[Data] = field(default_factory=list)
    numbers: int = 0

    def data(self) -> Data:
        return {"colours": COLOURS, "curves": self.curves, "matrices": self.matrices}

    def add_accuracy(self, table: Table) -> int | None:
        """ACC after each stage of every row with a finished seed; None if there is none."""
        series = [
            {**_line(values), "label": row.label, "ceiling": row.joint}
            for row, values in ((row, curves(row)) for row in table.rows if row.seeds)
        ]
        stages = range(1, len(table.first.tasks) + 1)
        names = {"x": "tasks learned", "y": "mean accuracy on the tasks learned (%)", "stage": "after task "}
        return self._add_curves({**names, "title": table.heading, "ticks": [*map(str, stages)], "series": series})

    def add_pruning(self, one: Comparison) -> int | None:
        """Test accuracy after each round of every study with a finished seed; None if there is none."""
        rounds = max(study.rounds for study in one.studies) + 1
        series = [
            {
                **_line(np.array([study.cell(ACCURACY, s).values for s in range(study.rounds + 1)]).T),
                "label": study.label,
                "ceiling": False,
            }
            for study in one.studies
            if study.finished
        ]
        ticks = [str(stage) for stage in range(rounds)]
        names = {"x": "rounds of pruning", "y": "test accuracy (%)", "stage": "after round "}
        return self._add_curves({**names, "title": one.heading, "ticks": ticks, "series": series})

    def _add_curves(self, chart: Data) -> int | None:
        if not chart["series"]:
            return None
        self.curves.append(chart)
        return len(self.curves) - 1

    def add_matrix(self, row: Row) -> int | None:
        """The mean matrix of a row; None without a finished seed, or where the page would grow too large."""
        if not row.seeds:
            return None
        R = matrices(row)
        if self.numbers + 2 * R[0].size > MOST_NUMBERS:
            return None
        self.numbers += 2 * R[0].size
        names = {"label": row.label, "tasks": row.result.tasks, "stages": stage_names(*R.shape[1:])}
        self.matrices.append({**names, **_line(R)})
        return len(self.matrices) - 1


def _line(values: Array) -> Data:
    """Mean and sample standard deviation over seeds, the leading axis of percentages."""
    deviation = spread(values)
    std = None if deviation is None else _hundredths(deviation)
    return {"mean": _hundredths(values.mean(axis=0)), "std": std, "seeds": len(values)}


def _hundredths(values: Array) -> list[Any]:
    whole = np.where(np.isnan(values), -1, np.rint(100 * np.nan_to_num(values))).astype(int)
    return _without_negative(whole.tolist())


def _without_negative(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_negative(entry) for entry in value]
    return None if value < 0 else value
