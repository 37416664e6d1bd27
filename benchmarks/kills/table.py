"""Every subject with every victim, and the table of what was survived, written as it grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tabulate import tabulate

from benchmarks.kills.subjects import Subject
from benchmarks.kills.survive import Say, Tally, survive

Cells = dict[tuple[str, str], Tally]


def fill(
    subjects: dict[str, Subject], victims: Sequence[str], kills: int, seed: int, say: Say, file: Path | None
) -> Cells:
    """Kills of each cell, of one seed each; `file` is written after every cell."""
    cells: Cells = {}
    for subject in subjects:
        for victim in victims:
            say(f"== {subject}, {victim} ({time.strftime('%H:%M:%S')})")
            cells[subject, victim] = survive(subjects[subject], kills, seed + len(cells), say, victim=victim)
            if file:
                file.write_text(table(cells) + "\n")
    return cells


def table(cells: Cells) -> str:
    """`9 of 10` a cell, and below it what was found wrong."""
    subjects, victims = (list(dict.fromkeys(key[n] for key in cells)) for n in (0, 1))
    rows = [[name, *(words(cells.get((name, victim))) for victim in victims)] for name in subjects]
    total = Tally(sum(each.kills for each in cells.values()), sum(each.survived for each in cells.values()))
    found = [
        f"- {name}, {victim}: {fault}"
        for (name, victim), cell in cells.items()
        for fault in dict.fromkeys(cell.faults)
    ]
    shown = tabulate(rows, headers=["subject", *victims], tablefmt="pipe")
    return "\n".join([shown, "", f"{words(total)} kills survived.", *found])


def words(cell: Tally | None) -> str:
    return f"{cell.survived} of {cell.kills}" if cell else "–"
