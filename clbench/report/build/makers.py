"""What made a result, in words: by which versions and devices, where that was not one for all of it."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from clbench.results import NOT_PUBLISHED, AnyResult
from clbench.results.differences import shown

NOTED = {  # what is told where it differs, and how
    "clbench": "clbench {}",
    "commit": "commit {}",
    "torch": "torch {}",
    "device": "on {}",
    "device_name": "on {}",
    "threads": "threads {}",
}
MODIFIED = "changed outside clbench after it was written, and read with --accept-modified"


def remarks(result: AnyResult) -> list[str]:
    """What a table has to say of a result beside its numbers."""
    changed = [f"the file was {MODIFIED}"] if result.modified else []
    return [*changed, *not_published(result), *made_of_several(result)]


def not_published(result: AnyResult) -> list[str]:
    """A line for each file that was read in the place of a data set's published ones."""
    return [
        f"{name.removesuffix(NOT_PUBLISHED).strip()} (sha256 {digest[:12]}) was read for its data set "
        "and is not the published file: the scores are not comparable with published ones"
        for name, digest in result.data.items()
        if name.endswith(NOT_PUBLISHED)
    ]


def made_of_several(result: AnyResult) -> list[str]:
    """`seeds 0-2: stages 0-3 made with torch 2.9 on cpu, 4-5 with torch 2.10 on cuda`, a line where seeds differ.

    Empty where one machine and version made everything.
    """
    used = dict.fromkeys(key for run in result.runs for key in run.made_by)
    makers = [result.makers[key] for key in used]
    differing = [name for name in NOTED if len({str(maker.get(name)) for maker in makers}) > 1]
    if not differing:
        return []
    words = {key: _words(result.makers[key], differing) for key in used}
    seeds: dict[tuple[str, ...], list[int]] = {}
    for run in result.runs:
        if run.made_by:
            seeds.setdefault(tuple(words[key] for key in run.made_by), []).append(run.seed)
    return [f"seed{'s' * (len(mine) > 1)} {shown(mine)}: {_stages(made)}" for made, mine in seeds.items()]


def _words(maker: dict[str, Any], names: list[str]) -> str:
    told = {name: str(maker.get(name) or "unknown") for name in names}
    if "commit" in told:
        told["commit"] = told["commit"][:8]
    return " ".join(NOTED[name].format(value) for name, value in told.items())


def _stages(made: tuple[str, ...]) -> str:
    parts: list[tuple[str, str]] = []
    begun = 0
    for words, same in groupby(made):
        end = begun + len(list(same))
        first = "stages " if not parts else ""
        numbers = f"{first}{begun}-{end - 1}" if end - begun > 1 else f"{first.rstrip('s ')} {begun}".lstrip()
        parts.append((numbers, words))
        begun = end
    if len(parts) == 1:
        return f"made with {made[0]}"
    (numbers, words), *rest = parts
    return ", ".join([f"{numbers} made with {words}", *(f"{n} with {w}" for n, w in rest)])
