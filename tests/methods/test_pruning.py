"""Which weights ANPyC frees, when, and that they stay exactly zero while it retrains."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from torch import Tensor

from clbench.learn.pruning import lowest
from clbench.learn.trainer import Trainer
from clbench.models.params import Params, copies
from clbench.report.build.cells import cell, columns
from clbench.results import load
from clbench.run.machine import Machine
from clbench.run.schedule import run
from clbench.strategies.anpyc import ANPyC
from clbench.streams.task import Batch

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


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_pruned_weights_stay_zero_where_an_optimiser_keeps_its_momentum(optimizer: str) -> None:
    trainer = anpyc(f"train.optimizer={optimizer}", "train.keep_optimizer=true", "train.lr=0.01")
    strategy, model, looked = trainer.strategy, trainer.model, []
    assert isinstance(strategy, ANPyC)

    def look(samples: int) -> None:
        for name, cut in strategy.pruned.items():
            assert not model.params[name][cut].any()
            looked.append(int(cut.sum()))

    trainer.progress = look
    strategy.begin_task(trainer, trainer.stream.tasks[0])
    strategy.learn(trainer, trainer.stream.tasks[0])
    assert sum(looked) > 0


def pulled_to_ones(consolidation: str) -> Trainer:
    """At task 1, every weight important and drawn to an anchor of one, every other weight pruned."""
    trainer = anpyc(f"strategy.consolidation={consolidation}")
    strategy, model = trainer.strategy, trainer.model
    assert isinstance(strategy, ANPyC)
    strategy.begin_task(trainer, trainer.stream.tasks[1])
    strategy.omega = {name: torch.ones_like(p) for name, p in model.shared.items()}
    strategy.anchor = {name: torch.ones_like(p) for name, p in model.shared.items()}
    scores = {name: torch.rand(p.shape) for name, p in model.shared.items()}
    strategy.cut(model, scores, 50.0)
    for p in model.shared.values():
        p.grad = torch.full_like(p, 3.0)
    return trainer


def step_of(trainer: Trainer) -> Batch:
    none = torch.empty(2, 0)
    return Batch(none, none, trainer.stream.tasks[1], rate=0.1)


def test_a_proximal_pull_revives_no_pruned_weight() -> None:
    trainer = pulled_to_ones("proximal")
    strategy, model = trainer.strategy, trainer.model
    assert isinstance(strategy, ANPyC)
    before = copies(model.shared)
    strategy.after_step(model, step_of(trainer))
    for name, cut in strategy.pruned.items():
        assert not model.params[name][cut].any()
        assert (model.params[name] != before[name])[~cut].all()  # which the pull does move


def test_a_pruned_weight_has_no_gradient_where_the_pull_is_one() -> None:
    trainer = pulled_to_ones("gradient")
    strategy, model = trainer.strategy, trainer.model
    assert isinstance(strategy, ANPyC)
    strategy.edit_gradients(model, step_of(trainer))
    for name, cut in strategy.pruned.items():
        assert not model.params[name].grad[cut].any()
        assert model.params[name].grad[~cut].all()


def pruned_shares(trainer: Trainer, tasks: int) -> tuple[list[Tensor], list[int]]:
    """Of each task: the share of every seed, and the samples that one seed trained on."""
    shares, samples = [], []
    for task in trainer.stream.tasks[:tasks]:
        before = trainer.trained
        trainer.model.seen = task.index + 1
        trainer.strategy.begin_task(trainer, task)
        trainer.strategy.learn(trainer, task)
        trainer.strategy.end_task(trainer, task)
        shares.append(trainer.strategy.pruned_share())
        samples.append(trainer.trained - before)
    return shares, samples  # type: ignore[return-value]


@pytest.mark.parametrize("importance", ["entropy", "magnitude"])
def test_candidates_of_the_tensor_free_more_than_those_that_were_marked(importance: str) -> None:
    """Equation 9 and algorithm 1: the lowest of the tensor, and of these what every earlier task marked."""
    chosen = ("strategy.beta=20", "strategy.decay=1", "stream.limit=20", f"strategy.importance={importance}")
    marked, _ = pruned_shares(anpyc(*chosen), 3)
    trainer = anpyc(*chosen, "strategy.candidates=tensor")
    tensor, _ = pruned_shares(trainer, 3)
    assert torch.equal(marked[0], tensor[0])
    assert ((marked[1] < tensor[1]) & (tensor[1] < 0.2)).all()
    assert (marked[2] < tensor[2]).all()
    strategy = trainer.strategy
    assert isinstance(strategy, ANPyC)
    for name, free in strategy.free.items():
        assert not (strategy.pruned[name] & ~free).any()
        assert strategy.pruned[name].flatten(1).sum(1).max() <= int(0.2 * free[0].numel())


def test_the_lowest_of_the_tensor_are_intersected_with_what_is_marked() -> None:
    trainer = anpyc("strategy.candidates=tensor")
    strategy, model = trainer.strategy, trainer.model
    assert isinstance(strategy, ANPyC)
    name = "network.blocks.0.bias"
    strategy.free[name] = torch.arange(15).expand(2, -1) % 2 == 0
    found = strategy.marked(name, torch.arange(15.0).expand(2, -1), model.shared[name].detach(), 40.0)
    assert found[0].nonzero().flatten().tolist() == [0, 2, 4]


@pytest.mark.parametrize("candidates", ["marked", "tensor"])
@pytest.mark.parametrize("importance", ["entropy", "ewc"])
def test_a_round_that_cuts_nothing_trains_nothing(candidates: str, importance: str) -> None:
    """Together or alone: a seed that loses no weight in a round is not trained in it and draws no order."""
    sets = ("network.hidden=3,2", "strategy.beta=3", "strategy.step=1", "stream.limit=20", "strategy.decay=1")
    sets += (f"strategy.candidates={candidates}", f"strategy.importance={importance}")
    seeds = (0, 1, 2, 3)

    def learned(*mine: int) -> tuple[Trainer, list[int]]:
        trainer = tiny.started(tiny.config("anpyc", "stream.tasks=4", "train.epochs=1", *sets, seeds=mine))
        return trainer, pruned_shares(trainer, 4)[1]

    together, samples = learned(*seeds)
    all_rounds = 2 * (4 + 3 * 3)  # of two steps: each task's own and three a task that prunes
    assert all(together.steps < all_rounds)
    assert (len(set(together.steps.tolist())) > 1) == (candidates == "tensor")
    assert sum(samples) >= 10 * together.steps.max()  # seeds lose their last weight in different rounds
    assert together.model.active.all()
    for place, seed in enumerate(seeds):
        alone, _ = learned(seed)
        assert tiny.close(tiny.weights(alone), tiny.weights(together, place))
        assert alone.steps[0] == together.steps[place]


def test_the_estimate_counts_the_rounds_that_cut_something() -> None:
    trainer = anpyc("strategy.step=5", "strategy.beta=20", "network.hidden=15,7", "stream.limit=20")
    planned = [trainer.strategy.samples(task, trainer.stream, 1) for task in trainer.stream.tasks]
    assert pruned_shares(trainer, 4)[1] == planned
    assert planned[2] < 20 * (1 + len(trainer.strategy.shares(trainer.stream.tasks[2], trainer.stream)))  # type: ignore[attr-defined]


def test_where_rounds_are_all_the_training_each_of_them_trains() -> None:
    sets = ("strategy.pruning=greedy-without-pretraining", "strategy.beta=0.01", "stream.limit=20")
    trainer = anpyc(*sets)
    shares, samples = pruned_shares(trainer, 2)
    assert not torch.stack(shares).any()
    assert (
        samples == [20, 20] == [trainer.strategy.samples(t, trainer.stream, 1) for t in trainer.stream.tasks[:2]]
    )


@pytest.mark.parametrize("method", ["anpyc", "packnet"])
def test_a_result_holds_what_each_task_pruned(method: str, tmp_path: Path) -> None:
    result = run(tiny.config(method, "stream.limit=20", "train.epochs=1"), tmp_path, Machine())
    for each in load(next(tmp_path.rglob("*.json"))).runs:
        assert each.pruned == pytest.approx([0, 0.5, 0], abs=0.01)
    assert "candidates" not in result.config["strategy"]  # so that digests of earlier results stay
    plain = run(tiny.config("finetuning", "stream.limit=20", "train.epochs=1"), tmp_path, Machine())
    table = [cell(columns(["pruned"])[0], each, None) for each in (result, plain)]
    assert table[0].mean == pytest.approx(25, abs=0.5)
    assert "task by task" in table[0].notes[0]
    assert table[1].mean is None
    assert "prunes nothing" in table[1].notes[0]


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


@pytest.mark.parametrize(("accumulate", "expected"), [("sum", [4.0, 6.0, 2.0]), ("max", [3.0, 5.0, 2.0])])
def test_importance_of_tasks_is_added_up_or_the_largest_of_each_weight(
    accumulate: str, expected: list[float]
) -> None:
    method = ANPyC(accumulate=accumulate)  # type: ignore[arg-type]
    method.omega = {"w": torch.tensor([[1.0, 5.0, 0.0]])}
    method.add_importance({"w": torch.tensor([[3.0, 1.0, 2.0]])})
    assert method.omega["w"].tolist() == [expected]
