"""What generators paint, class by class: FID, what is read, and pictures (ResultTable III, Figs. 4 to 6)."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from clbench.analysis.base import Analysis, Drawing, Lacking, Loaded, comparable, fixed, grid, identity
from clbench.errors import UserError
from clbench.metrics import Array, old_of
from clbench.registry import analyses
from clbench.report.build.cells import Cell, finished
from clbench.report.build.result_table import ResultRow, ResultTable
from clbench.report.document import Table
from clbench.results import SHEET, Result, Run, fingerprint, samples_path

NUMBERS = {"fid": "FID", "read": "read (%)", "spread": "variance beside real (%)"}  # stored of each class
FACTORS = {"fid": 1.0, "read": 100.0, "spread": 100.0}
SHOWN = 4  # samples of a class in a picture of several methods


@analyses.register("samples")
def of_generators(loaded: Loaded) -> Analysis:
    """FID and more of every class after the last task, and a picture of samples. Lacking: no run paints any."""
    found = [table for table in comparable(loaded) if any(runs_of(row) for row in table.rows)]
    if not found:
        raise Lacking("samples are of runs of a generator; --stream cgan-mnist")
    lines = [line for table in found for row in table.rows for line in lines_of(table, row)]
    pictures = [picture for table in found for picture in pictures_of(table)]
    grids = [grid_of(table, name) for table in found for name in NUMBERS]
    return Analysis("samples", grids, lines, pictures)


def runs_of(row: ResultRow) -> list[Run]:
    return [run for run in finished(row.result) if run.samples]


def lines_of(table: ResultTable, row: ResultRow) -> list[dict[str, Any]]:
    """A line a seed and class, after the last task. old: whether the class is of the first half."""
    return [
        {
            **identity(table, row, run.seed),
            "class": name,
            "old": place < old_of(len(run.samples[-1]["fid"])),
            **{number: run.samples[-1].get(number, {}).get(name) for number in NUMBERS},
        }
        for run in runs_of(row)
        for place, name in enumerate(run.samples[-1]["fid"])
    ]


def grid_of(table: ResultTable, number: str) -> Table:
    """Methods by classes, after the last task."""
    runs = [run for row in table.rows for run in runs_of(row)]
    classes = list(dict.fromkeys(name for run in runs for name in run.samples[-1]["fid"]))
    digits = 1 if number == "fid" else 0
    body = [
        [row.label, *(fixed(cell_of(row, number, name), digits) for name in classes), str(len(runs_of(row)))]
        for row in table.rows
    ]
    words = NUMBERS[number] if number != "fid" else table.score.name
    last = number == list(NUMBERS)[-1]
    return grid(
        table, f"{words} of each class after the last task", ["method", *classes, "n seeds"], body, last=last
    )


def cell_of(row: ResultRow, number: str, name: str) -> Cell:
    values = {run.seed: run.samples[-1].get(number, {}).get(name) for run in runs_of(row)}
    there = {seed: FACTORS[number] * value for seed, value in values.items() if value is not None}
    return Cell(list(there), list(there.values()))


# -- pictures -----------------------------------------------------------------------------------------------------


def pictures_of(table: ResultTable) -> list[Drawing]:
    """Samples of the first seed of every method: when a class was learned, and after the last task."""
    drawn, rows = [], [row for row in table.rows if runs_of(row)]
    sheets = {row.label: both for row in rows if (both := before_and_after(row)) is not None}
    if sheets:
        classes = list(runs_of(rows[0])[0].samples[-1]["fid"])
        drawn.append(Drawing(table, "samples", (list(sheets), classes, list(sheets.values()))))
    else:
        table.notes.append("The pictures of samples do not lie beside these results.")
    learning = [row for row in rows if not row.joint]
    courses = [[pooled(row, stage) for stage in range(1, stages_of(row.result))] for row in learning]
    if any(len(course) > 1 for course in courses):
        words = f"{table.score.name} of the classes so far"
        drawn.append(Drawing(table, "fid_over_stages", (learning, courses, words), "-stages"))
    return drawn


def stages_of(result: Result) -> int:
    return max(len(run.samples) for run in finished(result))


def pooled(row: ResultRow, stage: int) -> Cell:
    """FID of all classes together after so many tasks."""
    values = {run.seed: run.samples[stage].get("pooled") for run in runs_of(row) if stage < len(run.samples)}
    there = {seed: value for seed, value in values.items() if value is not None}
    return Cell(list(there), list(there.values()))


def before_and_after(row: ResultRow) -> tuple[Array, Array] | None:
    """Samples [classes, SHOWN, H, W, C] of a row's first seed as each class was learned, and at the end."""
    run = min(runs_of(row), key=lambda run: run.seed)
    folder, last, learned = row.path.with_suffix(""), len(run.samples) - 1, stage_learned(run)
    wanted = {stage: samples_path(folder, stage, run.seed) for stage in {last, *learned}}
    if not all(path.is_file() for path in wanted.values()):
        return None
    sheets = {stage: read(path, len(run.samples[stage]["fid"])) for stage, path in wanted.items()}
    return np.stack([sheets[stage][n] for n, stage in enumerate(learned)]), sheets[last]


def stage_learned(run: Run) -> list[int]:
    """Of every class, the stage after which there were samples of it first."""
    classes = run.samples[-1]["fid"]
    return [next(stage for stage, entry in enumerate(run.samples) if name in entry["fid"]) for name in classes]


def read(path: Any, classes: int) -> Array:
    """A picture of samples -> uint8 [classes, SHOWN, H, W] or [.., 3]; UserError where it is another."""
    try:
        with Image.open(path) as picture:
            sheet, sealed = np.asarray(picture), picture.info.get("sha256")
        if sealed not in (None, fingerprint(sheet)):  # None: made before there was one
            raise ValueError("its pixels do not fit its sha256")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a picture of samples ({error}); train again with --force") from None
    height, width = sheet.shape[0] // classes, sheet.shape[1] // SHEET
    if sheet.shape[:2] != (height * classes, width * SHEET) or not height * width:
        raise UserError(f"{path}: not a picture of {SHEET} samples of {classes} classes; train again with --force")
    rows = sheet.reshape(classes, height, SHEET, width, *sheet.shape[2:])
    return np.swapaxes(rows, 1, 2)[:, :SHOWN]
