"""Every method on networks that a user brings: batch norm, dropout layers, spare and frozen layers."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import finished, kill_after
from tiny import METHODS
from torch import Tensor

from clbench.config.resolve import Config
from clbench.config.training import sizes_of
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.models.lift import batched
from clbench.models.params import Params, copies
from clbench.registry import strategies
from clbench.run.train import Train
from clbench.strategies.exemplars import Exemplars
from clbench.streams.task import Task

NETWORKS = ("norm-mlp", "dropout-mlp", "spare-mlp", "frozen-mlp")
EVERY = tiny.met(NETWORKS)
SEEDS = (0, 3, 4)
STOPPING = ("train.epochs=4", "train.patience=1", "train.stop_on=validation", "stream.validation=0.5")


def settings(network: str, method: str, *more: str, seeds: tuple[int, ...] = SEEDS) -> Config:
    """49 images a task: a last batch of one."""
    own = [s for s in tiny.TINY if not s.startswith(("network.", "stream.limit"))]
    sets = (*own, "stream.limit=49", *more)
    return tiny.resolve(method, "permuted-digits", seeds=seeds, sets=sets, network=network)


def trained(
    network: str, method: str, *more: str, seeds: tuple[int, ...] = SEEDS, tasks: int | None = None
) -> Trainer:
    chosen = settings(network, method, *more, seeds=seeds)
    return tiny.learn(tiny.started(chosen), chosen, tasks)


def everything(trainer: Trainer, place: int) -> Params:
    """Weights, running statistics, those that tasks keep, and the method's state, of one seed."""
    state = {**trainer.model.state(), **{f"method/{n}": t for n, t in trainer.strategy.state().items()}}
    return {name: t.detach()[place].clone() for name, t in state.items()}


KINDS = [(network, stopping) for stopping in (STOPPING, ()) for network in NETWORKS]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "method"), tiny.met(KINDS))
def test_seeds_together_equal_seeds_alone(kind: tuple[str, tuple[str, ...]], method: str) -> None:
    network, stopping = kind
    calm = ("train.lr=0.02",) if method == "hat" else ()
    together = trained(network, method, *stopping, *calm)
    for place, seed in enumerate(SEEDS):
        alone = everything(trained(network, method, *stopping, *calm, seeds=(seed,)), 0)
        found = everything(together, place)
        # to rounding: kernels round by where a number lies in memory, on some machines more than on others
        assert tiny.close(found, alone, 1e-3, 1e-5), [n for n in alone if not alone[n].equal(found[n])]
    again = trained(network, method, *stopping, *calm)
    assert tiny.same(everything(together, 1), everything(again, 1))


@pytest.mark.long
@pytest.mark.parametrize(("network", "method"), EVERY)
def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(
    network: str, method: str, tmp_path: Path
) -> None:
    chosen = settings(network, method, "stream.tasks=3", seeds=(0, 1))
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 2)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors), [n for n in tensors if not tensors[n].equal(found.get(n, tensors[n] + 1))]


