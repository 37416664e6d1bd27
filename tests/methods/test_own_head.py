"""A step costs what one head does and what is kept between steps: neither changes a number."""

import pytest
import tiny
import torch

from clbench.learn.trainer import Trainer
from clbench.registry import strategies
from clbench.strategies import quadratic

OWN = [m for m in tiny.METHODS if strategies[m].own_head]


@pytest.mark.long
@pytest.mark.parametrize("method", OWN)
@pytest.mark.parametrize(
    "more", [(), ("train.optimizer=adam", "train.keep_optimizer=true", "train.weight_decay=0.01")]
)
def test_weights_are_those_of_steps_over_all_heads(method, more, monkeypatch):
    chosen = tiny.config(method, "stream.tasks=3", *more)
    sizes = []
    turns = Trainer.turns

    def counted(self, *arguments):
        found = turns(self, *arguments)
        sizes.append([p.shape[1] for turn in found for name, p in turn.trainable.items() if name == "head.weight"])
        return found

    monkeypatch.setattr(Trainer, "turns", counted)
    mine = tiny.learn(tiny.started(chosen), chosen)
    assert {size for each in sizes for size in each} == {10}
    sizes.clear()
    monkeypatch.setattr(strategies[method], "own_head", False)
    whole = tiny.learn(tiny.started(chosen), chosen)
    assert {size for each in sizes for size in each} == {30}
    for name, t in whole.model.state().items():
        assert torch.equal(mine.model.state()[name], t), name


@pytest.mark.parametrize("method", ["ewc", "mas", "si"])
def test_a_pull_is_the_same_where_there_is_no_room_to_keep_its_factors(method, monkeypatch):
    chosen = tiny.config(method, "stream.tasks=3", "strategy.consolidation=proximal", "strategy.lam=10")
    roomy = tiny.learn(tiny.started(chosen), chosen)
    monkeypatch.setattr(quadratic, "SMALL", 2**31)
    tight = tiny.learn(tiny.started(chosen), chosen)
    assert [trainer.strategy.keeps_k for trainer in (roomy, tight)] == [True, False]
    assert tiny.same(roomy.model.params, tight.model.params)
