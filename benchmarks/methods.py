"""The page of methods, clbench/strategies/README.md: what is between its marks is printed from the code."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from clbench.cli.catalogue import EXAMPLE, STATISTICS, listing, value
from clbench.registry import strategies
from clbench.strategies.base import Strategy

PAGE = Path(__file__).parent.parent / "clbench" / "strategies" / "README.md"
BEGIN, END = "<!-- methods -->\n", "<!-- /methods -->"


def page() -> str:
    """The page, with the part between its marks printed anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    return f"{before}{BEGIN}{from_code()}\n{END}{rest.partition(END)[2]}"


def from_code() -> str:
    """A section for every registered method, then one for every class that some of them derive from."""
    methods = [section(entry) for entry in listing("methods", long=True) if entry["name"] in ours()]
    shared = [section_of_base(base) for base in bases()]
    return "\n\n".join(["## Every method", *methods, "## What several methods share", *shared])


def section(entry: dict[str, Any]) -> str:
    """Of one method: idea, definition, paper, costs, where it works, options."""
    method = strategies[entry["name"]]
    example = entry["stores_example"]["bytes"]
    size = f" ({example / 1e6:.2f} MB a seed for {EXAMPLE})" if example else ""
    facts = [
        f"Code: {linked(method)}"
        + "".join(f", with {linked(base)}" for base in bases_of(method))
        + built_on(method),
        f"Paper: {entry['paper'] or 'none named'}",
        f"Keeps between tasks: {entry['stores']}{size}",
        f"Scenarios: {', '.join(entry['scenarios'])}; networks: {entry['networks']}",
        f"Running statistics after the first task: {STATISTICS[entry['statistics']]}",
    ]
    parts = [f"### {entry['name']}", definition(method), "\n".join(f"* {fact}" for fact in facts)]
    return "\n\n".join(parts + ([options(entry["options"])] if entry["options"] else []))


def section_of_base(base: type) -> str:
    of = [anchor(name) for name in ours() if base in strategies[name].__mro__]
    return f"### {base.__name__}\n\n{definition(base)}\n\n* Code: {linked(base)}\n* Of: {', '.join(of)}"


def definition(class_: type) -> str:
    """The first line of its file, then its own description."""
    idea = (inspect.getdoc(sys.modules[class_.__module__]) or "").partition("\n")[0]
    return f"*{idea}*\n\n{inspect.getdoc(class_)}"


def options(of: list[dict[str, Any]]) -> str:
    rows = [f"| `{o['name']}` | {value(o['default'])} | {described(o)} |" for o in of]
    return "\n".join(["| option | default | what it is |", "|---|---|---|", *rows])


def described(option: dict[str, Any]) -> str:
    choices = f" ({', '.join(map(str, option['choices']))})" if option["choices"] else ""
    return (option["help"] + choices).replace("|", r"\|")


def linked(class_: type) -> str:
    name = class_.__module__.rpartition(".")[2] + ".py"
    return f"[`{name}`]({name})"


def built_on(method: type) -> str:
    on = [anchor(name) for name in ours() if strategies[name] in method.__mro__[1:]]
    return f"; built on {', '.join(on)}" if on else ""


def anchor(name: str) -> str:
    return f"[{name}](#{name})"


def ours() -> list[str]:
    """The methods of this package, without those of plugins."""
    return [name for name in strategies if strategies[name].__module__.startswith("clbench.strategies.")]


def bases() -> list[type]:
    """Those of all methods, by name."""
    found = {base.__name__: base for name in ours() for base in bases_of(strategies[name])}
    return [found[name] for name in sorted(found)]


def bases_of(method: type) -> list[type]:
    """The classes of clbench.strategies that it derives from and that are no methods themselves."""
    methods = {strategies[name] for name in ours()}
    ancestors = [base for base in method.__mro__[1:] if base.__module__.startswith("clbench.strategies.")]
    return [base for base in ancestors if base not in methods and base is not Strategy]
