"""What holds for every registered method: resuming, plain training in task 1, all scenarios, divergence."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
from tiny import METHODS, QUADRATIC, SEQUENTIAL
from torch import Tensor, nn

from clbench.config.resolve import SCENARIOS, Config
from clbench.errors import UserError
from clbench.models.params import Params
from clbench.registry import networks, strategies
from clbench.results import Run
from clbench.run import checkpoint
from clbench.run.experiment import News
from clbench.run.machine import Machine
from clbench.run.train import Train
from clbench.streams.draws import generator
from clbench.streams.task import Task

MACHINE = Machine("cpu", keep="all")


class Killed(Exception):
    pass


def finished(chosen: Config, folder: Path) -> tuple[list[Run], Params]:
    """The runs, and everything in the checkpoint of the last stage."""
    runs = Train(chosen).group(chosen.seeds, folder).learn(MACHINE, lambda news: None)
    kept = Train(chosen).group(chosen.seeds, folder).kept()
    return runs, checkpoint.read(kept[max(kept)]).tensors


def kill_after(chosen: Config, folder: Path, stage: int) -> None:
    def tell(news: News) -> None:
        if news.runs is not None and len(news.runs[0].matrix) == stage + 1:
            raise Killed

    with pytest.raises(Killed):
        Train(chosen).group(chosen.seeds, folder).learn(MACHINE, tell)


KEPT_ADAM = ("train.keep_optimizer=true", "train.optimizer=adam", "train.lr=0.01")


@pytest.mark.long
@pytest.mark.parametrize(("optimizer", "method"), tiny.met([KEPT_ADAM, ()]))
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(
    method: str, optimizer: tuple[str, ...], tmp_path: Path
) -> None:
    chosen = tiny.config(method, "stream.tasks=3", "network.dropout=0.5", "train.patience=1", *optimizer)
    runs, tensors = finished(chosen, tmp_path / "whole")
    assert ("optimizer/exp_avg/network.blocks.0.weight" in tensors) == bool(optimizer)
    for stage in (0, 1, 2):
        folder = tmp_path / f"killed after {stage}"
        kill_after(chosen, folder, stage)
        resumed, found = finished(chosen, folder)
        assert [run.matrix for run in resumed] == [run.matrix for run in runs]
        assert tiny.same(found, tensors), [
            n for n in tensors if not tensors[n].equal(found.get(n, tensors[n] + 1))
        ]


class Dropped(nn.Module):
    """nn.Dropout on a generator of its own."""

    def __init__(self, share: float, draws: torch.Generator) -> None:
        super().__init__()
        self.share, self.draws = share, draws

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.ones_like(x).bernoulli_(1 - self.share, generator=self.draws).div_(1 - self.share)


def plain_sgd(task: Task, start: Params, network: str, seed: int, epochs: int) -> Params:
    """Task 1 as one writes it with torch alone: the weights of the network and of the head after it."""
    module = networks[network](task.train.take(torch.zeros(1, dtype=torch.int64)).shape[1:], hidden=(15, 7))
    draws = generator(seed, "dropout")
    for block in module.blocks:
        for name, layer in block.named_children():
            if isinstance(layer, nn.Dropout):
                setattr(block, name, Dropped(layer.p, draws))
    columns, size = slice(*task.columns), 16
    head = nn.Linear(7, columns.stop - columns.start)
    module.load_state_dict(
        {n.removeprefix("network."): t for n, t in start.items() if "head." not in n}, strict=False
    )
    head.load_state_dict({n.removeprefix("head."): t[columns] for n, t in start.items() if "head." in n})
    optimizer = torch.optim.SGD([*module.parameters(), *head.parameters()], lr=0.05, momentum=0.9)
    order = generator(seed, "order")
    images = task.train.take(torch.arange(len(task.train)))
    for _ in range(epochs):
        for rows in torch.randperm(len(images), generator=order).split(size):
            optimizer.zero_grad()
            logits = head(module(images[rows], [None, None]))
            nn.functional.cross_entropy(logits, task.train.labels[rows]).backward()
            optimizer.step()
    found = {n: t.clone() for n, t in start.items()}
    for name, p in module.named_parameters():
        found[f"network.{name}"] = p.detach()
    for name, p in head.named_parameters():
        found[f"head.{name}"][columns] = p.detach()
    return found


@pytest.mark.long
@pytest.mark.parametrize("network", tiny.NETWORKS)
@pytest.mark.parametrize("method", [m for m in SEQUENTIAL if m not in tiny.NEVER_PLAIN])
def test_task_one_is_plain_training(method: str, network: str) -> None:
    chosen = tiny.config(method, *tiny.bare(method), seeds=(2, 3), network=network)
    trainer = tiny.started(chosen)
    starts = [tiny.weights(trainer, place) for place in (0, 1)]
    tiny.learn(trainer, chosen, tasks=1)
    for place, seed in enumerate(chosen.seeds):
        expected = plain_sgd(trainer.stream.tasks[0], starts[place], network, seed, epochs=2)
        found = tiny.weights(trainer, place)
        assert tiny.close(found, expected, 1e-4, 1e-5)
        assert not tiny.close(found, starts[place], 1e-3, 1e-3)


EASIER = {  # where two epochs of a network of 22 units answer with the first task alone
    "dgr": ("train.epochs=12", "network.hidden=40,20"),  # new images weigh a third
    "er-ace": ("train.epochs=8",),  # new images push no old class down, so that theirs rise later
    "icarl": ("network.hidden=40,20",),
    "wa": ("network.hidden=40,20",),
}


SCORED = [(m, s) for m in METHODS for s in strategies[m].scenarios]


@pytest.mark.long
@pytest.mark.parametrize(("network", "both"), tiny.met(tiny.NETWORKS, 4, SCORED))
def test_scores_are_shares_in_every_scenario(both: tuple[str, str], network: str, tmp_path: Path) -> None:
    method, scenario = both
    sets = ("stream.tasks=3", *EASIER.get(method, ()))
    chosen = tiny.config(method, *sets, stream="split-digits", scenario=scenario, network=network)
    runs, _ = finished(chosen, tmp_path)
    for run in runs:
        matrix = torch.tensor(run.matrix, dtype=torch.float64)
        assert run.status == "done"
        assert matrix.shape == (4, 3)
        assert ((matrix >= 0) & (matrix <= 1)).all()
        if scenario == "class" and method in SEQUENTIAL:  # a class not shown yet is no answer
            assert (matrix[1:].triu(1) == 0).all()
            assert (matrix[1:].diagonal() > 0).all()


@pytest.mark.parametrize(("method", "scenario"), [(m, s) for m in METHODS for s in SCENARIOS])
def test_a_scenario_that_the_method_does_not_support_is_refused_in_one_sentence(
    method: str, scenario: str
) -> None:
    chosen = tiny.config(method, stream="split-digits", scenario=scenario)
    if scenario in strategies[method].scenarios:
        assert tiny.started(chosen).model.seeds == chosen.seeds
    else:
        with pytest.raises(UserError, match=rf"^{method} needs (to know the task|classes) .* not {scenario}$"):
            tiny.started(chosen)


@pytest.mark.long
@pytest.mark.parametrize("network", tiny.NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_seed_that_diverges_is_recorded_and_leaves_the_others_alone(
    method: str, network: str, tmp_path: Path
) -> None:
    chosen = tiny.config(method, seeds=(0, 1), network=network)
    trainer = tiny.started(chosen)
    group = Train(chosen).group(chosen.seeds, tmp_path)
    runs = [Run(seed) for seed in chosen.seeds]
    first, second = trainer.stream.tasks
    group.experiment.learn_task(group, trainer, first, runs)
    steps = int(trainer.steps[1])
    starts = getattr(trainer.strategy, "initial", trainer.model.params)  # what the next task starts from
    with torch.no_grad():
        starts["head.bias"][0].fill_(torch.nan)
    group.experiment.learn_task(group, trainer, second, runs)
    if method in SEQUENTIAL:  # joint has nothing left to learn
        assert (runs[0].status, runs[0].step) == ("diverged", steps)
        assert runs[0].matrix[-1] == [None, None]
        assert "not finite" in (runs[0].reason or "")
    assert runs[1].status == "running"
    assert tiny.same(tiny.weights(trainer, 1), tiny.weights(tiny.train(method, seeds=(1,), network=network)))


@pytest.mark.parametrize("network", tiny.NETWORKS)
@pytest.mark.parametrize("method", METHODS)
def test_a_rate_much_too_high_ends_every_seed_before_the_last_task(
    method: str, network: str, tmp_path: Path
) -> None:
    chosen = tiny.config(method, "train.lr=1e30", "stream.tasks=3", network=network)
    runs = Train(chosen).group(chosen.seeds, tmp_path).learn(MACHINE, lambda news: None)
    for run in runs:
        assert run.status == "diverged"
        assert 1 <= (run.step or 0) < 10
        assert [row[0] is None for row in run.matrix] == [False, True]


def test_weights_that_overflow_in_the_very_last_step_count_as_diverged() -> None:
    sets = ("train.epochs=1", "train.batch_size=50", "train.lr=1e30", "train.weight_decay=1e30")
    trainer = tiny.train("finetuning", *sets, tasks=1, seeds=(0,))
    assert trainer.steps.tolist() == [1]
    assert not tiny.finite(trainer)
    assert trainer.first_bad.tolist() == [1]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "asgd", "rmsprop", "nadam", "rprop", "adagrad"])
def test_training_a_task_leaves_the_heads_of_the_others(optimizer: str) -> None:
    sets = (f"train.optimizer={optimizer}", "train.lr=0.01", "train.weight_decay=0.1")
    first, both = (tiny.train("finetuning", *sets, stream="split-digits", tasks=n) for n in (1, 2))
    head = "head.weight"
    assert torch.equal(first.model.params[head][:, :2], both.model.params[head][:, :2])
    assert not torch.equal(first.model.params[head][:, 2:], both.model.params[head][:, 2:])


def test_frozen_layers_stay_frozen_while_patience_watches_validation_images() -> None:
    sets = ("train.patience=3", "train.stop_on=validation", "stream.validation=0.3", "train.weight_decay=0.1")
    chosen = tiny.config("sgd-f", *sets, "train.optimizer=adam")
    trainer = tiny.learn(tiny.started(chosen), chosen, tasks=1)
    before = tiny.weights(trainer)
    trainer.progress = lambda samples: needed.append([p.grad is not None for p in trainer.model.shared.values()])
    needed: list[list[bool]] = []
    trainer.fit(trainer.stream.tasks[1])
    after = tiny.weights(trainer)
    assert all(before[n].equal(after[n]) for n in before if n.startswith("network."))
    assert not before["head.weight"].equal(after["head.weight"])
    assert len(needed) > 3
    assert not any(map(any, needed))


@pytest.mark.parametrize("method", QUADRATIC)
def test_scoring_and_measuring_change_nothing(method: str) -> None:
    trainer = tiny.train(method, "network.dropout=0.5", tasks=1)
    trainer.release(trainer.stream.tasks[0])
    next(iter(trainer.model.params.values())).requires_grad_(False)
    trainer.model.train(True)
    trainer.generators("fisher labels")  # the one generator that measuring draws from, and nothing else does
    before = tiny.snapshot(trainer)
    trainer.strategy.measure(trainer, trainer.stream.tasks[0])
    trainer.score(trainer.stream.tasks[1], trainer.stream.tasks[1].test)
    after = tiny.snapshot(trainer)
    changed = [name for name in before if not before[name].equal(after[name])]
    assert all(name.startswith("fisher labels") for name in changed)


def test_joint_validation_counts_every_task_and_only_its_own_columns() -> None:
    sets = ("train.patience=1", "train.stop_on=validation", "stream.validation=0.5")
    trainer = tiny.train("joint", *sets)
    model, stream = trainer.model, trainer.stream
    loss = trainer.watched_loss(trainer.strategy.union, torch.zeros(2))
    total, count = torch.zeros(2), 0
    for task in stream.tasks:
        for x, y in trainer.sweep(task, task.validation, 100):
            total -= model.log_likelihood(model(x, task), y, task).sum(1).detach()
            count += y.shape[1]
    assert torch.allclose(loss, total / count, 1e-5)
