"""Memories against their papers' samplers, one image after the other, and against chance."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from types import SimpleNamespace

import pytest
import tiny
import torch
from scipy import stats
from torch import Tensor

from clbench.learn.memory import Balanced, Reservoir, offered, quotas
from clbench.run.machine import Machine
from clbench.run.train import build_stream
from clbench.streams.draws import generator
from clbench.streams.task import Stream

UNLIKELY = 1e-3  # the draws are those of fixed seeds: these tests always pass or always fail


def generators(seeds: int) -> list[torch.Generator]:
    return [generator(seed, "memory") for seed in range(seeds)]


def numbered(first: int, count: int, seeds: int) -> dict[str, Tensor]:
    """Images of one pixel that say which they are."""
    y = torch.arange(first, first + count).expand(seeds, -1)
    return {"x": y.unsqueeze(2).float(), "y": y, "owner": y // 10, "logits": -y.unsqueeze(2).float()}


def filled(seeds: int, size: int, batches: list[int]) -> Reservoir:
    memory = Reservoir(seeds, size, (1,), tiny.CPU, outputs=1)
    everyone, draws, met = torch.ones(seeds, dtype=torch.bool), generators(seeds), 0
    for count in batches:
        memory.add(numbered(met, count, seeds), everyone, draws)
        met += count
    return memory


@pytest.mark.parametrize("batches", [[1] * 37, [5, 16, 16], [37], [3, 4, 29, 1]])
def test_every_image_is_equally_likely_to_be_kept(batches: list[int]) -> None:
    seeds, size, met = 4000, 6, 37
    kept = torch.bincount(filled(seeds, size, batches).tensors["y"].flatten(), minlength=met)
    assert kept.sum() == seeds * size
    share = (
        size / met
    )  # drawn without replacement: each count varies by share · (1 - share), they sum to a constant
    distance = ((kept - seeds * share) ** 2).sum() / (seeds * share * (1 - share)) * (met - 1) / met
    assert stats.chi2.sf(float(distance), met - 1) > UNLIKELY


@pytest.mark.parametrize("batches", [[1] * 8, [8], [2, 6], [3, 5], [1, 4, 3]])
def test_every_pair_is_equally_likely_to_be_kept(batches: list[int]) -> None:
    pairs = Counter(tuple(sorted(y)) for y in filled(4000, 2, batches).tensors["y"].tolist())
    assert pairs.keys() <= set(combinations(range(8), 2))
    assert stats.chisquare([pairs[pair] for pair in combinations(range(8), 2)]).pvalue > UNLIKELY


def one_by_one(seed: int, size: int, batches: list[int]) -> list[int]:
    """Algorithm R as Vitter prints it, with a batch's random numbers drawn together."""
    kept: list[int] = []
    draws, n = generator(seed, "memory"), 0
    for count in batches:
        for u in torch.rand(count, dtype=torch.float64, generator=draws).tolist():
            place = int(u * (n + 1))
            if n < size:
                kept.append(n)
            elif place < size:
                kept[place] = n
            n += 1
    return kept


