"""Rates by the field's names: what each epoch of a fit is trained at, against torch's schedulers and by hand."""

from __future__ import annotations

from math import cos, pi
from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import finished, kill_after
from torch.optim import lr_scheduler

from clbench.config.resolve import resolve_stored
from clbench.errors import UserError
from clbench.learn.trainer import Trainer

STEPPING = ("train.lr_step=2", "train.lr_gamma=0.5")


def rates(*sets: str, method: str = "finetuning", tasks: int = 1) -> list[float]:
    """Of every epoch."""
    chosen = tiny.config(method, "train.lr=0.05", *sets, stream="split-digits")
    trainer = tiny.started(chosen)
    found = spied(trainer)
    tiny.learn(trainer, chosen, tasks)
    return found


def spied(trainer: Trainer) -> list[float]:
    found: list[float] = []
    epoch = trainer.epoch

    def watched(task, split, turns, number, steps):
        found.append(turns[0].optimizer.torch.param_groups[0]["lr"])
        assert turns[0].optimizer.rate == pytest.approx(found[-1] / 0.1)  # what pulls go by; momentum 0.9
        return epoch(task, split, turns, number, steps)

    trainer.epoch = watched  # type: ignore[method-assign]
    return found


def of_torch(make, epochs: int) -> list[float]:
    p = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([p], lr=0.05)
    schedule, found = make(optimizer), []
    for _ in range(epochs):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def rising_then_cosine(optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    rise = lr_scheduler.LinearLR(optimizer, start_factor=1 / 3, total_iters=2)
    fall = lr_scheduler.CosineAnnealingLR(optimizer, T_max=5)
    return lr_scheduler.SequentialLR(optimizer, [rise, fall], milestones=[2])


CASES = {
    "as ever": (STEPPING, lambda o: lr_scheduler.StepLR(o, 2, 0.5)),
    "steps": ((*STEPPING, "train.schedule=steps"), lambda o: lr_scheduler.StepLR(o, 2, 0.5)),
    "milestones": (
        (*STEPPING, "train.lr_milestones=1,4,5"),
        lambda o: lr_scheduler.MultiStepLR(o, [1, 4, 5], 0.5),
    ),
    "cosine": ((*STEPPING, "train.schedule=cosine"), lambda o: lr_scheduler.CosineAnnealingLR(o, 7)),
    "warmup-cosine": (("train.schedule=warmup-cosine", "train.warmup=2"), rising_then_cosine),
    "constant": ((*STEPPING, "train.schedule=constant"), lambda o: lr_scheduler.ConstantLR(o, 1.0)),
}


@pytest.mark.parametrize("length", [("train.epochs=7",), ("train.iterations=25", "train.epochs=3")])
@pytest.mark.parametrize("case", CASES)
def test_the_rates_are_those_of_torch_s_schedulers(case: str, length: tuple[str, ...]) -> None:
    """25 steps are six epochs of four and one that is cut short: it counts as one."""
    sets, make = CASES[case]
    assert rates(*sets, *length, tasks=2) == of_torch(make, 7) * 2  # every fit begins anew


def test_rates_worked_by_hand() -> None:
    assert rates("train.schedule=cosine", "train.epochs=4") == pytest.approx(
        [0.05 * (1 + cos(pi * e / 4)) / 2 for e in range(4)]
    )
    assert rates("train.schedule=warmup-cosine", "train.epochs=5", "train.warmup=3") == pytest.approx(
        [0.0125, 0.025, 0.0375, 0.05, 0.025]
    )
    assert rates("train.schedule=warmup-cosine", "train.epochs=3") == pytest.approx([0.025, 0.05, 0.025])
    assert rates("train.schedule=warmup-cosine", "train.epochs=1") == [0.05]  # it never only rises
    assert rates("train.schedule=warmup-cosine", "train.epochs=2", "train.warmup=9") == [0.025, 0.05]
    milestones = ("train.lr_milestones=1,3", "train.lr_gamma=0.1", "train.epochs=4")
    assert rates(*milestones) == pytest.approx([0.05, 0.005, 0.005, 0.0005])


def test_a_method_s_own_fits_have_schedules_of_their_own_length() -> None:
    sets = ("train.epochs=3", "strategy.anpyc.retrain_epochs=2", "strategy.anpyc.retrain_rate=0.5")
    found = rates(*sets, "train.schedule=cosine", "strategy.anpyc.beta=20", method="anpyc")
    assert found == pytest.approx([0.05, 0.0375, 0.0125, 0.025, 0.0125])
    falls = rates("strategy.gdumb.epochs=6", "train.lr_milestones=1", "train.epochs=2", method="gdumb")
    assert falls == pytest.approx([0.05] * 3 + [0.005] * 3)  # at the same share of its six epochs


def test_a_bad_schedule_is_refused_in_one_line() -> None:
    for sets, words in (
        ("train.schedule=cosin", "train.schedule.*'steps', 'cosine', 'warmup-cosine' or 'constant'"),
        ("train.lr_milestones=3,0", "train.lr_milestones.*greater than or equal to 1"),
        ("train.warmup=-1", "train.warmup.*greater than or equal to 0"),
    ):
        with pytest.raises(UserError, match=words) as error:
            tiny.config("finetuning", sets)
        assert "\n" not in str(error.value)


def test_by_default_configurations_are_what_they_were() -> None:
    plain = tiny.config("finetuning")
    assert not {"schedule", "lr_milestones", "warmup"} & plain.as_dict()["train"].keys()
    same = ("train.schedule=steps", "train.warmup=1", "train.lr_milestones=[]")
    assert tiny.config("finetuning", *same).digest == plain.digest
    for other in ("train.schedule=cosine", "train.lr_milestones=2", "train.warmup=2"):
        chosen = tiny.config("finetuning", other)
        assert chosen.digest != plain.digest
        assert resolve_stored(chosen.as_dict(), Path("a.json")).digest == chosen.digest


SWITCHES = {
    "cosine": ("train.schedule=cosine", "train.epochs=4"),
    "iterations": ("train.schedule=warmup-cosine", "train.iterations=10"),
    "stopping": ("train.schedule=cosine", "train.epochs=6", "train.patience=1", "train.batch_size=8"),
    "kept": ("train.schedule=warmup-cosine", "train.optimizer=adam", "train.lr=0.01", "train.keep_optimizer=true"),
}


OTHERS = ("finetuning", "ewc", "anpyc", "gdumb", "icarl", "joint")


@pytest.mark.long
@pytest.mark.parametrize(("switch", "method"), tiny.met(SWITCHES, 3, OTHERS))
def test_seeds_together_and_resumed_are_those_alone_and_whole(method: str, switch: str, tmp_path: Path) -> None:
    sets = (*SWITCHES[switch], "stream.tasks=3")
    together = tiny.train(method, *sets, stream="split-digits", seeds=(0, 3))
    for place, seed in enumerate((0, 3)):
        alone = tiny.train(method, *sets, stream="split-digits", seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone))
    chosen = tiny.config(method, *sets, stream="split-digits")
    _, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    assert tiny.same(finished(chosen, tmp_path / "killed")[1], tensors)
