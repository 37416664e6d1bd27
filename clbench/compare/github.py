"""Verdicts as GitHub Actions shows them: annotations of a run, and the table in its summary."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from clbench.compare.document import document, in_words, summary
from clbench.compare.verdicts import Compared
from clbench.errors import UserError
from clbench.report.write import write

LEVELS = {"worse": "error", "not comparable": "error", "undecided": "warning", "better": "notice"}
ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}
IN_TITLES = {**ESCAPES, ":": "%3A", ",": "%2C"}


def runs_here() -> bool:
    """Whether this process is a step of a workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotate(found: Compared) -> Iterator[str]:
    """`::error title=..::..`, a line a verdict that is not `same`."""
    for verdict in found.verdicts:
        if level := LEVELS.get(verdict.state):
            title = escaped(f"{verdict.method}: {verdict.state}", IN_TITLES)
            yield f"::{level} title={title}::{escaped(in_words(verdict), ESCAPES)}"


def escaped(words: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in words)


def append_summary(found: Compared, title: str) -> None:
    """To the file that GITHUB_STEP_SUMMARY names, where there is one."""
    if not (file := os.environ.get("GITHUB_STEP_SUMMARY")):
        return
    words = f"**clbench: {summary(found)}**\n\n{write([document(found, title)], 'md')}\n"
    try:
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(words)
    except OSError as error:
        raise UserError(f"{file}: cannot write: {error.strerror or error}") from None
