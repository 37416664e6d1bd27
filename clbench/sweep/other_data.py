"""Hyper-parameters found on other data: whether what wins on one stream can be trained on the other."""

from __future__ import annotations

from dataclasses import replace

from clbench.config.resolve import Config, Table
from clbench.errors import UserError
from clbench.run.machine import Machine
from clbench.run.train import build_stream
from clbench.streams.task import Stream
from clbench.sweep.plan import Plan


def require_fit(plan: Plan, values: Table, machine: Machine) -> None:
    """UserError where trials and winner would not train the same network, or on the same files.

    The network is the same where its images have one shape and its heads as many classes. No test image is looked
    at: of the winner's stream, too, the part that validation is cut from is built.
    Both streams are looked at whole: of how many tasks a trial learns is another matter.
    """
    device, trial = machine.prepare(), plan.trial(values)
    whole = plan.winner(values)
    options = {**whole.stream_options, "validation": plan.validation}
    winner = build_stream(replace(whole, score="validation", stream_options=options), machine, device)
    uncut = replace(trial, stream_options={**trial.stream_options, "first": None})
    searched = build_stream(uncut, machine, device)
    require_same_network(trial, searched, winner)
    if shared := set(searched.checksums.values()) & set(winner.checksums.values()):
        named = sorted(name for name, sha256 in searched.checksums.items() if sha256 in shared)
        raise UserError(
            f"--tune-on {searched.name}: {', '.join(named)} is data of {winner.name} too; "
            "name a stream of other images"
        )


def require_same_network(config: Config, searched: Stream, winner: Stream) -> None:
    shapes = searched.input_shape, winner.input_shape
    if shapes[0] != shapes[1]:
        pixels = len(shapes[0]) == len(shapes[1])
        alike = "; --set stream.size and stream.channels show images alike" if pixels else ""
        raise UserError(
            f"--tune-on {searched.name}: its images are {by(shapes[0])} and those of {winner.name} "
            f"{by(shapes[1])}, for which {config.network} is another network{alike}"
        )
    if heads_of(searched) != heads_of(winner):
        raise UserError(
            f"--tune-on {searched.name}: {config.network} has {shown(searched)} there and {shown(winner)} on "
            f"{winner.name}; streams with as many classes in the {config.scenario} scenario fit"
        )


def heads_of(stream: Stream) -> tuple[int, ...]:
    """Outputs of each kind of head that there is; where tasks share one, of that."""
    if stream.scenario != "task":
        return (stream.outputs,)
    return tuple(sorted({stop - start for start, stop in (task.columns for task in stream.tasks)}))


def shown(stream: Stream) -> str:
    """'heads of 2 classes', 'one head of 10 classes'."""
    sizes = " or ".join(map(str, heads_of(stream)))
    return f"{'heads' if stream.scenario == 'task' else 'one head'} of {sizes} classes"


def by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
