"""What a method says it stores is what its state takes."""

from __future__ import annotations

from math import prod

import pytest
import tiny
from tiny import METHODS

from clbench.registry import strategies
from clbench.strategies import costs


@pytest.mark.parametrize("method", METHODS)
def test_the_stated_bytes_are_those_of_the_state(method: str) -> None:
    trainer = tiny.train(method, "stream.tasks=3", seeds=(0, 1))
    strategy, model, stream = trainer.strategy, trainer.model, trainer.stream
    images = getattr(strategy, "memory_size", 0)
    counts = {
        "shared weight": sum(p[0].numel() for p in model.shared.values()),
        "weight of its generator": strategy.own_weights(stream.input_shape),
        "connection": sum(p[0].numel() for p in model.shared.values() if p.dim() > 2),
        "hidden unit": sum(model.units),
        "stored image": images,
        "pixel of a stored image": images * prod(stream.input_shape),
        "output of a stored image": images * stream.outputs,
        "run": 1,
    }
    held = sum(t[0].numel() * t.element_size() for t in strategy.state().values())
    assert held == costs.total(strategies[method].stores, counts, len(stream.tasks))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_names_its_paper(method: str) -> None:
    assert strategies[method].paper


def test_what_hat_keeps_grows_with_the_tasks() -> None:
    trainer = tiny.train("hat", "stream.tasks=3", seeds=(0, 1))
    units = sum(trainer.model.units)
    assert [trainer.strategy.numbers(seen) for seen in range(4)] == [units * (1 + seen) for seen in range(4)]
    assert trainer.strategy.numbers(3) == sum(t[0].numel() for t in trainer.strategy.state().values())
