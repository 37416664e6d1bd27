"""The numbers behind the page's curves and heat maps, small enough that 200 runs stay light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clbench.metrics import Array
from clbench.report.build.pruning.studies import TOTALS, Comparison
from clbench.report.build.result_table import Row, Table
from clbench.report.build.stages import curves, matrices, spread, stage_names
from clbench.report.colours import COLOURS
from clbench.report.scales import Scale, labelled, percent_like, scale_of
from clbench.scores import ACCURACY, Score

Data = dict[str, Any]
MOST_NUMBERS = 500_000  # of all heat maps together, some 2.5 MB
TESTED = TOTALS[3]


@dataclass
class Charts:
    """Numbers are whole ones of their last digit, NaN is null; a section names its entries by their place."""

    curves: list[Data] = field(default_factory=list)
    matrices: list[Data] = field(default_factory=list)
    numbers: int = 0

    def data(self) -> Data:
        return {"colours": COLOURS, "curves": self.curves, "matrices": self.matrices}

    def add_stages(self, table: Table) -> int | None:
        """The mean score after each stage of every row with a finished seed; None if there is none."""
        score, digits = table.score, table.digits
        series = [
            {**_line(values, digits), "label": row.label, "ceiling": row.joint}
            for row, values in ((row, curves(row)) for row in table.rows if row.seeds)
        ]
        stages = range(1, len(table.first.tasks) + 1)
        y = labelled(f"mean {score.name} on the tasks learned", score)
        names = {"x": "tasks learned", "y": y, "stage": "after task ", **_printed(score, digits)}
        return self._add_curves({**names, "title": table.heading, "ticks": [*map(str, stages)], "series": series})

    def add_pruning(self, one: Comparison) -> int | None:
        """Test accuracy after each round of every study with a finished seed; None if there is none."""
        rounds = max(study.rounds for study in one.studies) + 1
        series = [
            {
                **_line(np.array([study.cell(TESTED, s).values for s in range(study.rounds + 1)]).T),
                "label": study.label,
                "ceiling": False,
            }
            for study in one.studies
            if study.finished
        ]
        ticks = [str(stage) for stage in range(rounds)]
        names = {"x": "rounds of pruning", "y": "test accuracy (%)", "stage": "after round ", **_printed(ACCURACY)}
        return self._add_curves({**names, "title": one.heading, "ticks": ticks, "series": series})

    def _add_curves(self, chart: Data) -> int | None:
        if not chart["series"]:
            return None
        self.curves.append(chart)
        return len(self.curves) - 1

    def add_matrix(self, row: Row, table: Table, scale: Scale) -> int | None:
        """The mean matrix of a row; None without a finished seed, or where the page would grow too large."""
        if not row.seeds:
            return None
        R = matrices(row)
        if self.numbers + 2 * R[0].size > MOST_NUMBERS:
            return None
        self.numbers += 2 * R[0].size
        names = {"label": row.label, "tasks": row.result.tasks, "stages": stage_names(*R.shape[1:])}
        score, digits = table.score, table.digits
        worst, best = (whole(np.array(end), digits) for end in scale.ends)
        colours = {"worst": worst, "best": best, "rounded": percent_like(score), "name": score.name}
        self.matrices.append({**names, **_printed(score, digits), **colours, **_line(R, digits)})
        return len(self.matrices) - 1


def scale_of_rows(table: Table) -> Scale:
    """Of all its matrices together."""
    return scale_of(table.score, [matrices(row).mean(axis=0) for row in table.rows if row.seeds])


def _printed(score: Score, digits: int = 2) -> Data:
    """How a chart's numbers are read."""
    return {"digits": digits, "unit": score.unit, "better": score.better}


def _line(values: Array, digits: int = 2) -> Data:
    """Mean and sample standard deviation over seeds, the leading axis of printed numbers."""
    deviation = spread(values)
    std = None if deviation is None else whole(deviation, digits)
    return {"mean": whole(values.mean(axis=0), digits), "std": std, "seeds": len(values)}


def whole(values: Array, digits: int) -> Any:
    """As whole numbers of the last digit: 12.34 of two digits is 1234."""
    return _without_gaps(np.rint(10.0**digits * values).tolist())


def _without_gaps(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_gaps(entry) for entry in value]
    return int(value) if np.isfinite(value) else None
