"""Does the gate see what it is for? Faults planted in methods one by one, and clean runs in other ways of running.

A fault is put in the place of a function while the check runs in this process; the verdicts are those of
`clbench check benchmarks/baselines/check.yaml` over the runs of the method concerned.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from clbench.compare.check import Checked, check
from clbench.compare.check_file import Check, read
from clbench.compare.document import in_words
from clbench.compare.verdicts import Verdict
from clbench.learn import importance
from clbench.learn.memory import Reservoir, picked
from clbench.models.params import Params, zeros
from clbench.run.experiment import Experiment
from clbench.run.local import Local
from clbench.run.machine import Machine
from clbench.run.train import Train
from clbench.strategies import ewc, sgd_f
from clbench.strategies.joint import Joint
from clbench.strategies.lwf import LwF
from clbench.strategies.packnet import PackNet
from clbench.strategies.quadratic import Quadratic
from clbench.strategies.si import SI

FILE = Path(__file__).parent / "baselines" / "check.yaml"
Patch = Callable[[], Any]  # a context in which the fault is there


@dataclass(frozen=True)
class Fault:
    """One planted. about: which runs of the check it may show in, by method, scenario and network."""

    name: str
    method: str
    patches: tuple[Patch, ...]
    scenario: str | None = None
    network: str | None = None

    def concerns(self, one: Experiment) -> bool:
        config = one.config.as_dict()
        return (
            config.get("method") == self.method
            and self.scenario in (None, config["scenario"])
            and self.network in (None, config["network"]["name"])
        )


def squared_after_the_mean(trainer: Any, task: Any, labels: Any) -> Params:
    """The square of the mean gradient in the place of the mean of squares."""
    model = trainer.model
    total = zeros(model.shared)
    generators = model.drawing(trainer.generators("fisher labels"))
    for x, y in model.examples(trainer, task, importance.at_once(trainer, task)):
        for choose, weight in importance.label_choices(model, task, labels, y, generators):
            value = importance.weighted_log_likelihood(model, task, weight)
            importance.add_per_sample_sums(total, trainer, task, x, choose, value, lambda g: g)
    return {name: t.div_(len(task.train)).square() for name, t in total.items()}


def without_denominator(self: SI, trainer: Any, task: Any) -> Params:
    return dict(self.path)


def distilled_without_square(distil: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda self, now, teacher: distil(self, now, teacher) / self.temperature**2


def drawn_from_the_last_task(
    self: Reservoir, size: int, active: Tensor, generators: Sequence[torch.Generator]
) -> Params | None:
    kept = min(self.met, self.size)
    if not min(size, kept):
        return None
    index = torch.zeros(len(active), min(size, kept), dtype=torch.int64)
    for seed in self.learning(active):
        owner = self.tensors["owner"][seed, :kept]
        rows = (owner == owner.max()).nonzero().flatten()
        index[seed] = rows[torch.randint(len(rows), (index.shape[1],), generator=generators[seed])]
    return {name: picked(t, index) for name, t in self.tensors.items() if name != "seen"}


def fitted_for_a_share_of_the_steps(self: Joint, trainer: Any, task: Any) -> None:
    if task.index == 0:
        trainer.fit(self.union, epochs=max(1, trainer.options.epochs // self.last))


def put(place: Any, name: str, value: Any) -> Patch:
    return lambda: mock.patch.object(place, name, value)


FAULTS = (
    Fault("Fisher squared after the mean", "ewc", (put(ewc, "fisher", squared_after_the_mean),), "domain"),
    Fault("SI without its denominator", "si", (put(SI, "measure", without_denominator),), "domain"),
    Fault(
        "masks not applied",
        "packnet",
        (put(PackNet, "edit_gradients", lambda *_: None), put(PackNet, "after_step", lambda *_: None)),
        network="mlp",
    ),
    Fault("LwF without τ²", "lwf", (put(LwF, "distillation", distilled_without_square(LwF.distillation)),)),
    Fault("replay drawing only the last task", "er", (put(Reservoir, "draw", drawn_from_the_last_task),), "class"),
    Fault(
        "BatchNorm statistics not frozen",
        "sgd-f",
        (put(sgd_f.FrozenSGD, "statistics", "moving"),),
        network="resnet18-small",
    ),
    Fault("pull at half strength", "ewc", (put(Quadratic, "factor", 0.5),), "domain", "mlp"),
    Fault(
        "joint with 1/T of the steps", "joint", (put(Joint, "learn", fitted_for_a_share_of_the_steps),), "domain"
    ),
)


@dataclass(frozen=True)
class Chosen(Check):
    """A check of some of its experiments alone."""

    wanted: Callable[[Experiment], bool] = lambda one: True

    def experiments(self) -> list[Experiment]:
        return [one for one in super().experiments() if self.wanted(one)]


def checked(wanted: Callable[[Experiment], bool], workers: int = 1) -> Checked:
    """The check of these experiments, on the CPU, in a folder that is thrown away."""
    asked = Chosen(**vars(read(FILE)), wanted=wanted)
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine("cpu", keep="none")
        return check(asked, Path(folder), machine, Local(workers), force=True)


def planted(fault: Fault) -> list[Verdict]:
    """The verdicts while the fault is there."""
    with contextlib.ExitStack() as stack:
        for patch in fault.patches:
            stack.enter_context(patch())
        return checked(fault.concerns).compared.verdicts


# Instructions that new processes leave unused: the rounding of other machines.
OLDER = {
    "": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "SSE4.2": {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
    },
}


@dataclass(frozen=True)
class Way:
    """How a clean run is run: nothing of it may change more than rounding."""

    seeds_at_once: int
    instructions: str

    @classmethod
    def numbered(cls, n: int) -> Way:
        """Nine of them, then again."""
        return cls((3, 1, 2)[n % 3], tuple(OLDER)[n // 3 % 3])


def clean(way: Way) -> list[Verdict]:
    """The verdicts of everything on unchanged code, in two processes."""
    with (
        mock.patch.object(Train, "seeds_at_once", return_value=way.seeds_at_once),
        mock.patch.dict(os.environ, OLDER[way.instructions]),
    ):
        return checked(lambda one: True, workers=2).compared.verdicts


def faults_found() -> Iterator[dict[str, Any]]:
    for fault in FAULTS:
        verdicts = planted(fault)
        worse = [verdict for verdict in verdicts if verdict.state == "worse"]
        yield {
            "fault": fault.name,
            "seen": bool(worse),
            "verdicts": "; ".join(map(in_words, worse or verdicts)),
        }


def clean_runs(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        way = Way.numbered(number)
        verdicts = clean(way)
        unlike = [verdict for verdict in verdicts if verdict.state != "same"]
        changed = [v for v in verdicts if v.difference and v.difference.mean != 0]
        yield {
            "run": number + 1,
            "way": f"{way.seeds_at_once} seeds at once, instructions: {way.instructions or 'all'}",
            "verdicts": len(verdicts),
            "passes": not any(v.state in ("worse", "not comparable") for v in verdicts),
            "numbers that moved": len(changed),
            "not same": "; ".join(map(in_words, unlike)),
        }
