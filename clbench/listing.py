"""clbench list: methods, streams, networks and metrics, with their options and defaults."""

from __future__ import annotations

from typing import Any

from clbench.metrics import METRICS
from clbench.options import Option, options_of
from clbench.registry import first_line, networks, strategies, streams
from clbench.streams.assemble import Common
from clbench.streams.find import find, is_form, names

KINDS = ("methods", "streams", "networks", "metrics")
Entry = dict[str, Any]


def listing(kind: str) -> list[Entry]:
    """name, summary and options of everything of one kind."""
    if kind == "metrics":
        return [{"name": name, "summary": m.definition, "options": []} for name, m in METRICS.items()]
    if kind == "streams":
        entries = [(name, find(name)[0]) for name in names()]
        entries += [(f"{form}:FILE.npz", streams[form]) for form in streams if is_form(streams[form])]
        common = options_of(Common)
        return [entry(name, f, {**options_of(f), **common}) for name, f in entries]
    registry = strategies if kind == "methods" else networks
    return [entry(name, registry[name], options_of(registry[name])) for name in registry]


def entry(name: str, factory: Any, options: dict[str, Option]) -> Entry:
    shown = [
        {"name": o.name, "default": o.default, "help": o.help, "choices": list(o.choices)}
        for o in options.values()
    ]
    return {"name": name, "summary": first_line(factory), "options": shown}


def text(found: dict[str, list[Entry]]) -> str:
    """One block a kind, one paragraph an entry; streams share most options, which are printed once."""
    blocks = []
    for kind, entries in found.items():
        lines, said = [f"{kind}:"], set()
        for e in entries:
            lines.append(f"  {e['name']:<22} {e['summary']}")
            for o in e["options"]:
                choices = f" ({', '.join(map(str, o['choices']))})" if o["choices"] else ""
                line = f"    {o['name']} = {value(o['default'])}{choices}  {o['help']}"
                if kind != "streams" or (e["summary"], line) not in said:
                    lines.append(line)
                said.add((e["summary"], line))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def value(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
