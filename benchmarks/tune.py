"""The searches behind the tuned values of clbench.toml: a sweep a method, judged on validation data.

`benchmarks/tuning.yaml` says what is searched; records, trials and winners' results stay in `benchmarks/tuning/`
or in the folder that the search names, so that `clbench sweep status` and `clbench sweep compare` show them and a
second call runs only what is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clbench.config.options import did_you_mean
from clbench.errors import UserError
from clbench.results.sweep_record import ENDED, Record, found
from clbench.sweep.plan import Asked, Plan, planned
from clbench.sweep.space import setting

HERE = Path(__file__).parent
RECORD = HERE / "tuning"


@dataclass(frozen=True)
class Search:
    """What is searched for every method of one stream in one scenario."""

    name: str
    table: dict[str, Any]
    sweep: dict[str, Any]  # of all searches; the table's own wins
    seeds: int

    @property
    def methods(self) -> list[str]:
        """As they are listed; of "anpyc, gradient" the method is anpyc, and the rest says which variant it is."""
        return list(self.table["methods"])

    @property
    def folder(self) -> Path:
        """Of its records."""
        return HERE / self.table.get("folder", RECORD.name)

    @property
    def tunes(self) -> bool:
        """Whether its winners are default values; else it is a study."""
        return bool(self.table.get("tunes", True))

    @property
    def place(self) -> tuple[str, str, str]:
        """Where its values hold."""
        return self.table["stream"]["name"], self.table["scenario"], self.table["network"]

    @property
    def options(self) -> dict[str, Any]:
        """Of the sweeps: search, trials, search_seeds .."""
        return {**self.sweep, **self.table.get("sweep", {})}

    @property
    def training(self) -> dict[str, Any]:
        """What all its methods are trained with, 'train.epochs' and the like; the searched values win."""
        return {f"train.{name}": value for name, value in self.table.get("train", {}).items()}

    def fixed(self, method: str) -> dict[str, Any]:
        """What of a method is set and not searched."""
        own: dict[str, Any] = self.table["methods"][method].get("set", {})
        return own

    def plan(self, method: str) -> Plan:
        if method not in self.methods:
            raise UserError(f"{self.name}: no search of {method!r}; {did_you_mean(method, self.methods)}")
        stream = {f"stream.{name}": value for name, value in self.table["stream"].items() if name != "name"}
        sets = {**self.training, **stream, **self.fixed(method)}
        own = {name: text for name, text in self.table["methods"][method].items() if name != "set"}
        asked = Asked(
            method.partition(",")[0],
            self.place[0],
            self.table["network"],
            self.table["scenario"],
            sets=tuple(setting(name, value) for name, value in sets.items()),
            grids=tuple(f"{name}={values(text)}" for name, text in {**self.table.get("grid", {}), **own}.items()),
            seeds=self.seeds,
            options=self.options,
        )
        return planned(None, asked)

    def records(self, folder: Path | None = None) -> Iterator[tuple[str, Record]]:
        """The record of every method whose trials have all ended."""
        for method in self.methods:
            record = found((folder or self.folder) / self.plan(method).path)
            if record and record.best and record.count(*ENDED) == record.plan["trials"]:
                yield method, record


def values(text: Any) -> str:
    """As --grid takes them."""
    return ",".join(map(str, text)) if isinstance(text, list) else str(text)


def searches() -> dict[str, Search]:
    """All of benchmarks/tuning.yaml, by name."""
    plans = yaml.safe_load((HERE / "tuning.yaml").read_text())
    return {
        name: Search(name, table, plans["sweep"], table.get("seeds", plans["seeds"]))
        for name, table in plans["searches"].items()
    }


def named(name: str) -> Search:
    known = searches()
    if name not in known:
        raise UserError(f"no search called {name!r}; {did_you_mean(name, list(known))}")
    return known[name]


def tune(
    name: str,
    methods: list[str] | None,
    data_root: Path | None,
    out: Path | None = None,
    allow_modified_data: bool = False,
) -> None:
    """Run what is missing of every method's sweep, one after the other. out: None is the search's own folder."""
    from clbench.run.machine import Machine  # with torch
    from clbench.sweep.command import Where, run

    search = named(name)
    plans = [search.plan(method) for method in methods or search.methods]
    machine = Machine(data_root=data_root, keep="none", allow_modified=allow_modified_data)
    for plan in plans:
        run(plan, Where(str(out or search.folder)), machine, False, False)
