"""Results -> studies with a number for every stage and quantity -> comparisons of studies on the same data."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from clbench.report.build.cells import Cell, Column
from clbench.report.build.makers import remarks
from clbench.report.build.notes import default_notes
from clbench.results import PrunedRun, PruningResult
from clbench.results.differences import described, differing, flatten, sortable

ORDER = ["entropy", "loss", "mas", "ewc", "magnitude", "random"]  # the paper's measure first, chance last
TOTALS = [
    Column("total", "weights", None, 0),
    Column("compression", "times", None),
    Column("pruned", "%", None),
    Column("accuracy", "% of test images", "higher"),
]


@dataclass
class Study:
    """One result: its finished seeds, and what is said of the others."""

    path: Path
    result: PruningResult
    label: str = ""

    @property
    def pruning(self) -> dict[str, Any]:
        return self.result.config["pruning"]

    @property
    def importance(self) -> str:
        return self.pruning["importance"]

    @property
    def finished(self) -> list[PrunedRun]:
        return [run for run in self.result.runs if run.status == "done"]

    @property
    def seeds(self) -> list[int]:
        return [run.seed for run in self.finished]

    @property
    def rounds(self) -> int:
        return len(self.pruning["rates"])

    @property
    def quantities(self) -> list[Column]:
        """Rows of table IV: every layer's survivors, their total, compression, percent pruned, test accuracy."""
        return [*(Column(layer, "weights", None, 0) for layer in self.result.layers), *TOTALS]

    def cell(self, quantity: Column, stage: int) -> Cell:
        """The quantity after `stage` rounds, of every finished seed; percent where it is a share."""
        return Cell(self.seeds, [self.value(run, quantity.name, stage) for run in self.finished])

    def value(self, run: PrunedRun, quantity: str, stage: int) -> float:
        alive, whole = sum(run.survivors[stage]), sum(self.result.layers.values())
        if quantity == "accuracy":
            return 100 * (run.accuracy[stage] or 0.0)
        if quantity == "compression":
            return whole / alive if alive else float("inf")
        if quantity == "pruned":
            return 100 * (1 - alive / whole)
        return alive if quantity == "total" else run.survivors[stage][list(self.result.layers).index(quantity)]

    def paper(self, quantity: str, stage: int) -> float | None:
        """The paper's figure where this is its study (measure, rates, all of MNIST, network), else None."""
        table, config = table4(), self.result.config
        same = config["dataset"] == table["dataset"] and config.get("limit") is None
        same &= self.importance == table["importance"] and self.pruning["rates"] == table["rates"]
        same &= self.result.layers == {layer: sizes[0] for layer, sizes in table["layers"].items()}
        return {**table["layers"], **table}[quantity][stage] if same else None

    def left_out(self) -> list[str]:
        """`seed 3 diverged at step 120 (..)`, a line a seed that is not finished."""
        return [
            f"{self.label}: seed {run.seed} {'is unfinished' if run.status == 'running' else run.status}"
            + (f" after round {len(run.accuracy) - 1}" if run.status == "running" and run.accuracy else "")
            + (f" ({run.reason})" if run.reason else "")
            for run in self.result.runs
            if run.status != "done"
        ]


@dataclass
class Comparison:
    """Studies of the same data at the same rates, in the order of their measures."""

    studies: list[Study]
    heading: str = ""
    notes: list[str] = field(default_factory=list)


@cache
def table4() -> dict[str, Any]:
    """The paper's table IV."""
    return json.loads((files("clbench.report") / "reference" / "table4.json").read_text("utf-8"))


def comparisons(loaded: list[tuple[Path, PruningResult]]) -> list[Comparison]:
    """Everything that may be compared together; of results with one digest the most finished one."""
    groups: dict[str, list[Study]] = {}
    best: dict[str, Study] = {}
    notes: dict[str, list[str]] = {}
    for study in sorted((Study(*one) for one in loaded), key=lambda s: (-len(s.finished), str(s.path))):
        config, result = study.result.config, study.result
        shared = {"dataset": config["dataset"], "limit": config.get("limit"), "rates": study.pruning["rates"]}
        key = json.dumps({**shared, "data": result.data, "layers": result.layers}, sort_keys=True)
        first = best.setdefault(result.digest, study)
        if first is not study:
            words = (
                f"{study.path} is left out: {first.path} has its configuration; clbench merge joins their seeds"
            )
            notes.setdefault(key, []).append(words)
            continue
        groups.setdefault(key, []).append(study)
    return [comparison(studies, notes.get(key, [])) for key, studies in sorted(groups.items())]


def comparison(studies: list[Study], notes: list[str]) -> Comparison:
    config = studies[0].result.config
    limit = f" ({config['limit']} training images)" if config.get("limit") else ""
    rates = ", ".join(f"{rate:g}" for rate in config["pruning"]["rates"])
    label(studies)
    unfinished = [line for study in studies for line in study.left_out()]
    made = [f"{study.label}: {remark}" for study in studies for remark in remarks(study.result)]
    heading = f"prune-lenet on {config['dataset']}{limit}, rates {rates}"
    defaults = default_notes([(study.importance, study.result) for study in studies])
    return Comparison(studies, heading, [*notes, *defaults, *unfinished, *made])


def label(studies: list[Study]) -> None:
    """Name each study by its measure and by what else it differs in from the others; put them in order."""
    options = [own(study) for study in studies]
    names = [name for name in differing(options) if name != "pruning.importance"]
    for study, mine in zip(studies, options, strict=True):
        words = described(mine, names)
        study.label = f"{study.importance} ({words})" if words else study.importance

    def place(study: Study) -> tuple[Any, ...]:
        flat = flatten(own(study))
        known = ORDER.index(study.importance) if study.importance in ORDER else len(ORDER)
        return (known, study.importance, [sortable(flat.get(name, "")) for name in names], study.result.digest)

    studies.sort(key=place)


def own(study: Study) -> dict[str, Any]:
    config = study.result.config
    return {name: config.get(name) for name in ("preset", "pruning", "train")}