@pytest.mark.parametrize("batches", [[3] * 40, [50, 50], [200], [7, 100, 1, 60]])
def test_the_reservoir_of_batches_is_the_one_of_single_images(batches: list[int]) -> None:
    memory = filled(20, 9, batches).tensors
    for seed in range(20):
        expected = torch.tensor(one_by_one(seed, 9, batches))
        assert torch.equal(memory["y"][seed], expected)
        assert torch.equal(memory["x"][seed, :, 0], expected.float())
        assert torch.equal(memory["logits"][seed, :, 0], -expected.float())
        assert torch.equal(memory["owner"][seed], expected // 10)
    assert memory["seen"].eq(sum(batches)).all()


def test_a_seed_that_stopped_neither_draws_nor_changes() -> None:
    memory, draws = filled(3, 4, [10]), generators(3)
    before = {name: t.clone() for name, t in memory.tensors.items()}
    states = [g.get_state() for g in draws]
    active = torch.tensor([True, False, True])
    for first in range(10, 50, 10):
        memory.add(numbered(first, 10, 3), active, draws)
        memory.draw(2, active, draws)
    for name, t in memory.tensors.items():
        assert torch.equal(t[1], before[name][1])
        assert not torch.equal(t[0], before[name][0])
    assert torch.equal(draws[1].get_state(), states[1])
    assert not torch.equal(draws[0].get_state(), states[0])


def test_a_memory_batch_has_no_image_twice_and_each_as_often() -> None:
    memory, draws, counts = filled(4, 9, [6]), generators(4), torch.zeros(6)
    everyone = torch.ones(4, dtype=torch.bool)
    for _ in range(500):
        drawn = memory.draw(4, everyone, draws)
        assert drawn["y"].shape == (4, 4)
        assert all(len(set(y)) == 4 for y in drawn["y"].tolist())
        assert torch.equal(drawn["x"][..., 0], drawn["y"].float())
        assert torch.equal(drawn["logits"][..., 0], -drawn["y"].float())
        counts += torch.bincount(drawn["y"].flatten(), minlength=6)
    assert stats.chisquare(counts).pvalue > UNLIKELY
    everything = memory.draw(100, everyone, draws)
    assert everything["y"].sort().values.tolist() == [[0, 1, 2, 3, 4, 5]] * 4
    assert memory.draw(0, everyone, draws) is None
    assert Reservoir(1, 5, (1,), tiny.CPU).draw(3, everyone[:1], draws) is None


# -- the balanced memory ----------------------------------------------------------------------------------------


def stream(name: str, *sets: str, scenario: str = "task") -> Stream:
    return build_stream(tiny.config("gdumb", *sets, stream=name, scenario=scenario), Machine(), tiny.CPU)


def balanced(tasks: Stream, size: int, seeds: int) -> Balanced:
    memory, draws = Balanced(seeds, size, tasks, tiny.CPU, quotas), generators(seeds)
    for task in tasks.tasks:
        memory.add(task, torch.ones(seeds, dtype=torch.bool), draws)
    return memory


def greedy(tasks: Stream, size: int, seed: int) -> Counter:
    """Prabhu et al.'s algorithm 1, an image at a time: how many of each (task, label) it ends with."""
    held: Counter = Counter()
    draws = generator(seed, "memory")
    for task in tasks.tasks:
        order = torch.randperm(len(task.train), generator=draws)
        for label in task.train.labels[order].tolist():
            name = (task.index, label)
            if name not in held or held[name] < size / len(held):
                if held.total() >= size:
                    held[max(held, key=lambda c: held[c])] -= 1  # of the largest the first met
                held[name] += 1
    return held


def of_each_task(counts: Counter) -> list[list[int]]:
    """A task's classes come mixed: which of them gets what a share leaves over is up to their order."""
    last = max(task for task, _ in counts)
    return [sorted(n for (owner, _), n in counts.items() if owner == t) for t in range(last + 1)]


@pytest.mark.parametrize("size", [10, 11, 23, 37, 60, 100, 1000])
@pytest.mark.parametrize(
    "where", [("split-digits", "task"), ("split-digits", "class"), ("permuted-digits", "domain")]
)
def test_class_counts_are_those_of_the_greedy_sampler(where: tuple[str, str], size: int) -> None:
    name, scenario = where
    tasks = stream(name, "stream.tasks=4", "stream.limit=120", scenario=scenario)
    memory = balanced(tasks, size, 2)
    for seed in (0, 1):
        kept = int(memory.tensors["filled"][seed])
        owner, y = (memory.tensors[n][seed, :kept].tolist() for n in ("owner", "y"))
        found, expected = Counter(zip(owner, y, strict=True)), greedy(tasks, size, seed)
        # a class that was pushed out keeps a zero with the one, no entry with the other
        assert of_each_task(found + Counter()) == of_each_task(+expected)


def test_quotas_worked_by_hand() -> None:
    def after(kept: list[int], offered: list[int], size: int) -> list[int]:
        return quotas(torch.tensor(kept, dtype=torch.int64), torch.tensor(offered), size).tolist()

    assert after([], [100, 100], 10) == [5, 5]
    assert after([5, 5], [100, 100], 10) == [2, 2, 3, 3]
    assert after([], [100, 3], 10) == [5, 3]  # never more than the share, as the paper's sampler
    assert after([5, 3], [100, 1], 10) == [3, 3, 3, 1]
    assert after([1, 1], [9, 9], 3) == [0, 1, 1, 1]


def test_the_balanced_memory_holds_images_of_the_tasks_each_once() -> None:
    tasks = stream("permuted-digits", "stream.tasks=3")
    memory = balanced(tasks, 45, 2)
    split = memory.split(3)
    assert len(split) == 45
    index = torch.arange(45).flip(0).expand(2, -1)
    x, y, owner = split[index]
    for seed in (0, 1):
        met = set()
        for image, label, t in zip(x[seed], y[seed].tolist(), owner[seed].tolist(), strict=True):
            train = tasks.tasks[t].train
            same = train.take(torch.arange(len(train))).eq(image).all(1) & train.labels.eq(label)
            assert same.sum() == 1
            met.add((t, int(same.nonzero())))
        assert len(met) == 45
    assert not torch.equal(x[0], x[1])


def test_of_a_class_every_image_is_equally_likely_to_be_kept() -> None:
    tasks = stream("split-digits", "stream.tasks=2", "stream.limit=24")
    seeds = 1500
    memory = balanced(tasks, 14, seeds).tensors
    for task in tasks.tasks:
        images = task.train.take(torch.arange(len(task.train)))
        for label in range(*task.columns):
            mine = images[task.train.labels == label].flatten(1)
            shown = memory["x"][memory["y"] == label].flatten(1)
            kept = (shown.unsqueeze(1) == mine).all(2).sum(0)
            share = len(shown) / seeds / len(mine)
            assert 0.1 < share < 0.6
            distance = ((kept - seeds * share) ** 2).sum() / (seeds * share * (1 - share))
            assert stats.chi2.sf(float(distance * (len(mine) - 1) / len(mine)), len(mine) - 1) > UNLIKELY


def test_a_class_of_which_a_task_has_no_image_is_counted_as_none() -> None:
    task = SimpleNamespace(columns=(2, 5), train=SimpleNamespace(labels=torch.tensor([2, 3, 2])))
    assert offered(task).tolist() == [2, 1, 0]  # type: ignore[arg-type]
