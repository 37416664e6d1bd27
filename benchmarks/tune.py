"""The searches behind the tuned values of clbench.toml: a sweep a method, all of one budget, on validation data.

`benchmarks/tuning.yaml` says what is searched; records, trials and winners' results stay in `benchmarks/tuning/`,
so that `clbench sweep status` shows each and a second call runs only what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.run.machine import Machine
from clbench.sweep.command import Where, run
from clbench.sweep.plan import Asked, Plan, planned
from clbench.sweep.space import setting

HERE = Path(__file__).parent
RECORD = HERE / "tuning"


@dataclass(frozen=True)
class Search:
    """What is searched for every method of one stream in one scenario."""

    name: str
    table: dict[str, Any]
    sweep: dict[str, Any]
    seeds: int

    @property
    def methods(self) -> list[str]:
        return list(self.table["methods"])

    def plan(self, method: str) -> Plan:
        if method not in self.methods:
            raise UserError(f"{self.name}: no search of {method!r}; {did_you_mean(method, self.methods)}")
        table = self.table
        stream = dict(table["stream"])
        own = dict(table["methods"][method])
        fixed = {f"train.{name}": value for name, value in table["train"].items()}
        fixed |= {f"stream.{name}": value for name, value in stream.items() if name != "name"}
        fixed |= own.pop("set", {})
        grids = {**table["grid"], **own}
        asked = Asked(
            method,
            stream["name"],
            table["network"],
            table["scenario"],
            sets=tuple(setting(name, value) for name, value in fixed.items()),
            grids=tuple(f"{name}={values(text)}" for name, text in grids.items()),
            seeds=self.seeds,
            options={**self.sweep, **table.get("sweep", {})},
        )
        return planned(None, asked)


def values(text: Any) -> str:
    """As --grid takes them."""
    return ",".join(map(str, text)) if isinstance(text, list) else str(text)


def searches() -> dict[str, Search]:
    """All of benchmarks/tuning.yaml, by name."""
    found = yaml.safe_load((HERE / "tuning.yaml").read_text())
    return {name: Search(name, table, found["sweep"], found["seeds"]) for name, table in found["streams"].items()}


def tune(name: str, methods: list[str] | None, data_root: Path | None, out: Path = RECORD) -> None:
    """Run what is missing of every method's sweep, one after the other."""
    known = searches()
    if name not in known:
        raise UserError(f"no search called {name!r}; {did_you_mean(name, list(known))}")
    search = known[name]
    plans = [search.plan(method) for method in methods or search.methods]
    for plan in plans:
        run(plan, Where(str(out)), Machine(data_root=data_root, keep="none"), False, False)
