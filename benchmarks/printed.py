"""Do the numbers that the paper prints agree with its own definitions? Tables I and II, by equations 10 to 12.

With P[i][i] the accuracy on task i right after it was learned and m[i] that of joint training, they give

    T · ACC = P[1][1] + (T-1) · (m + FWT + BWT),    m the mean of m[2] .. m[T],

exactly, and so of means over runs too. With m the printed ACC of joint training, as it is where tasks are alike,
P[1][1] follows. It lies between 0 and 100 percent, and is one number for all methods that do nothing but train
before the second task. If the first task is easier than the others, P[1][1] is larger by at most 100 - ACC of
joint training.
"""

from __future__ import annotations

from typing import Any

from tabulate import tabulate

from clbench.report.build.references import ReferenceTable, reference_tables

TABLES = ("table1", "table2")


def implied() -> dict[str, list[dict[str, Any]]]:
    """Title of a table -> its methods with what was printed, and what the first task's accuracy has to be."""
    return {table.title: rows(table) for table in reference_tables("paper") if table.name in TABLES}


def rows(table: ReferenceTable) -> list[dict[str, Any]]:
    ceiling, found = table.rows["joint"]["ACC"][0], []
    for method, cells in table.rows.items():
        if method == "joint":
            continue
        printed = {name: cells[name][0] for name in ("ACC", "BWT", "FWT")}
        first = first_task(table.tasks or 0, ceiling, **printed)
        found.append({"method": method, **printed, "first": round(first, 2), "possible": possible(first, ceiling)})
    return found


def first_task(tasks: int, ceiling: float, ACC: float, BWT: float, FWT: float) -> float:
    """P[1][1] in percent, if joint training reaches `ceiling` on the other tasks."""
    return tasks * ACC - (tasks - 1) * (ceiling + FWT + BWT)


def possible(first: float, ceiling: float) -> bool:
    """Whether an accuracy can be so, for whatever m[1] of 100 or less, and printed digits rounded."""
    rounding = 0.2
    return first <= 100 + rounding and first + (100 - ceiling) >= -rounding


def text(found: dict[str, list[dict[str, Any]]]) -> str:
    parts = []
    for title, methods in found.items():
        cells = [
            [
                m["method"],
                m["ACC"],
                m["BWT"],
                m["FWT"],
                f"{m['first']:.2f}" + ("" if m["possible"] else " (cannot be)"),
            ]
            for m in methods
        ]
        heads = ["method", "ACC", "BWT", "FWT", "so after task 1"]
        align = ("left", *["right"] * 4)
        parts.append(
            f"### {title}, as printed (percent)\n\n"
            + tabulate(cells, heads, tablefmt="pipe", floatfmt=".2f", colalign=align, disable_numparse=[4])
        )
    return "\n\n".join(parts)
