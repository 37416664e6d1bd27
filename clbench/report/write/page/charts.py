"""The numbers behind the page's curves and heat maps, small enough that 200 runs stay light."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clbench.metrics import Array
from clbench.report.colours import COLOURS
from clbench.report.document import Curves, Matrices, Matrix

Data = dict[str, Any]
MOST_NUMBERS = 500_000  # of all heat maps together, some 2.5 MB


@dataclass
class Charts:
    """Numbers are whole ones of their last digit, NaN is null; a section names its entries by their place."""

    curves: list[Data] = field(default_factory=list)
    matrices: list[Data] = field(default_factory=list)
    numbers: int = 0

    def data(self) -> Data:
        return {"colours": COLOURS, "curves": self.curves, "matrices": self.matrices}

    def add_curves(self, part: Curves) -> int:
        series = [
            {**_line(one.values, part.digits), "label": one.label, "ceiling": one.ceiling} for one in part.series
        ]
        names = {"x": part.x, "y": part.y, "stage": part.stage, **_printed(part)}
        self.curves.append({**names, "title": part.title, "ticks": [*part.ticks], "series": series})
        return len(self.curves) - 1

    def add_matrix(self, matrix: Matrix, part: Matrices) -> int | None:
        """None where the page would grow too large."""
        R = matrix.values
        if self.numbers + 2 * R[0].size > MOST_NUMBERS:
            return None
        self.numbers += 2 * R[0].size
        names = {"label": matrix.label, "tasks": [*matrix.tasks], "stages": [*matrix.stages]}
        worst, best = (whole(np.array(end), part.digits) for end in (part.worst, part.best))
        colours = {"worst": worst, "best": best, "rounded": part.whole, "name": part.name}
        self.matrices.append({**names, **_printed(part), **colours, **_line(R, part.digits)})
        return len(self.matrices) - 1


def _printed(part: Curves | Matrices) -> Data:
    """How a chart's numbers are read."""
    return {"digits": part.digits, "unit": part.unit, "better": part.better}


def _line(values: Array, digits: int) -> Data:
    """Mean and sample standard deviation over seeds, the leading axis of printed numbers."""
    several = len(values) > 1
    std = whole(values.std(axis=0, ddof=1), digits) if several else None
    return {"mean": whole(values.mean(axis=0), digits), "std": std, "seeds": len(values)}


def whole(values: Array, digits: int) -> Any:
    """As whole numbers of the last digit: 12.34 of two digits is 1234."""
    return _without_gaps(np.rint(10.0**digits * values).tolist())


def _without_gaps(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_gaps(entry) for entry in value]
    return int(value) if np.isfinite(value) else None
