"""Methods with exemplars against their papers' formulas, written without the program."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
import torch
from test_replay import Plain, Remembered, mean, weights_of
from torch import Tensor, nn
from torch.nn import functional as F

from clbench.errors import UserError
from clbench.learn.memory import equal, herding
from clbench.learn.trainer import Trainer
from clbench.registry import models
from clbench.streams.task import Batch

WIDE = ("network.hidden=40,20", "strategy.memory_size=20")


def herded(features: np.ndarray, count: int) -> list[int]:
    """Rebuffi et al., algorithm 4, as it is printed."""
    mu = features.mean(0)
    chosen: list[int] = []
    for k in range(1, count + 1):
        best, nearest = -1, np.inf
        for row in range(len(features)):
            if row in chosen:
                continue
            p = (features[row] + sum(features[j] for j in chosen)) / k
            distance = np.linalg.norm(mu - p)
            if distance < nearest - 1e-12:
                best, nearest = row, distance
        chosen.append(best)
    return chosen


@pytest.mark.parametrize("shape", [(1, 3, 1), (12, 4, 12), (60, 9, 25)])
def test_herding_is_algorithm_4(shape: tuple[int, int, int]) -> None:
    rows, width, count = shape
    draws = torch.Generator().manual_seed(rows)
    features = F.normalize(torch.randn(rows, width, generator=draws, dtype=torch.float64).abs(), dim=1)
    found = herding(features, count).tolist()
    assert found == herded(features.numpy(), count)
    assert len(set(found)) == count


def test_herding_worked_by_hand() -> None:
    # the mean is 3: first 4, met before 2; then of (4 + x) / 2 the nearest, x = 2; then (6 + x) / 3 is 2 or 4
    assert herding(torch.tensor([[0.0], [4.0], [2.0], [6.0]]), 4).tolist() == [1, 2, 0, 3]


def test_every_class_has_the_same_share_rounded_down() -> None:
    def after(kept: list[int], offered: list[int], size: int) -> list[int]:
        return equal(torch.tensor(kept, dtype=torch.int64), torch.tensor(offered), size).tolist()

    assert after([], [100, 100], 21) == [10, 10]
    assert after([10, 10], [100, 3], 21) == [5, 5, 5, 3]
    assert after([5, 5, 5, 3], [100], 21) == [4, 4, 4, 3, 4]


def features_of(network: nn.Sequential, x: Tensor) -> Tensor:
    return F.normalize(network[1:5](x.flatten(1)).detach(), dim=1)


def images_of(trainer: Trainer, task: int, label: int) -> Tensor:
    train = trainer.stream.tasks[task].train
    return train.take((train.labels == label).nonzero().flatten())


def plain_of(trainer: Trainer, seed: int) -> Plain:
    return Plain(trainer, tiny.weights(trainer), seed, size=0, replay=0)


def lists_of(trainer: Trainer) -> dict[int, Tensor]:
    """The exemplars of each class of the only seed, in their order."""
    stored = trainer.strategy.stored
    x, y = (stored[name][0, : int(stored["filled"][0])] for name in ("x", "y"))
    return {label: x[y == label] for label in y.unique().tolist()}


@pytest.mark.parametrize("scenario", ["class", "task"])
@pytest.mark.parametrize("method", ["icarl", "wa"])
def test_exemplars_are_herded_in_the_network_s_features_and_lists_lose_their_tails(
    method: str, scenario: str
) -> None:
    chosen = tiny.config(method, *WIDE, "stream.tasks=3", stream="split-digits", scenario=scenario, seeds=(4,))
    trainer = tiny.started(chosen)
    expected: dict[int, Tensor] = {}
    for task in trainer.stream.tasks:
        tiny.learn_task(chosen, trainer, task)
        each = 20 // task.columns[1]
        expected = {label: kept[:each] for label, kept in expected.items()}
        network = plain_of(trainer, 4).network
        for label in range(*task.columns):
            x = images_of(trainer, task.index, label)
            order = herded(features_of(network, x).double().numpy(), each)
            expected[label] = x[order]
        found = lists_of(trainer)
        assert found.keys() == expected.keys()
        assert all(found[label].equal(kept) for label, kept in expected.items())
    assert all(len(kept) == 3 for kept in expected.values())


# -- training ---------------------------------------------------------------------------------------------------


def plain_icarl(plain: Plain, images: list[Remembered], task: int) -> Tensor:
    """Algorithm 3: a sigmoid an output; `logits` of an image is what the network said of it before the task."""
    losses = []
    for image in images:
        outputs = plain.network(image.x)[: plain.stream.tasks[task].columns[1]]
        target = torch.zeros(len(outputs))
        target[image.y] = 1.0
        old = plain.stream.tasks[task].columns[0]
        target[:old] = image.logits[:old].sigmoid()
        losses.append(-(target * outputs.sigmoid().log() + (1 - target) * (1 - outputs.sigmoid()).log()).sum())
    return mean(losses)


def plain_wa(plain: Plain, images: list[Remembered], task: int) -> Tensor:
    """(1 - λ) cross-entropy + λ distillation at a temperature of 2."""
    loss = mean(plain.cross_entropy(images, task))
    if task == 0:
        return loss
    losses = [
        -((image.logits[:2] / 2).softmax(0) * (plain.network(image.x)[:2] / 2).log_softmax(0)).sum()
        for image in images
    ]
    return 0.5 * loss + 0.5 * mean(losses)


def clip(plain: Plain, first: int, stop: int) -> None:
    with torch.no_grad():
        plain.network[5].weight[first:stop].clamp_(min=0)


def aligned(plain: Plain, task: int) -> None:
    """γ of two tasks of two classes."""
    head = plain.network[5]
    if task == 1:
        norms = head.weight.detach().norm(dim=1)
        with torch.no_grad():
            head.weight[2:4] *= (norms[0] + norms[1]) / (norms[2] + norms[3])


FORMULAS = {"icarl": plain_icarl, "wa": plain_wa}


@pytest.mark.parametrize("scenario", ["class", "task"])
@pytest.mark.parametrize("method", FORMULAS)
def test_two_tasks_end_where_the_paper_s_formula_does(method: str, scenario: str) -> None:
    chosen = tiny.config(method, *WIDE, "stream.tasks=2", stream="split-digits", scenario=scenario, seeds=(4,))
    trainer = tiny.started(chosen)
    plain = plain_of(trainer, 4)
    memory: list[Remembered] = []
    for task in trainer.stream.tasks:
        images = [*plain.images(task.index), *memory]
        for image in images:
            image.logits = plain.network(image.x).detach()
        optimizer = torch.optim.SGD(plain.network.parameters(), lr=0.05, momentum=0.9)
        for _ in range(2):
            for rows in torch.randperm(len(images), generator=plain.order).split(16):
                optimizer.zero_grad()
                FORMULAS[method](plain, [images[row] for row in rows.tolist()], task.index).backward()
                optimizer.step()
                if method == "wa":
                    clip(plain, *((0, task.columns[1]) if task.index else task.columns))
        if method == "wa":
            aligned(plain, task.index)
        tiny.learn_task(chosen, trainer, task)
        found = lists_of(trainer)
        memory = [Remembered(x, y, y // 2, torch.zeros(0)) for y, kept in found.items() for x in kept]
        assert len(memory) == 20
        assert tiny.close(tiny.weights(trainer), weights_of(plain.network), 1e-5, 1e-6)


def test_an_image_is_of_the_class_whose_exemplars_mean_is_nearest() -> None:
    for scenario in ("class", "task"):
        trainer = tiny.train(
            "icarl", *WIDE, "stream.tasks=3", stream="split-digits", scenario=scenario, seeds=(4,)
        )
        network, found = plain_of(trainer, 4).network, lists_of(trainer)
        means = {y: F.normalize(features_of(network, x).mean(0), dim=0) for y, x in found.items()}
        for task in trainer.stream.tasks:
            among = range(6) if scenario == "class" else range(*task.columns)
            x = task.test.take(torch.arange(len(task.test)))
            distances = torch.stack([(features_of(network, x) - means[y]).norm(dim=1) for y in among], 1)
            right = distances.argmin(1) + among[0] == task.test.labels
            assert trainer.score(task, task.test) == [pytest.approx(float(right.float().mean()), abs=1e-6)]
            outputs = trainer.strategy.outputs(trainer.model, x.unsqueeze(0), task)[0]
            assert torch.allclose(outputs, 1 - distances.square() / 2, atol=1e-5)


def test_before_a_task_was_learned_and_while_it_is_the_network_answers() -> None:
    trainer = tiny.started(tiny.config("icarl", *WIDE, stream="split-digits"))
    task = trainer.stream.tasks[0]
    x = task.test.take(torch.arange(9)).expand(2, *[-1] * 4)
    assert torch.equal(trainer.strategy.outputs(trainer.model, x, task), trainer.model(x, task))


# -- weight aligning --------------------------------------------------------------------------------------------


def test_new_weights_become_as_long_as_old_ones_and_nothing_else_changes() -> None:
    chosen = tiny.config("wa", *WIDE, "stream.tasks=3", stream="split-digits", scenario="class")
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=2)
    model, task = trainer.model, trainer.stream.tasks[2]
    with torch.no_grad():
        model.params["head.weight"][:, 4:6] *= torch.tensor([3.0, 0.2]).view(2, 1, 1)
    before = [tiny.weights(trainer, place) for place in (0, 1)]
    model.active = torch.tensor([True, False])
    trainer.strategy.align(model, task)
    after = tiny.weights(trainer, 0)
    norms = after["head.weight"].norm(dim=1)
    assert norms[4:6].mean() == pytest.approx(float(norms[:4].mean()), rel=1e-5)
    factor = after["head.weight"][4:6] / before[0]["head.weight"][4:6]
    assert torch.allclose(factor, factor[0, 0], 1e-4)  # γ is one number: it turns no weight
    after["head.weight"][4:6] = before[0]["head.weight"][4:6]
    assert tiny.same(after, before[0])
    assert tiny.same(tiny.weights(trainer, 1), before[1])  # a seed that has stopped


def test_the_share_of_distillation_is_that_of_old_classes() -> None:
    chosen = tiny.config("wa", *WIDE, "stream.tasks=3", stream="split-digits", scenario="class", seeds=(4,))
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=2)
    strategy, task = trainer.strategy, trainer.stream.tasks[2]
    trainer.model.seen = 3
    strategy.old, united = 4, strategy.united(task)
    strategy.recorded = strategy.record(trainer, united)
    index = torch.arange(47, 53).unsqueeze(0)
    x, y, owner = united.train[index]
    batch = Batch(x, y, united, owner, index)
    loss, plain = (f(trainer.model, batch) for f in (strategy.loss, strategy.loss_on))
    p = (strategy.recorded[:, 47:53] / 2).softmax(-1)
    entropy = -(p * p.log()).sum(-1).mean()  # nothing has changed yet, so that distillation is the entropy
    assert torch.allclose(loss, plain / 3 + entropy * 2 / 3, 1e-4)
    assert owner.tolist() == [[2, 2, 2, 0, 0, 0]]


@pytest.mark.parametrize("method", FORMULAS)
def test_a_class_without_images_has_no_exemplars_and_stops_nothing(method: str) -> None:
    trainer = tiny.train(method, "stream.limit=1", *WIDE, stream="split-digits", scenario="class")
    assert trainer.strategy.stored["filled"].tolist() == [2, 2]
    assert all(score is not None for task in trainer.stream.tasks for score in trainer.score(task, task.test))


# -- refusals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", FORMULAS)
def test_a_memory_smaller_than_the_classes_is_refused(method: str) -> None:
    with pytest.raises(UserError, match=r"strategy.memory_size=9 leaves a class of 10 without an image; .* 10$"):
        tiny.started(tiny.config(method, "stream.tasks=5", "strategy.memory_size=9", stream="split-digits"))


@pytest.mark.parametrize("method", FORMULAS)
def test_a_model_without_features_is_refused(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    offers = models["classifier"].offers
    monkeypatch.setattr(models["classifier"], "offers", property(lambda self: offers.fget(self) - {"features"}))
    with pytest.raises(UserError, match=rf"^{method} needs the features of an image below the heads, .* none$"):
        tiny.started(tiny.config(method, stream="split-digits"))
