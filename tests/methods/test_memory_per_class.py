"""Memories that count images of each class instead of all."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import finished, kill_after

from clbench.config.options import options_of
from clbench.registry import strategies
from clbench.streams.task import Task

METHODS = [m for m in tiny.METHODS if "memory_per_class" in options_of(strategies[m])]
RESERVOIRS = ("agem", "derpp", "er", "er-ace")
THREE = ("stream.tasks=3", "strategy.memory_per_class=3")


def test_every_method_with_a_memory_has_both_ways_to_count() -> None:
    assert [m for m in tiny.METHODS if "memory_size" in options_of(strategies[m])] == METHODS
    assert {*RESERVOIRS, "gdumb", "icarl", "wa"} == set(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_by_default_configurations_are_what_they_were(method: str) -> None:
    plain = tiny.config(method)
    assert "memory_per_class" not in plain.as_dict()["strategy"]
    assert tiny.config(method, "strategy.memory_per_class=0").digest == plain.digest
    assert tiny.config(method, "strategy.memory_per_class=5").digest != plain.digest


WHERE = [("split-digits", "class"), ("split-digits", "task"), ("permuted-digits", "domain")]


def expected(task: Task) -> Counter:
    labels = Counter(task.train.labels.tolist())
    return Counter({(task.index, label): min(3, count) for label, count in labels.items()})


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("method", METHODS)
def test_of_every_class_of_every_task_there_are_so_many_images(method: str, where: tuple[str, str]) -> None:
    if where[1] not in strategies[method].scenarios:
        return
    chosen = tiny.config(method, *THREE, stream=where[0], scenario=where[1])
    trainer = tiny.started(chosen)
    stored, wanted = trainer.strategy.stored, Counter()
    for task in trainer.stream.tasks:
        tiny.learn_task(chosen, trainer, task)
        wanted += expected(task)
        for seed in (0, 1):
            kept = int(stored["filled" if "filled" in stored else "seen"][seed])
            x, y, owner = (stored[name][seed, :kept] for name in ("x", "y", "owner"))
            assert Counter(zip(owner.tolist(), y.tolist(), strict=True)) == wanted
            known = task.train.take(torch.arange(len(task.train))).flatten(1)
            for image, label in zip(x[owner == task.index].flatten(1), y[owner == task.index], strict=True):
                same = known.eq(image).all(1) & task.train.labels.eq(label)
                assert same.any()
    assert not stored["x"][0].equal(stored["x"][1])
    assert stored["x"].shape[1] == wanted.total()


@pytest.mark.parametrize("method", RESERVOIRS)
def test_in_the_first_task_there_is_nothing_to_replay(method: str) -> None:
    place = {"stream": "split-digits", "scenario": "class"}
    plain = tiny.train("finetuning", tasks=1, **place)
    found = tiny.train(method, "strategy.memory_per_class=3", tasks=1, **place)
    assert all(tiny.same(tiny.weights(found, seed), tiny.weights(plain, seed)) for seed in (0, 1))
    both = tiny.train(method, "strategy.memory_per_class=3", **place)
    assert not tiny.close(tiny.weights(both), tiny.weights(tiny.train("finetuning", **place)), 1e-2, 1e-3)


@pytest.mark.parametrize("scenario", ["task", "class"])
def test_derpp_keeps_the_outputs_of_the_end_of_the_task(scenario: str) -> None:
    trainer = tiny.train("derpp", *THREE, "network.dropout=0.3", tasks=2, stream="split-digits", scenario=scenario)
    stored, model, task = trainer.strategy.stored, trainer.model, trainer.stream.tasks[1]
    x, logits = stored["x"][:, 6:12], stored["logits"][:, 6:12]
    columns = slice(0, 4) if scenario == "class" else slice(2, 4)
    assert torch.allclose(logits[..., columns], model(x, task), 1e-5, 1e-6)
    assert logits.any(-1).all()
    assert not logits[..., 4:].any()


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_seeds_together_and_resumed_are_those_alone_and_whole(method: str, tmp_path: Path) -> None:
    together = tiny.train(method, *THREE, stream="split-digits", seeds=(0, 3))
    for place, seed in enumerate((0, 3)):
        alone = tiny.train(method, *THREE, stream="split-digits", seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone))
    chosen = tiny.config(method, *THREE, stream="split-digits", scenario="class")
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors)
