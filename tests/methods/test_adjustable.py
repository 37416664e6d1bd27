"""Options that may change between tasks: set after the start, they do what they do when a run begins with them."""

from __future__ import annotations

import pytest
import tiny

from clbench.config.options import convert, options_of
from clbench.registry import strategies

ADJUSTABLE = [(m, name) for m in tiny.METHODS for name, o in options_of(strategies[m]).items() if o.adjustable]
OTHERS = {"consolidation": "proximal"}  # stable whatever the strength


def sets_for(method: str) -> tuple[str, ...]:
    """Three tasks, so that what a first task remembers is used twice."""
    known = options_of(strategies[method])
    return ("stream.tasks=3", *(f"strategy.{n}={v}" for n, v in OTHERS.items() if n in known))


@pytest.mark.long
@pytest.mark.parametrize(("method", "name"), ADJUSTABLE)
def test_an_adjustable_option_set_after_the_start_is_as_one_given(method: str, name: str) -> None:
    given = {"lam": 30, "sparsity": 3, "prune": 90, "replay": 5, "beta": 4, "alpha": 4}[name]
    sets = sets_for(method)
    chosen = tiny.config(method, *sets, f"strategy.{name}={given}")
    asked = tiny.learn(tiny.started(chosen), chosen)
    plain = tiny.config(method, *sets)
    assert getattr(tiny.started(plain).strategy, name) != given
    trainer = tiny.started(plain)
    setattr(trainer.strategy, name, given)
    adjusted = tiny.learn(trainer, plain)
    assert tiny.same(tiny.weights(asked), tiny.weights(adjusted))
    assert not tiny.same(tiny.weights(asked), tiny.weights(tiny.train(method, *sets)))


@pytest.mark.parametrize(("method", "name"), ADJUSTABLE)
def test_an_adjustable_option_can_be_0_which_holds_nothing_back(method: str, name: str) -> None:
    assert convert(0.0, options_of(strategies[method])[name].annotation, name) == 0


def test_methods_that_hold_back_have_something_to_adjust() -> None:
    plain = {"finetuning", "sgd", "sgd-f", "joint", "gdumb", "xdg", "icarl", "wa", "dgr"}
    assert {method for method, _ in ADJUSTABLE} == set(tiny.METHODS) - plain


def test_what_is_counted_or_drawn_at_the_start_is_not_adjustable() -> None:
    for method in tiny.METHODS:
        for name in ("memory_size", "closed", "s_max", "gamma"):
            option = options_of(strategies[method]).get(name)
            assert option is None or not option.adjustable
