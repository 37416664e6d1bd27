"""Settings under which a method cannot do what it is for: refused at the start, or said in one line."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import tiny
import torch

from clbench.config.resolve import resolve
from clbench.errors import UserError
from clbench.registry import strategies
from clbench.run.machine import Machine
from clbench.run.schedule import run
from clbench.strategies.hat import HAT


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (
            ("train.batch_size=50",),
            "one batch .50 images, train.batch_size=50.: take smaller batches, more images$",
        ),
        (
            ("train.batch_size=500", "train.iterations=20"),
            "train.iterations=20.: take smaller .* or more iterations",
        ),
        (("train.iterations=1",), "train.batch_size=16, train.iterations=1"),
    ],
)
def test_hat_is_refused_where_its_gates_never_close(sets: tuple[str, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words) as error:
        run(tiny.config("hat", *sets), tmp_path, Machine())
    assert str(error.value).startswith("hat closes its gates from batch to batch of an epoch")
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("sets", [("train.batch_size=49",), ("train.iterations=5",), ("train.iterations=2",)])
def test_hat_learns_where_an_epoch_has_two_batches_whatever_the_last_one_has(sets: tuple[str, ...]) -> None:
    trainer = tiny.started(tiny.config("hat", *sets))
    task, slopes = trainer.stream.tasks[0], []
    strategy = trainer.strategy
    assert isinstance(strategy, HAT)
    strategy.begin_task(trainer, task)
    rising = strategy.slope
    strategy.slope = lambda batch: slopes.append(rising(batch)) or slopes[-1]  # type: ignore[method-assign, func-returns-value]
    trainer.fit(task)
    assert min(slopes) == pytest.approx(1 / 400)
    assert max(slopes) == pytest.approx(400)


def test_hat_needs_units_to_gate() -> None:
    with pytest.raises(UserError, match="hat gates hidden units, and this network has none"):
        tiny.started(tiny.config("hat", "network.hidden=[]"))


def test_a_task_of_hat_that_opens_no_unit_is_named_with_its_seed() -> None:
    chosen = tiny.config("hat", seeds=(3, 5))
    trainer = tiny.started(chosen)
    strategy, first = trainer.strategy, trainer.stream.tasks[0]
    assert isinstance(strategy, HAT)
    with torch.no_grad():
        for e in strategy.embeddings.values():
            e.abs_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strategy.end_task(trainer, first)
    with torch.no_grad():
        strategy.embeddings["0/1"][1] = -1
    with pytest.warns(
        UserWarning, match=r"hat opens no unit of a layer in task permutation 1, seed 5: .*sparsity"
    ):
        strategy.end_task(trainer, first)
    x = first.train.take(torch.arange(9)).expand(2, 9, -1)
    answers = strategy.outputs(trainer.model, x, first)
    assert torch.equal(answers[1], answers[1, :1].expand_as(answers[1]))  # the bias alone
    assert not torch.equal(answers[0], answers[0, :1].expand_as(answers[0]))
    trainer.model.active[1] = False  # it has diverged, which is said elsewhere
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        strategy.end_task(trainer, first)


@pytest.mark.parametrize("method", [m for m in tiny.METHODS if m.startswith("xdg")])
def test_xdg_is_refused_where_it_closes_every_unit_of_a_layer(method: str) -> None:
    words = r"strategy.closed=0.95 closes all 7 units of layer 2; take less than 0.9286, or more units"
    with pytest.raises(UserError, match=words):
        tiny.started(tiny.config(method, "strategy.closed=0.95"))
    trainer = tiny.started(tiny.config(method, "strategy.closed=0.92"))
    assert all(gate.any(1).all() for gate in trainer.strategy.open.values())  # type: ignore[attr-defined]


def test_packnet_says_when_a_task_finds_no_weight() -> None:
    chosen = tiny.config("packnet", "strategy.prune=0", "train.epochs=1")
    trainer = tiny.learn(tiny.started(chosen), chosen, 1)
    with pytest.warns(UserWarning, match=r"packnet has no weight left for task permutation 2: .* strategy.prune"):
        trainer.strategy.begin_task(trainer, trainer.stream.tasks[1])


@pytest.mark.parametrize(
    ("method", "option"),
    [
        ("ewc", "strategy.gamma=-1"),
        ("ewc", "strategy.gamma=1.5"),
        ("xdg-ewc", "strategy.gamma=nan"),
        ("anpyc", "strategy.beta=100"),
        ("anpyc", "strategy.decay=1.2"),
        ("anpyc", "strategy.decay=0"),
        ("anpyc", "strategy.step=1e-9"),
        ("anpyc", "strategy.step=200"),
        ("packnet", "strategy.prune=100"),
        ("hat", "strategy.s_max=0.5"),
        ("hat", "strategy.s_max=1e20"),
        ("ewc", "stream.seed=-1"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_one_line(method: str, option: str) -> None:
    name = option.partition("=")[0]
    with pytest.raises(UserError, match=rf"{name}: should be .*, got") as error:
        resolve(method, "split-digits", sets=(option,))
    assert "\n" not in str(error.value)


def test_der_s_logits_are_said_to_be_of_the_first_epoch() -> None:
    assert "first epoch" in " ".join((strategies["derpp"].__doc__ or "").split())
