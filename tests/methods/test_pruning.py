"""Which weights ANPyC frees, when, and that they stay exactly zero while it retrains."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny
import torch
from torch import Tensor

from clbench.learn.params import Params
from clbench.learn.pruning import lowest
from clbench.learn.trainer import Trainer
from clbench.strategies.anpyc import ANPyC

#                 0    1    2    3    4    5    6    7    8    9
SCORES = [[0.0, 5.0, 0.0, 0.0, 3.0, 1.0, 9.0, 0.0, 2.0, 1.0]]
WEIGHTS = [[0.3, 0.1, 0.2, 0.2, 0.9, 0.5, 0.4, 0.1, 0.7, 0.5]]


def dropped(percent: float, candidates: list[int] | None = None) -> list[int]:
    scores, ties = torch.tensor(SCORES), torch.tensor(WEIGHTS)
    free = torch.zeros(1, 10, dtype=torch.bool)
    free[0, list(range(10)) if candidates is None else candidates] = True
    return lowest(scores, free, percent, ties)[0].nonzero().flatten().tolist()


def test_ties_go_by_weight_and_then_by_position() -> None:
    # Score 0: positions 7 (0.1), 2 and 3 (0.2, by position), 0 (0.3); then score 1: 5 and 9 (0.5, by position).
    ranked = [7, 2, 3, 0, 5, 9, 8, 4, 1, 6]
    for count in range(11):
        assert dropped(10 * count) == sorted(ranked[:count])


def test_the_quota_is_rounded_down_and_counts_candidates_alone() -> None:
    assert dropped(39.9) == [2, 3, 7]
    assert dropped(9.9) == []
    assert dropped(50, [1, 4, 5, 6, 8]) == [5, 8]
    assert dropped(100, [1, 6]) == [1, 6]
    assert dropped(100, []) == []


def test_a_share_that_is_a_whole_number_of_weights_is_not_lost_to_rounding() -> None:
    scores = torch.arange(1000.0).view(1, 1000)
    for percent in (0.1, 28.7, 29.0, 57.3, 58.0):  # 28.999999 in floating point, some of them
        assert lowest(scores, scores >= 0, percent).sum() == round(10 * percent)


def test_seeds_are_ranked_apart() -> None:
    scores = torch.tensor([[1.0, 2.0], [200.0, 100.0]])
    assert lowest(scores, scores > 0, 50).tolist() == [[True, False], [False, True]]


# -- over tasks -------------------------------------------------------------------------------------------------


def anpyc(*sets: str) -> Trainer:
    return tiny.started(tiny.config("anpyc", "stream.tasks=4", "train.epochs=1", *sets))


def test_shares_grow_by_step_up_to_beta_which_decays_and_the_last_task_is_left_whole() -> None:
    trainer = anpyc()
    strategy = replace(trainer.strategy, step=20.0)
    shares = [strategy.shares(task, trainer.stream) for task in trainer.stream.tasks]
    assert shares == [[20, 40, 50], [20, 40], [20, pytest.approx(32)], []]
    strategy = replace(strategy, step=10.0, prune_last=True)
    shares = [strategy.shares(task, trainer.stream) for task in trainer.stream.tasks]
    assert shares[0] == [10, 20, 30, 40, 50]
    assert [s[-1] for s in shares] == [pytest.approx(b) for b in (50, 40, 32, 25.6)]
    assert replace(strategy, pruning="none").shares(trainer.stream.tasks[0], trainer.stream) == []
    assert replace(strategy, beta=0.0).shares(trainer.stream.tasks[0], trainer.stream) == []


def test_what_is_pruned_was_pruned_by_every_earlier_task_and_masks_are_lifted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trainer = anpyc("train.batch_size=50")
    strategy, model = trainer.strategy, trainer.model
    assert isinstance(strategy, ANPyC)
    scored: list[Params] = []
    g = torch.Generator().manual_seed(0)

    def measured(trainer: Trainer, task: object) -> Params:
        scored.append({n: torch.rand(p.shape, generator=g) for n, p in model.shared.items()})
        return scored[-1]

    monkeypatch.setattr(strategy, "measure", measured)
    before: dict[str, Tensor] | None = None
    for task in trainer.stream.tasks[:3]:
        strategy.begin_task(trainer, task)
        assert strategy.pruned == {}
        strategy.learn(trainer, task)
        share = strategy.shares(task, trainer.stream)[-1]
        for name, p in model.shared.items():
            cut = strategy.pruned[name]
            assert not p[cut].any()
            assert torch.equal(strategy.free[name], cut)
            earlier = torch.ones_like(cut) if before is None else before[name]
            assert before is None or p[earlier & ~cut].count_nonzero() > 0  # free again, and trained
            assert not (cut & ~earlier).any()
            for seed in range(2):
                assert cut[seed].sum() == int(share * int(earlier[seed].sum()) / 100)
                if cut[seed].any():
                    kept = scored[-1][name][seed][earlier[seed] & ~cut[seed]]
                    assert scored[-1][name][seed][cut[seed]].max() < kept.min()
        before = {n: cut.clone() for n, cut in strategy.pruned.items()}


@pytest.mark.parametrize("consolidation", ["gradient", "proximal"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "rmsprop"])
def test_pruned_weights_are_exactly_zero_after_every_step(optimizer: str, consolidation: str) -> None:
    sets = (f"train.optimizer={optimizer}", "train.lr=0.01", "train.weight_decay=0.1", "strategy.lam=0.1")
    trainer = anpyc(*sets, f"strategy.consolidation={consolidation}")
    strategy, model = trainer.strategy, trainer.model
    assert isinstance(strategy, ANPyC)
    counts = []

    def look(samples: int) -> None:
        for name, cut in strategy.pruned.items():
            assert not model.params[name][cut].any()
        counts.append(sum(int(cut.sum()) for cut in strategy.pruned.values()))

    trainer.progress = look
    for task in trainer.stream.tasks[:2]:
        strategy.begin_task(trainer, task)
        strategy.learn(trainer, task)
        strategy.end_task(trainer, task)
    whole = sum(p.numel() for p in model.shared.values())
    assert {0, int(0.25 * whole)} <= {c if c == 0 else round(c / whole, 2) * whole // 1 for c in counts}


def test_greedy_without_pretraining_and_no_pruning_train_as_long_as_they_say() -> None:
    for pruning, epochs in (("greedy", 3), ("greedy-without-pretraining", 2), ("random", 3), ("none", 1)):
        trainer = anpyc(f"strategy.pruning={pruning}", "stream.limit=20")
        task = trainer.stream.tasks[0]
        trainer.strategy.begin_task(trainer, task)
        trainer.strategy.learn(trainer, task)
        assert trainer.trained == epochs * 20 == trainer.strategy.samples(task, trainer.stream, 1)


def test_a_random_mask_grows_within_a_task() -> None:
    trainer = anpyc("strategy.pruning=random")
    strategy, cuts = trainer.strategy, []
    assert isinstance(strategy, ANPyC)
    trainer.progress = lambda samples: cuts.append({n: cut.clone() for n, cut in strategy.pruned.items()})
    strategy.begin_task(trainer, trainer.stream.tasks[0])
    strategy.learn(trainer, trainer.stream.tasks[0])
    first, last = next(c for c in cuts if c), cuts[-1]
    for name in last:
        assert (last[name] | ~first[name]).all()
        assert last[name].sum() > first[name].sum()