@pytest.mark.long
@pytest.mark.parametrize(("network", "method"), [*EVERY, ("maps-mlp", "ewc")])
def test_the_batched_form_is_the_unrolled_one_to_rounding(
    network: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = 1 if issubclass(strategies[method], Exemplars) else None  # then rounding chooses among images
    unrolled = trained(network, method, "train.epochs=1", seeds=(0, 1), tasks=tasks)
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = trained(network, method, "train.epochs=1", seeds=(0, 1), tasks=tasks)
    assert lifted.model.run is batched
    for place in (0, 1):
        expected = {n: t.double() for n, t in lifted.model.state().items()}
        for name, t in unrolled.model.state().items():
            assert torch.allclose(expected[name][place], t[place].double(), 1e-2, 1e-3), name


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_what_is_frozen_or_spare_stays_and_is_not_counted(method: str) -> None:
    for network, names in (
        ("spare-mlp", {"network.spare.weight", "network.spare.bias"}),
        ("frozen-mlp", {"network.blocks.0.weight", "network.blocks.0.bias"}),
    ):
        sets = ("train.weight_decay=0.1", "train.optimizer=adam", "train.lr=0.01")
        chosen = settings(network, method, *sets)
        trainer = tiny.started(chosen)
        before = copies(trainer.model.fixed)
        assert before.keys() == names
        tiny.learn(trainer, chosen)
        assert tiny.same(before, trainer.model.fixed)
        assert not names & trainer.model.shared.keys()
        plain = sum(p[0].numel() for p in trainer.model.params.values())
        assert trainer.model.parameters_at(2) == plain
        assert not any(name.endswith(tuple(names)) for name in trainer.strategy.state())


# -- running statistics -------------------------------------------------------------------------------------------


def answers(trainer: Trainer, task: Task) -> Tensor:
    sweep = trainer.sweep(task, task.test, 1000)
    with torch.no_grad():
        return torch.cat([trainer.strategy.outputs(trainer.model, x, task) for x, _ in sweep], 1)


def stages(chosen: Config) -> tuple[Trainer, list[list[Tensor]], list[Params]]:
    """Answers to every task learned so far, and the running statistics, after each task."""
    trainer = tiny.started(chosen)
    group = Train(chosen).group(chosen.seeds, Path("unused"))
    said, buffers = [], []
    for task in trainer.stream.tasks:
        group.experiment.learn_task(group, trainer, task, [])
        said.append([answers(trainer, each) for each in trainer.stream.tasks[: task.index + 1]])
        buffers.append(copies(trainer.model.buffers))
    return trainer, said, buffers


def test_frozen_layers_keep_their_running_statistics() -> None:
    _, said, buffers = stages(settings("norm-mlp", "sgd-f", "stream.tasks=3", "stream.seed=1"))
    assert tiny.same(buffers[0], buffers[2])
    assert buffers[0]["network.blocks.0.1.running_mean"].any()
    assert said[0][0].equal(said[2][0])


def test_fine_tuning_moves_them() -> None:
    _, _, buffers = stages(settings("norm-mlp", "finetuning"))
    assert not buffers[0]["network.blocks.0.1.running_mean"].equal(buffers[1]["network.blocks.0.1.running_mean"])
    assert int(buffers[1]["network.blocks.0.1.num_batches_tracked"][0]) == 2 * 2 * 3  # 49 images: 16, 16 and 17


def test_tasks_under_a_mask_keep_theirs_so_that_packnet_never_changes_an_earlier_answer() -> None:
    trainer, said, buffers = stages(settings("norm-mlp", "packnet", "stream.tasks=4", "strategy.prune=60"))
    assert set(trainer.model.statistics) == {0, 1, 2, 3}
    assert not buffers[0]["network.blocks.0.1.running_mean"].equal(buffers[3]["network.blocks.0.1.running_mean"])
    for stage in range(1, 4):
        for task in range(stage):
            assert (said[stage][task] - said[task][task]).abs().max() <= 1e-6


def test_hat_with_gates_that_are_shut_or_open_never_changes_an_earlier_answer_on_batch_norm() -> None:
    chosen = settings("norm-mlp", "hat", "stream.tasks=3", "strategy.s_max=50", seeds=(0, 1))
    trainer = tiny.started(chosen)
    with torch.no_grad():  # embeddings so far from 0 that no training shuts or opens a gate by half
        for e in trainer.strategy.embeddings.values():
            e.copy_(6 * e.sign())
    group = Train(chosen).group(chosen.seeds, Path("unused"))
    kept: list[Tensor] = []
    for task in trainer.stream.tasks:
        group.experiment.learn_task(group, trainer, task, [])
        for earlier, before in zip(trainer.stream.tasks, kept, strict=False):
            assert (answers(trainer, earlier) - before).abs().max() <= 1e-5
        kept.append(answers(trainer, task))


def test_the_statistics_that_tasks_keep_are_counted_with_the_method_s_state(tmp_path: Path) -> None:
    runs, _ = finished(settings("norm-mlp", "xdg", seeds=(0,)), tmp_path)
    grown = [after - before for before, after in pairwise(runs[0].state_parameters)]
    assert grown == [2 * (15 + 7) + 2] * 2


def test_a_warm_up_of_the_head_alone_moves_no_running_statistics() -> None:
    chosen = settings("norm-mlp", "lwf", "strategy.warmup_epochs=2")
    trainer = tiny.started(chosen)
    first, second = trainer.stream.tasks
    group = Train(chosen).group(chosen.seeds, Path("unused"))
    group.experiment.learn_task(group, trainer, first, [])
    before = copies(trainer.model.buffers)
    trainer.strategy.begin_task(trainer, second)
    trainer.strategy.warming = True
    trainer.fit(second, epochs=1)
    assert tiny.same(before, trainer.model.buffers)
    trainer.strategy.warming = False
    trainer.fit(second, epochs=1)
    assert not tiny.same(before, trainer.model.buffers)


@pytest.mark.parametrize("method", [m for m in tiny.QUADRATIC if m != "l2"])
def test_measuring_moves_no_running_statistics(method: str) -> None:
    trainer = trained("norm-mlp", method, seeds=(0, 1))
    before = copies(trainer.model.buffers)
    trainer.strategy.measure(trainer, trainer.stream.tasks[1])
    trainer.score(trainer.stream.tasks[0], trainer.stream.tasks[0].test)
    assert tiny.same(before, trainer.model.buffers)


def test_the_reference_gradient_of_agem_moves_no_running_statistics() -> None:
    trainer = trained("norm-mlp", "agem", seeds=(0, 1))
    seen = int(trainer.model.buffers["network.blocks.0.1.num_batches_tracked"][0])
    assert seen == 2 * 2 * 3


# -- batches of one image, and draws ------------------------------------------------------------------------------


def test_a_last_batch_of_one_image_joins_the_one_before_where_images_are_normalised_together() -> None:
    assert sizes_of(49, 16, joined=True) == [16, 16, 17]
    assert sizes_of(49, 16, joined=False) == [16, 16, 16, 1]
    assert sizes_of(1, 16, joined=True) == [1]
    assert sizes_of(48, 16, joined=True) == [16, 16, 16]
    assert int(trained("norm-mlp", "finetuning").steps[0]) == 2 * 2 * 3
    assert int(trained("dropout-mlp", "finetuning").steps[0]) == 2 * 2 * 4


@pytest.mark.parametrize("sets", [("train.batch_size=1",), ("stream.limit=1",)])
def test_one_image_cannot_be_normalised_over_the_batch(sets: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="normalises over the batch"):
        trained("norm-mlp", "finetuning", *sets)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("free-dropout-mlp", r"FreelyDropped draws from torch's global generator .* nn\.Dropout"),
        ("alpha-mlp", r"AlphaDropout, which draws from torch's global generator .* nn\.Dropout"),
    ],
)
def test_noise_that_could_not_be_repeated_is_refused(network: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        tiny.started(settings(network, "finetuning"))


@pytest.mark.parametrize("network", ["dropout-mlp", "maps-mlp"])
def test_dropout_layers_draw_from_the_run_s_generators_alone(network: str) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    once = everything(trained(network, "finetuning"), 0)
    assert before.equal(torch.get_rng_state())
    torch.manual_seed(2)
    assert tiny.same(once, everything(trained(network, "finetuning"), 0))


def test_dropout_scales_what_it_keeps_and_is_off_in_evaluation() -> None:
    trainer = tiny.started(settings("dropout-mlp", "finetuning", seeds=(0,)))
    layer = trainer.model.network.blocks[0][1]
    x = torch.ones(2000, 15)
    layer.train(False)
    assert layer(x).equal(x)
    layer.train(True)
    with trainer.model.noise.of(0):
        out = layer(x)
    assert sorted(out.unique().tolist()) == pytest.approx([0, 1 / 0.7])
    assert float((out == 0).float().mean()) == pytest.approx(0.3, abs=0.02)


def test_every_method_says_what_running_statistics_do() -> None:
    found = {m: strategies[m].statistics for m in METHODS}
    assert {m for m in METHODS if found[m] == "frozen"} == {"sgd-f"}
    assert {m for m in METHODS if found[m] == "per-task"} == {"hat", "packnet", "xdg", "xdg-ewc", "xdg-si"}
