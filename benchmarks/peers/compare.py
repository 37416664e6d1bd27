"""Both sides computed and compared: a row a quantity, then what explains the constants between them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tabulate import tabulate

from benchmarks.peers.environment import python_of, run
from benchmarks.peers.rows import TOLERANCE, Arrays, Row, arrays_in, compared, group, largest

if TYPE_CHECKING:
    from benchmarks.peers.clbench_side import Setting

SIDE = Path(__file__).with_name("avalanche_side.py")


@dataclass(frozen=True)
class Found:
    """All rows, and the facts beside them: setting, versions, Fishers, heads, SI."""

    rows: list[Row]
    facts: dict[str, Any]

    @property
    def equal(self) -> bool:
        return all(row.equal for row in self.rows)


def measured(setting: Setting, environment: Path, folder: Path | None, say: Callable[[str], None]) -> Found:
    """Both sides computed into `folder` (None: a temporary one) and compared."""
    from benchmarks.peers.clbench_side import write

    python = python_of(environment, say)
    if folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return measured(setting, environment, Path(temporary), say)
    folder.mkdir(parents=True, exist_ok=True)
    say("clbench's side")
    write(setting, folder)
    say("Avalanche's side")
    run([str(python), "-I", str(SIDE), str(folder)], "Avalanche's side failed")
    return read(folder)


def read(folder: Path) -> Found:
    """The comparison of the numbers that lie in a folder."""
    names = ("setting", "clbench", "avalanche")
    facts = {name: json.loads((folder / f"{name}.json").read_text()) for name in names}
    avalanche, clbench = arrays_in(folder / "avalanche.npz"), arrays_in(folder / "clbench.npz")
    no_tau_squared = facts["setting"]["temperature"] ** -2
    known = {
        "importance": ("EWC: importance", 1.0),
        "penalty": ("EWC: penalty", 2.0),
        "penalty gradient": ("EWC: gradient of the penalty", 2.0),
        "distillation": ("LwF: distillation", no_tau_squared),
        "distillation gradient": ("LwF: gradient of the distillation", no_tau_squared),
    }
    rows = [compared(name, group(avalanche, k), group(clbench, k), ratio) for k, (name, ratio) in known.items()]
    heads = {k: largest(heads_of(group(avalanche, k))) for k in ("importance", "penalty gradient")}
    return Found(rows, {**facts, "heads": heads})


def heads_of(arrays: Arrays) -> Arrays:
    return {name: a for name, a in arrays.items() if name.startswith("head.")}


def as_json(found: Found) -> dict[str, Any]:
    rows = [{**{k: number(v) for k, v in asdict(row).items()}, "equal": row.equal} for row in found.rows]
    return {"rows": rows, "tolerance": TOLERANCE, "equal": found.equal, **found.facts}


def number(value: Any) -> Any:
    """JSON has no infinity and no NaN."""
    return None if isinstance(value, float) and not isfinite(value) else value


def table(found: Found) -> str:
    grid = tabulate([shown(row) for row in found.rows], headers="keys", disable_numparse=True)
    return grid + "\n\n" + "\n".join(f"- {line}" for line in explained(**found.facts))


def shown(row: Row) -> dict[str, str]:
    return {
        "quantity": row.quantity,
        "Avalanche": f"{row.avalanche:.6e}",
        "clbench": f"{row.clbench:.6e}",
        "ratio": f"{row.ratio:.6f}",
        "expected": f"{row.expected:g}",
        "relative difference": f"{row.difference:.1e}",
        "verdict": "equal" if row.equal else "DIFFERS",
    }


def explained(
    setting: dict[str, Any], clbench: dict[str, Any], avalanche: dict[str, Any], heads: dict[str, float]
) -> list[str]:
    """The constants, and what else a reader should know of them."""
    tau, size, fishers, si = setting["temperature"], setting["batch_size"], clbench["fishers"], avalanche["si"]
    versions = {**avalanche["versions"], "torch of clbench": clbench["versions"]["torch"]}
    return [
        "Tensors are shown as Euclidean norms; ratio: Avalanche / clbench; relative difference: the largest from "
        f"the expected ratio, over the largest entry of the tensor; equal: within {TOLERANCE:g}.",
        f"Importance, {clbench['images']} images in batches of {size}: Avalanche's is the mean of squared batch "
        "gradients, which clbench takes with fisher=batch. The Fisher of single samples is in sum "
        f"{fishers['exact']:.1f} (exact) and {fishers['empirical']:.1f} (empirical) times as large.",
        "Penalty: λ Σ F (W - W*)² in Avalanche, ½ λ Σ F (W - W*)² in clbench, so λ there is half of λ here.",
        "Heads are in Avalanche's penalty, not in clbench's; the shared weights are compared. A head's largest "
        f"importance is {heads['importance']:.1e}, but the head of task 1 stands still in task 2, so that the "
        f"penalty's largest gradient there is {heads['penalty gradient']:.1g}.",
        f"Distillation, of two old heads: Avalanche leaves out τ² (τ = {tau:g}), so alpha = {tau**2:g} there is "
        "lam = 1 here.",
        f"Avalanche's SI on a CPU, two tasks at strength {si['strength']:g}: largest importance "
        f"{si['largest importance']:.1g}; shared weights end {si['largest difference to fine-tuning']:.1g} away "
        f"from plain fine-tuning's, which had moved by up to {si['largest step of fine-tuning']:.1g}.",
        "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
    ]
