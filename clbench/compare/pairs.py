"""Which results of a baseline and a candidate are of the same configuration, and why others cannot be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from clbench.compare.entries import Entry
from clbench.results import Result
from clbench.results.differences import MISSING, differing, flatten, shown

FEW = 3  # differing options that are named; more are counted


@dataclass(frozen=True)
class Pair:
    """reason: why there is nothing to compare; empty where there is. candidate: None where there is none."""

    baseline: Entry
    candidate: Entry | None
    reason: str = ""


def pair(baseline: Sequence[Entry], candidate: Sequence[Entry]) -> tuple[list[Pair], list[Entry]]:
    """Every entry of the baseline with its candidate, and the candidates that have no baseline.

    A configuration is met by the same one; else by the most similar of its method and stream, and one by one
    whatever they are, to say in what they differ.
    """
    left = {entry.result.digest: entry for entry in candidate}
    met = {entry.result.digest: left.pop(entry.result.digest, None) for entry in baseline}
    alone = [entry for entry in baseline if met[entry.result.digest] is None]
    for entry in alone:
        like = [other for other in left.values() if other.kind == entry.kind or len(alone) == len(left) == 1]
        nearest = min(like, key=lambda other: len(_differing(entry, other)), default=None)
        if nearest is not None:
            met[entry.result.digest] = left.pop(nearest.result.digest)
    pairs = [
        Pair(entry, other, _reason(entry, other)) for entry in baseline for other in [met[entry.result.digest]]
    ]
    return pairs, list(left.values())


def _differing(ours: Entry, theirs: Entry) -> list[str]:
    return differing([ours.result.config, theirs.result.config])


def _reason(baseline: Entry, candidate: Entry | None) -> str:
    if candidate is None:
        return "there is no result of it"
    return "; ".join(_obstacles(baseline, candidate))


def _obstacles(baseline: Entry, candidate: Entry) -> Iterator[str]:
    """What must be equal and is not."""
    before, after = baseline.result, candidate.result
    if before.digest != after.digest:
        names = _differing(baseline, candidate)
        flats = [flatten(result.config) for result in (before, after)]
        changes = [
            f"{name} {' -> '.join(shown(flat.get(name, MISSING))[:60] for flat in flats)}" for name in names[:FEW]
        ]
        more = [f"and {len(names) - FEW} more"] if len(names) > FEW else []
        yield f"configuration: {', '.join([*changes, *more])}"
    if before.data != after.data:
        files = sorted(n for n in {*before.data, *after.data} if before.data.get(n) != after.data.get(n))
        sums = [" -> ".join(result.data.get(files[0], "none")[:12] for result in (before, after))] if files else []
        yield f"data: sha256 of {files[0]} {sums[0]}" + (f" and {len(files) - 1} more" if len(files) > 1 else "")
    if isinstance(before, Result) and isinstance(after, Result):
        if asdict(before.score) != asdict(after.score):
            yield f"score: {before.score.name} -> {after.score.name}, or its definition"
        if before.tasks != after.tasks:
            yield f"tasks: {len(before.tasks)} -> {len(after.tasks)}, or their classes"
