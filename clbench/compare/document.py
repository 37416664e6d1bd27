"""Verdicts as a document: a table for people, rows for CSV, an object for JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clbench.compare.verdicts import Compared, State, Verdict
from clbench.report.build.cells import fixed, significant
from clbench.report.document import Document, Note, Records, Section, table_of_words
from clbench.results.differences import shown
from clbench.statistics.intervals import Interval

HEADER = (
    "method",
    "stream",
    "metric",
    "verdict",
    "baseline",
    "candidate",
    "change",
    "interval",
    "tolerance",
    "seeds",
)
STATES: tuple[State, ...] = ("worse", "not comparable", "undecided", "better", "same")


def document(found: Compared, title: str = "") -> Document:
    """One table, the verdicts in words with what is behind them."""
    heading = title or "Candidate beside baseline"
    header, body = columns_and_rows(found)
    table = table_of_words(heading, header, body, [*explanation(found), *details(found)])
    records = Records.of([as_object(verdict) for verdict in found.verdicts])
    whole = {
        "verdicts": list(records.rows),
        "counts": {state: found.count(state) for state in STATES},
        "code": found.code,
        "new": [str(entry.path) for entry in found.new],
        "test": found.rules.test,
        "alpha": found.rules.alpha,
    }
    section = Section(summary(found), (table, Note(summary(found))))
    return Document("", (section,), lambda: [whole], lambda: records)


def columns_and_rows(found: Compared) -> tuple[list[str], list[list[str]]]:
    """What is worse first; without the columns in which no row has an entry."""
    lines = [line(verdict) for verdict in sorted(found.verdicts, key=lambda verdict: STATES.index(verdict.state))]
    used = [n for n, name in enumerate(HEADER) if name in ("method", "verdict") or any(each[n] for each in lines)]
    return [HEADER[n] for n in used], [[each[n] for n in used] for each in lines]


def line(verdict: Verdict) -> list[str]:
    column, change = verdict.column, verdict.difference
    digits = column.digits if column else 2
    numbers = [
        fixed(value, digits) if value is not None else "" for value in (verdict.baseline, verdict.candidate)
    ]
    middle = [
        fixed(change.mean, digits, "+") if change else "",
        interval_words(change.interval, digits) if change else "",
        f"{verdict.tolerance:g}" if verdict.tolerance is not None else "",
        shown(list(verdict.seeds)) if verdict.seeds else "",
    ]
    head = column.head if column else verdict.metric
    return [verdict.method, verdict.stream, head, verdict.state, *numbers, *middle]


def interval_words(interval: Interval | None, digits: int) -> str:
    return f"{fixed(interval[0], digits, '+')} to {fixed(interval[1], digits, '+')}" if interval else ""


def summary(found: Compared) -> str:
    """`2 worse, 1 undecided, 30 same`."""
    counts = [f"{found.count(state)} {state}" for state in STATES if found.count(state)]
    return ", ".join(counts) or "nothing to compare"


def explanation(found: Compared) -> list[str]:
    """How verdicts are come by."""
    rules, level = found.rules, 100 * (1 - 2 * found.rules.alpha)
    if rules.test == "none":
        return ["The means decide alone: worse, better by more than the tolerance; no test."]
    how = {"paired": "of the differences of equal seeds", "welch": "of the difference of means (Welch)"}[
        rules.test
    ]
    return [
        f"Interval: {level:g} percent, Student's t {how}. worse: all of it is worse than the tolerance allows; "
        "better: all of it is better by more than that; same: none of it is worse; undecided: it holds the limit."
    ]


def details(found: Compared) -> Iterator[str]:
    """A line a verdict that numbers alone do not explain, then what else was noticed."""
    for verdict in found.verdicts:
        if verdict.reason:
            metric = f", {verdict.metric}" if verdict.metric else ""
            yield f"{verdict.method} on {verdict.stream}{metric}: {verdict.state}: {verdict.reason}."
    if found.code:
        yield f"Made by other code or machines: {'; '.join(found.code)}."
    for entry in found.new:
        yield f"{entry.method} on {entry.stream} has no baseline ({entry.path})."
    yield from found.notes


def as_object(verdict: Verdict) -> dict[str, Any]:
    """With numbers as they are. change: candidate minus baseline."""
    change, column = verdict.difference, verdict.column
    low, high = (change.interval if change else None) or (None, None)
    first, last = (change.bootstrap if change else None) or (None, None)
    return {
        "method": verdict.method,
        "stream": verdict.stream,
        "metric": verdict.metric,
        "verdict": verdict.state,
        "baseline": verdict.baseline,
        "candidate": verdict.candidate,
        "change": change.mean if change else None,
        "low": low,
        "high": high,
        "bootstrap_low": first,
        "bootstrap_high": last,
        "better": column.better if column else None,
        "tolerance": verdict.tolerance,
        "seeds": list(verdict.seeds),
        "reason": verdict.reason,
    }


def in_words(verdict: Verdict) -> str:
    """`ewc on split-digits, ACC: worse: 93.10 -> 91.02 (-2.08, -2.40 to -1.76), tolerance 0.5`."""
    name = f"{verdict.method} on {verdict.stream}" + (f", {verdict.metric}" if verdict.metric else "")
    change, column = verdict.difference, verdict.column
    if change is None or column is None:
        return f"{name}: {verdict.state}: {verdict.reason}"
    before, after = (significant(value, None) for value in (verdict.baseline, verdict.candidate))
    digits = column.digits
    spread = f", {interval_words(change.interval, digits)}" if change.interval else ""
    words = f"{before} -> {after} ({fixed(change.mean, digits, '+')}{spread}), tolerance {verdict.tolerance:g}"
    return f"{name}: {verdict.state}: {words}" + (f"; {verdict.reason}" if verdict.reason else "")
