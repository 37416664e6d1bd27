"""clbench list: methods, streams, networks, models and metrics, with their options and defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from clbench.config import index
from clbench.config.index import Described
from clbench.config.options import Option
from clbench.registry import models, networks, strategies, streams
from clbench.streams.find import is_form, is_list, names

KINDS = ("methods", "streams", "networks", "models", "metrics")
Entry = dict[str, Any]


def listing(kind: str, long: bool = False) -> list[Entry]:
    """name, summary and options of everything of one kind; `long`: of methods also paper, storage, support."""
    if kind == "metrics":
        read = index.index()
        return metrics() if read is None else read[kind]
    if kind == "streams":
        entries = [(name, streams.registered_as(name)) for name in names()]
        entries += [(f"{form}:FILE.npz", form) for form in streams if is_form(form)]
        entries += [(f"{name}:A,B,FILE.npz", name) for name in streams if is_list(name)]
        return [entry(name, own_first(streams.described(registered))) for name, registered in entries]
    if kind == "methods":
        found = [entry(name, strategies.described(name)) for name in strategies]
        return [e | at_length(e["name"]) for e in found] if long else found
    registry = {"networks": networks, "models": models}[kind]
    described = {name: registry.described(name) for name in registry}
    return [entry(name, one) | one.facts for name, one in described.items()]


def metrics() -> list[Entry]:
    from clbench.report.build.cells import may_be_asked_for  # with numpy

    return [{"name": name, "summary": what, "options": []} for name, what in may_be_asked_for().items()]


def entry(name: str, one: Described) -> Entry:
    shown = [shown_option(option) for option in one.options.values()]
    return {"name": name, "summary": one.summary, "options": shown}


def own_first(one: Described) -> Described:
    """A stream's options, those of every stream last."""
    own = {name: one.options[name] for name in one.facts["own"]}
    return replace(one, options=own | one.options)


def shown_option(o: Option) -> Entry:
    return {"name": o.name, "default": o.default, "help": o.help, "choices": list(o.choices)}


STATISTICS = {"running": "go on", "frozen": "stay", "per-task": "go on, and each task keeps its own"}
EXAMPLE = "mlp 784-512-256, ten tasks of ten classes"
EXAMPLE_SHAPE, EXAMPLE_TASKS, EXAMPLE_OUTPUTS = (1, 28, 28), 10, 100


def at_length(name: str) -> Entry:
    """Of one method: its paper, what it stores, where it works."""
    if not strategies.filled and (found := index.index()) is not None:
        return found["at length"][name]
    return measured_at_length(name)


def measured_at_length(name: str) -> Entry:
    """From the method itself, and what it stores beside a network that is built for it."""
    from math import prod

    from clbench.config.options import options_of
    from clbench.strategies import costs

    method = strategies[name]
    network = networks["mlp"](EXAMPLE_SHAPE)
    parts = list(network.parameters())
    images = options_of(method)["memory_size"].default if "memory_size" in options_of(method) else 0
    counts = {
        "shared weight": sum(p.numel() for p in parts),
        "weight of its generator": method().own_weights(EXAMPLE_SHAPE),
        "connection": sum(p.numel() for p in parts if p.dim() > 1),
        "hidden unit": sum(network.widths),
        "stored image": images,
        "pixel of a stored image": images * prod(EXAMPLE_SHAPE),
        "output of a stored image": images * EXAMPLE_OUTPUTS,
        "run": 1,
    }
    return {
        "paper": method.paper,
        "stores": costs.described(method.stores),
        "stores_example": {"of": EXAMPLE, "bytes": costs.total(method.stores, counts, EXAMPLE_TASKS)},
        "scenarios": list(method.scenarios),
        "networks": networks_of(method),
        "statistics": method.statistics,
    }


def networks_of(method: Any) -> str:
    """Which networks a method works with, in words."""
    if "gates" in method().needs():
        return "those that take gates, as mlp does"
    return "any"


def text(found: dict[str, list[Entry]]) -> str:
    """One block a kind, one paragraph an entry; streams share most options, which are printed once."""
    blocks = []
    for kind, entries in found.items():
        lines, said = [f"{kind}:"], set()
        for e in entries:
            lines.append(f"  {e['name']:<22} {e['summary']}")
            lines += [f"    {line}" for line in describe_at_length(e)]
            for o in e["options"]:
                choices = f" ({', '.join(map(str, o['choices']))})" if o["choices"] else ""
                line = f"    {o['name']} = {value(o['default'])}{choices}  {o['help']}"
                if kind != "streams" or (e["summary"], line) not in said:
                    lines.append(line)
                said.add((e["summary"], line))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def describe_at_length(e: Entry) -> list[str]:
    """What a network is for, how a model is scored; of a method listed with --long its paper, storage, support."""
    if "model" in e:
        return [f"for the model: {e['model']}"]
    if "score" in e:
        return [
            f"score: {e['score']['name']}, {e['score']['better']} is better; its mean is {e['score']['mean_name']}"
        ]
    if "stores" not in e:
        return []
    example = e["stores_example"]
    size = f" ({example['bytes'] / 1e6:.2f} MB a seed for {example['of']})" if example["bytes"] else ""
    return [
        f"paper: {e['paper'] or 'none named'}",
        f"stores between tasks: {e['stores']}{size}",
        f"scenarios: {', '.join(e['scenarios'])}; networks: {e['networks']}",
        f"running statistics after the first task: {STATISTICS[e['statistics']]}",
    ]


def value(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
