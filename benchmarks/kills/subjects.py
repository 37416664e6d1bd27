"""What is killed: one tiny run of each kind of command, of two processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clbench.errors import UserError

HERE = Path(__file__).parent
WRITING = ("opening the result", "writing the result")
TRAINING = (*WRITING, "writing a checkpoint", "keeping a checkpoint", "measuring importance", "scoring")


@dataclass(frozen=True)
class Subject:
    """A command of clbench with its arguments, but for those of its output.

    begun: the phase with which its work begins. aims: phases worth hitting that are too short for chance.
    """

    command: str
    arguments: tuple[str, ...]
    begun: str = "training"
    aims: tuple[str, ...] = TRAINING


def training(words: str, **sets: object) -> Subject:
    return Subject(
        "train", arguments(words, **sets), aims=(*TRAINING, *(("pruning",) if "anpyc" in words else ()))
    )


def arguments(words: str, **sets: object) -> tuple[str, ...]:
    """train__epochs=1: `--set train.epochs=1`."""
    given = [word for name, value in sets.items() for word in ("--set", f"{name.replace('__', '.')}={value}")]
    return (*words.split(), *given)


SUBJECTS = {
    "train": training(
        "--method anpyc --stream permuted-digits --seeds 2 --workers 2",
        train__epochs=1,
        stream__tasks=4,
        stream__limit=200,
        strategy__beta=20,
        strategy__retrain_epochs=1,
    ),
    "train a CNN": training(
        "--method ewc --network lenet --stream split-digits --seeds 2 --workers 2",
        train__epochs=1,
        stream__limit=150,
        network__maps="8,16",
        network__hidden="32,16",
    ),
    "train a generator": training(
        "--method dgr --network mlp-vae --stream cgan-digits --seeds 2 --workers 2",
        train__epochs=1,
        stream__tasks=3,
        stream__limit=60,
        network__samples=40,
        network__hidden="32,16",
    ),
    "sweep": Subject(
        "sweep",
        arguments(
            "--method ewc --stream split-digits --grid strategy.lam=1,10,100 --workers 2",
            train__epochs=1,
            stream__limit=100,
        ),
        aims=(*TRAINING, "writing the record"),
    ),
    "prune-lenet": Subject(
        "prune-lenet",
        arguments(
            "--dataset digits --limit 300 --epochs 1 --retrain-epochs 1 --rates 0.5,0.5 --seeds 2 --workers 2"
        ),
        aims=(*TRAINING, "pruning"),
    ),
    "reproduce": Subject("reproduce", (str(HERE / "tiny.yaml"), "--workers", "2")),
    "train --ray": Subject(
        "train",
        arguments(
            "--method ewc,si --stream split-digits --seeds 2 --ray local",
            train__epochs=5,
            network__hidden="64",
        ),
        begun="opening the result",
        aims=WRITING,  # what tasks do on Ray's nodes is not written down
    ),
}


def named(names: str) -> dict[str, Subject]:
    """Those of a comma-separated list, or all."""
    wanted = list(SUBJECTS) if names == "all" else names.split(",")
    for name in wanted:
        if name not in SUBJECTS:
            raise UserError(f"no subject {name!r}; there are {', '.join(SUBJECTS)}, and all")
    return {name: SUBJECTS[name] for name in wanted}
