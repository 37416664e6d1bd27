"""Importance on some of a task's images: which, that they are a seed's own, and that results say so."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import finished, kill_after
from test_seeds_together import STOPPING

from clbench.config.options import options_of
from clbench.learn import importance
from clbench.registry import strategies
from clbench.streams.draws import generator

METHODS = [m for m in tiny.METHODS if "importance_samples" in options_of(strategies[m])]
SAMPLES = "strategy.importance_samples=20"
SEEDS = (0, 3, 4)


def test_methods_that_measure_importance_on_a_task_s_images_have_the_option() -> None:
    assert METHODS == ["anpyc", "ewc", "mas", "xdg-ewc"]


@pytest.mark.parametrize("method", METHODS)
def test_it_is_measured_on_images_that_each_seed_draws(method: str) -> None:
    trainer = tiny.train(method, SAMPLES, tasks=1)
    task = trainer.stream.tasks[0]
    found = importance.sensitivity(trainer, importance.sampled(trainer, task, 20))
    again = importance.sensitivity(trainer, importance.sampled(trainer, task, 20))
    for place, seed in enumerate((0, 1)):
        draws = generator(seed, "importance samples")
        each = tiny.one_sample_gradients(trainer, task, place, lambda logits, label: logits.square().sum())
        rounds = 3 if method == "anpyc" else 1  # it measures before each of two rounds too
        for n in range(rounds + 2):
            rows = torch.randperm(50, generator=draws)[:20].tolist()
            if n >= rounds:
                of_them = {name: torch.stack([each[r][name].abs() for r in rows]).mean(0) for name in each[0]}
                measured = (found, again)[n - rounds]
                assert tiny.close({k: t[place] for k, t in measured.items()}, of_them, 1e-4, 1e-6)


@pytest.mark.parametrize("samples", [50, 51, 10**6])
def test_as_many_as_there_are_is_all_of_them_and_draws_nothing(samples: int) -> None:
    drawn, plain = tiny.train("ewc", f"strategy.importance_samples={samples}"), tiny.train("ewc")
    assert tiny.same(tiny.weights(drawn), tiny.weights(plain))
    assert "importance samples" not in drawn.draws_of


@pytest.mark.long
@pytest.mark.parametrize("stopping", [(), STOPPING], ids=["plain", "stopping"])
@pytest.mark.parametrize("method", METHODS)
def test_seeds_together_equal_seeds_alone(method: str, stopping: tuple[str, ...]) -> None:
    together = tiny.train(method, SAMPLES, *stopping, seeds=SEEDS)
    for place, seed in enumerate(SEEDS):
        alone = tiny.train(method, SAMPLES, *stopping, seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone)), seed
        state = {name: t[place] for name, t in together.strategy.state().items()}
        assert tiny.same(state, {name: t[0] for name, t in alone.strategy.state().items()}), seed


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_draws_what_an_uninterrupted_one_draws(method: str, tmp_path: Path) -> None:
    chosen = tiny.config(method, SAMPLES, "stream.tasks=3")
    _, whole = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    _, resumed = finished(chosen, tmp_path / "killed")
    assert tiny.same(resumed, whole)


def test_the_number_is_in_the_configuration_and_absent_where_it_is_all() -> None:
    assert tiny.config("ewc", SAMPLES).as_dict()["strategy"]["importance_samples"] == 20
    assert "importance_samples" not in tiny.config("ewc").as_dict()["strategy"]
    assert tiny.config("ewc", SAMPLES).digest != tiny.config("ewc").digest
