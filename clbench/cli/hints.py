"""What an option that there is not may mean: one of --set, or one that is called otherwise here."""

from __future__ import annotations

from typing import Any

TRAINS = ("train", "sweep", "reproduce")  # commands that take --set SECTION.OPTION=VALUE
STUDY = "prune-lenet"
OTHERWISE = {  # as other programs, or other commands of this one, call it
    "gpu": "--device cuda",
    "cuda": "--device cuda",
    "cpu": "--device cpu",
    "model": "--network {}",
    "strategy": "--method {}",
    "measure": "--importance {}",
    "output-dir": "--out {}",
    "outdir": "--out {}",
    "jobs": "--workers {}",
}
OF_COMMAND = {
    ("train", "seed"): "--seed-list {}",
    ("train", "dataset"): "--stream split-{}",
    ("sweep", "seed"): "--seeds 1, or --search-seeds",
    ("sweep", "dataset"): "--stream split-{}",
    ("sweep", "lr"): "--set train.lr={}, or to search it --grid train.lr=0.1,0.01",
    ("reproduce", "seed"): "--seed-list {}",
    (STUDY, "seed"): "--seed-list {}",
    (STUDY, "stream"): "--dataset {}",
    (STUDY, "method"): "--importance {}",
    ("report", "csv"): "--format csv",
    ("report", "html"): "--format html",
}


def meant(command: str | None, option: str, args: list[str]) -> str | None:
    """`--set train.lr=0.1` of `--lr 0.1`, given the words that stand after the command; None: nobody knows."""
    name = option.lstrip("-").lower()
    value = value_of(option, args)
    if (words := OF_COMMAND.get((command or "", name)) or OTHERWISE.get(name)) is not None:
        return words.format(value or name.upper())
    section = section_of(name.replace("-", "_")) if command in TRAINS else None
    return f"--set {section}.{name.replace('-', '_')}={value or 'VALUE'}" if section else None


def value_of(option: str, args: list[str]) -> str:
    """What was given with it: after an equals sign, or as the next word."""
    for n, word in enumerate(args):
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
        if word == option and n + 1 < len(args) and not args[n + 1].startswith("--"):
            return args[n + 1]
    return ""


def section_of(name: str) -> str | None:
    """Where --set has an option of that name: [train], else what most methods, streams or networks have it."""
    from clbench.config.options import options_of
    from clbench.config.training import Training

    if name in options_of(Training):
        return "train"
    from clbench.registry import networks, strategies, streams

    sections = {"strategy": strategies, "stream": streams, "network": networks}
    having = {section: share_with(name, registry) for section, registry in sections.items()}
    most = max(having, key=lambda section: having[section])
    return most if having[most] else None


def share_with(name: str, registry: Any) -> float:
    """Of a registry's entries, how many have an option of that name."""
    found = [name in registry.described(each).options for each in registry]
    return sum(found) / max(len(found), 1)
