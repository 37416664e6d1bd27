"""Seeds trained as one program end where each ends alone, whatever else is switched on."""

from __future__ import annotations

import pytest
import tiny
from tiny import METHODS, QUADRATIC

from clbench.models.lift import batched
from clbench.registry import strategies
from clbench.strategies.exemplars import Exemplars

STOPPING = (
    "train.epochs=5",
    "train.lr=0.1",
    "train.batch_size=8",
    "train.weight_decay=0.01",
    "train.patience=1",
    "train.stop_on=validation",
    "stream.validation=0.5",
    "stream.limit=70",
    "network.dropout=0.2",
)
SWITCHES = {
    "plain": (),
    "dropout": ("network.dropout=0.5",),
    "adam": ("train.optimizer=adam", "train.lr=0.01"),
    "stopping": STOPPING,
    "kept": (*STOPPING, "train.optimizer=adam", "train.lr=0.01", "train.keep_optimizer=true"),
}
SEEDS = (0, 3, 4)
CALMER = {"hat": ("train.lr=0.02",)}  # at 0.1 it closes all of a tiny network's gates in the first epoch


def switched(method: str, switch: str) -> tuple[str, ...]:
    return (*SWITCHES[switch], *(CALMER.get(method, ()) if switch == "stopping" else ()))


@pytest.mark.long
@pytest.mark.parametrize(("switch", "method"), tiny.met(reversed(SWITCHES)))  # `kept` has most of the others in it
def test_seeds_together_equal_seeds_alone(method: str, switch: str) -> None:
    together = tiny.train(method, *switched(method, switch), seeds=SEEDS)
    for place, seed in enumerate(SEEDS):
        alone = tiny.train(method, *switched(method, switch), seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone)), seed
        state = {name: t[place] for name, t in together.strategy.state().items()}
        assert tiny.same(state, {name: t[0] for name, t in alone.strategy.state().items()}), seed
        kept = {name: t[place] for name, t in together.optimizer_state.items()}
        assert tiny.same(kept, {name: t[0] for name, t in alone.optimizer_state.items()}), seed


@pytest.mark.long
@pytest.mark.parametrize(("optimizer", "method"), tiny.met(("adam", "sgd"), 3, QUADRATIC))
def test_a_proximal_pull_leaves_seeds_that_stopped_where_they_are(method: str, optimizer: str) -> None:
    sets = (*STOPPING, f"train.optimizer={optimizer}", "strategy.consolidation=proximal")
    together = tiny.train(method, *sets, seeds=SEEDS)
    for place, seed in enumerate(SEEDS):
        alone = tiny.train(method, *sets, seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone)), seed


def test_a_seed_that_stopped_draws_no_label_for_rwalk_s_running_fisher() -> None:
    sets = (*STOPPING, "strategy.labels=true", "strategy.interval=2")
    together = tiny.train("rwalk", *sets, seeds=SEEDS)
    for place, seed in enumerate(SEEDS):
        state = {name: t[0] for name, t in tiny.train("rwalk", *sets, seeds=(seed,)).strategy.state().items()}
        assert tiny.same({name: t[place] for name, t in together.strategy.state().items()}, state), seed


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_the_seeds_above_do_stop_apart(method: str) -> None:
    chosen = tiny.config(method, *switched(method, "stopping"), seeds=SEEDS)
    trainer = tiny.started(chosen)
    seen = tiny.spied(trainer)
    tiny.learn(trainer, chosen)
    assert any(any(active) and not all(active) for active in seen)


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_the_batched_form_is_the_unrolled_one_to_rounding(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = 1 if issubclass(strategies[method], Exemplars) else None  # then rounding chooses among images
    unrolled = tiny.train(method, "network.dropout=0.3", tasks=tasks)
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = tiny.train(method, "network.dropout=0.3", tasks=tasks)
    assert lifted.model.run is batched
    for seed in (0, 1):
        assert tiny.close(tiny.weights(lifted, seed), tiny.weights(unrolled, seed), 1e-3, 1e-4)


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(method: str) -> None:
    once, again, other = (tiny.weights(tiny.train(method, seeds=(seed,))) for seed in (5, 5, 6))
    assert tiny.same(once, again)
    assert not any(once[name].equal(other[name]) for name in once)
