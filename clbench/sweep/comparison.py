"""`clbench sweep compare`: the searches of several methods side by side, so that their budgets can be judged."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tabulate import tabulate

from clbench.config.printable import printable
from clbench.report.build.file_names import slug
from clbench.report.document import Document, Picture, Records, Section, Table, table_of_words
from clbench.results.sweep_record import ENDED
from clbench.sweep.display import head
from clbench.sweep.searched import NEAR, Searched, read
from clbench.sweep.space import format_value

NONE = "–"


def document(paths: list[Path]) -> Document:
    """Of the records in files and folders: a section for every stream, scenario and network."""
    found = read(paths)
    groups: dict[str, list[Searched]] = {}
    for one in found:
        groups.setdefault(one.place, []).append(one)
    sections = tuple(section(place, of) for place, of in groups.items())
    return Document(
        "",
        sections,
        lambda: [one.as_object() for one in found],
        lambda: Records.of([row(one) for one in found]),
        plain=lambda: "\n\n".join(map(text, sections)),
    )


def section(place: str, found: Sequence[Searched]) -> Section:
    names = labels(found)
    pictures = partial(drawn, place, found, names)
    return Section(place, (budgets(place, found, names), spaces(found, names)), pictures=pictures)


def labels(found: Sequence[Searched]) -> list[str]:
    """The method; where a method has several searches, with the digest of each."""
    methods = [one.method for one in found]
    return [
        m if methods.count(m) == 1 else f"{m} ({one.record.digest})" for m, one in zip(methods, found, strict=True)
    ]


def budgets(place: str, found: Sequence[Searched], names: Sequence[str]) -> Table:
    """How much was spent on every method, and how much hangs on it."""
    header = ["method", "trials", *ENDED, "seeds a trial", "passes", "images a seed, at most"]
    header += [f"validation {head(found[0].record)}", f"within {NEAR:g} points"]
    body = [[name, *budget_row(one)] for name, one in zip(names, found, strict=True)]
    each = {one.budget for one in found}
    same = f"The same budget for all: {found[0].budget}." if len(each) == 1 else ""
    other = "Budgets differ: " + "; ".join(
        f"{', '.join(n for n, one in zip(names, found, strict=True) if one.budget == b)}: {b}"
        for b in sorted(each)
    )
    notes = [
        same or f"{other}.",
        "Images a seed: that a trial trained on, the same one as often as it was shown; by speed and seconds, so "
        "too many where a method does more than train.",
        f"Within {NEAR:g} points: finished trials that end so near the best one, itself among them.",
    ]
    return table_of_words(f"{place}: what was spent", header, body, notes)


def budget_row(one: Searched) -> list[str]:
    record, best = one.record, one.record.best
    counts = [str(record.count(state)) for state in ENDED]
    images = NONE if one.images is None else f"{one.images:,}"
    reached = NONE if best is None or best.score is None else record.scored(best.score)
    near = NONE if one.near is None else f"{one.near} of {record.count('done')}"
    seeds = str(len(record.plan["search_seeds"]))
    return [str(record.plan["trials"]), *counts, seeds, one.passes, images, reached, near]


def spaces(found: Sequence[Searched], names: Sequence[str]) -> Table:
    """What was searched, what won, and whether it stands at an edge."""
    body = [
        [name, v.option, v.searched, format_value(v.best), place_in_words(v.place), v.standing]
        for name, one in zip(names, found, strict=True)
        for v in one.values
    ]
    notes = [
        "Place: from the low end of what was searched, 0, to the high one, 100, on its own scale; of a list of "
        "numbers, by their order.",
        "Edge: the outer 5 percent of a range, or an end of a list of numbers; beyond a natural bound nothing is.",
    ]
    header = ["method", "option", "searched", "best", "place (%)", "edge"]
    return table_of_words("what was searched, and where the best stands", header, body, notes)


def place_in_words(place: float | None) -> str:
    return NONE if place is None else f"{100 * place:.0f}"


def row(one: Searched) -> dict[str, object]:
    """Of CSV: a line a search, unrounded."""
    found = one.as_object()
    values = found.pop("values")
    found.pop("best_so_far")
    flat = {v["option"]: v["best"] for v in values}
    edges = {f"{v['option']} edge": v["edge"] for v in values}
    return {**found, **flat, **edges}


def text(of: Section) -> str:
    """For a terminal."""
    parts = []
    for table in (part for part in of.parts if isinstance(part, Table)):
        sides = [h.side for h in table.header] if table.rows else None
        words = [[printable(cell) for cell in line] for line in table.words]
        body = tabulate(words, [h.words for h in table.header], disable_numparse=True, colalign=sides)
        notes = [f"- {note}" for note in table.notes_in("", "")]
        parts.append("\n".join(map(str, [printable(table.heading), body, *map(printable, notes)])))
    return "\n\n".join(parts)


def drawn(place: str, found: Sequence[Searched], names: Sequence[str]) -> list[Picture]:
    """Nothing where no trial is done."""
    from clbench.sweep.best_so_far import best_so_far  # matplotlib is slow to import

    there = [(name, one) for name, one in zip(names, found, strict=True) if one.record.best]
    if not there:
        return []
    caption = f"Best validation {head(found[0].record)} after every trial. {place}."
    return [Picture(f"sweeps-{slug(place)}", caption, partial(best_so_far, place, there))]
