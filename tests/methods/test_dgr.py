"""Generative replay: its loss by hand, what the copies of before the task paint and say, and that it helps."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import finished, kill_after
from torch import Tensor
from torch.nn import functional as F

from clbench.config.resolve import Config, resolve
from clbench.errors import UserError
from clbench.learn.trainer import Trainer
from clbench.models.lift import batched
from clbench.models.params import Params, copies
from clbench.registry import load_plugin
from clbench.strategies.dgr import DGR
from clbench.streams.task import Batch

SEEDS = (0, 3)
SCENARIOS = ("task", "domain", "class")
THREE = ("stream.tasks=3", "stream.limit=48")
GENERATORS = {"mlp-gan": ("network.hidden=24,40",), "mlp-vae": ("network.hidden=21,13",)}
CALM = ("train.lr=0.001", "train.optimizer=adam", "network.latent=8", "network.samples=20")
load_plugin(Path(__file__).parent / "my_autoencoder.py")
pytestmark = [
    pytest.mark.usefixtures("lenets_kept"),
    pytest.mark.filterwarnings("ignore:.*(have collapsed|the critic is right)"),
]


def of_generator(network: str, *more: str, method: str = "dgr", seeds: tuple[int, ...] = SEEDS) -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    sets = (*own, *THREE, *CALM, *GENERATORS[network], *more)
    return resolve(method, "cgan-digits", seeds=seeds, sets=sets, network=network)


def at_task(chosen: Config, index: int) -> tuple[Trainer, DGR, Batch]:
    """Trained on the tasks before `index`; the method has begun that one, whose first 12 images are a batch."""
    trainer = tiny.learn(tiny.started(chosen), chosen, index)
    task = trainer.stream.tasks[index]
    trainer.model.seen = index + 1
    trainer.strategy.begin_task(trainer, task)
    trainer.model.train(True)
    x, y, _ = task.train[torch.arange(12).expand(2, -1)]
    return trainer, trainer.strategy, Batch(x, y, task, epoch=0, rate=0.1)


# -- beside a classifier ------------------------------------------------------------------------------------------


def features_by_hand(w: Params, x: Tensor) -> Tensor:
    for n in (0, 1):
        x = (x @ w[f"network.blocks.{n}.weight"].T + w[f"network.blocks.{n}.bias"]).relu()
    return x


def logits_by_hand(w: Params, x: Tensor) -> Tensor:
    return features_by_hand(w, x) @ w["head.weight"].T + w["head.bias"]


@pytest.mark.parametrize("labels", ["hard", "soft"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_loss_is_a_third_new_and_two_thirds_what_the_earlier_classifier_says(
    scenario: str, labels: str
) -> None:
    names = [n for n in tiny.weights(tiny.started(tiny.config("dgr"))) if n.startswith("network.blocks")]
    assert len(names) == 4  # two blocks, as is written above
    chosen = tiny.config("dgr", *THREE, f"strategy.labels={labels}", stream="split-digits", scenario=scenario)
    trainer, method, batch = at_task(chosen, 2)
    model = trainer.model
    before = [tiny.weights(trainer, place) for place in (0, 1)]
    with torch.no_grad():
        for p in model.params.values():
            p.add_(0.1 * torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))
    assert method.shown(model, batch) is batch
    painted = method.extra.x.flatten(2)
    assert painted.shape == (2, 12, 64)
    losses = method.loss(model, batch)
    for place in (0, 1):
        told = logits_by_hand(before[place], painted[place])
        now = logits_by_hand(tiny.weights(trainer, place), painted[place])
        new = logits_by_hand(tiny.weights(trainer, place), batch.x[place].flatten(1))
        own = {"task": slice(4, 6), "domain": slice(0, 2), "class": slice(0, 6)}[scenario]
        pairs = {  # which outputs answer, and which ones say what is wanted
            "task": [(slice(0, 2), slice(0, 2)), (slice(2, 4), slice(2, 4))],
            "domain": [(slice(0, 2), slice(0, 2))],
            "class": [(slice(0, 6), slice(0, 4))],
        }[scenario]
        old = 0.0
        for answers, said in pairs:
            if labels == "hard":
                old += F.cross_entropy(now[:, answers], told[:, said].argmax(1)) / len(pairs)
            else:
                log_q = (now[:, answers] / 2).log_softmax(1)[:, : said.stop - said.start]
                old += -((told[:, said] / 2).softmax(1) * log_q).sum(1).mean() / len(pairs)
        expected = F.cross_entropy(new[:, own], batch.y[place] - own.start) / 3 + 2 / 3 * old
        assert float(losses[place].detach()) == pytest.approx(float(expected), rel=1e-4)


def test_the_vae_beside_takes_a_step_of_adam_on_a_third_of_new_and_two_thirds_of_painted_images() -> None:
    chosen = tiny.config("dgr", *THREE, "strategy.rate=0.01", stream="split-digits")
    trainer, method, batch = at_task(chosen, 2)
    vae = method.beside.vae
    for _ in range(2):
        method.shown(trainer.model, batch)
        before, states = copies(vae.params), [g.get_state() for g in vae.noise.generators]
        x = torch.cat([batch.x, method.extra.x], 1)
        inputs = vae.inputs(Batch(x, torch.zeros(2, 24, dtype=torch.int64), batch.task))
        each = -vae.log_likelihood(vae(inputs, batch.task), batch.y, batch.task)
        loss = (each[:, :12].mean(1) / 3 + each[:, 12:].mean(1) * 2 / 3).sum()
        gradients = dict(zip(vae.params, torch.autograd.grad(loss, list(vae.params.values())), strict=True))
        for g, state in zip(vae.noise.generators, states, strict=True):
            g.set_state(state)
        method.after_step(trainer.model, batch)
        for name, p in vae.params.items():
            assert torch.allclose(p.grad, gradients[name], 1e-4, 1e-5)
            assert not torch.equal(p, before[name])
    step = vae.params["decoder.layers.0.weight"].detach() - before["decoder.layers.0.weight"]
    assert float(step.abs().max()) < 0.02  # Adam's: about the rate, whatever the gradient


def test_painter_and_teacher_are_those_of_before_the_task() -> None:
    chosen = tiny.config("dgr", *THREE, stream="split-digits")
    trainer, method, _ = at_task(chosen, 1)
    brush, teacher = copies(method.brush), copies(method.teacher)
    task = trainer.stream.tasks[1]
    trainer.fit(task)
    assert tiny.same(brush, method.brush)
    assert tiny.same(teacher, method.teacher)
    assert not tiny.same(brush, copies(method.beside.vae.painter))
    assert not tiny.same(teacher, copies(trainer.model.params))


@pytest.mark.parametrize("network", tiny.NETWORKS)
def test_the_vae_beside_of_seeds_together_is_that_of_seeds_alone(network: str) -> None:
    together = tiny.train("dgr", *THREE, stream="split-digits", seeds=SEEDS, network=network)
    for place, seed in enumerate(SEEDS):
        alone = tiny.train("dgr", *THREE, stream="split-digits", seeds=(seed,), network=network)
        assert tiny.alike(tiny.weights(together, place), tiny.weights(alone))
        states = together.strategy.state(), alone.strategy.state()
        assert len(states[0]) == 8  # weights and biases of four layers
        assert tiny.alike({n: t[place] for n, t in states[0].items()}, {n: t[0] for n, t in states[1].items()})


def test_a_seed_that_has_stopped_leaves_its_vae_where_it_was() -> None:
    chosen = tiny.config("dgr", *THREE, stream="split-digits")
    trainer, method, batch = at_task(chosen, 1)
    for stopped in (False, True):  # first a step of both, so that Adam's moments would carry the second on
        trainer.model.active = torch.tensor([True, not stopped])
        method.shown(trainer.model, batch)
        before = copies(method.generator)
        method.after_step(trainer.model, batch)
        for name, p in method.generator.items():
            assert not torch.equal(p[0], before[name][0])
            assert torch.equal(p[1], before[name][1]) is stopped


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_moments_that_are_kept_are_kept_over_a_kill_too(scenario: str, tmp_path: Path) -> None:
    sets = (*THREE, "train.keep_optimizer=true", "train.optimizer=adam", "train.lr=0.01")
    chosen = tiny.config("dgr", *sets, stream="split-digits", scenario=scenario)
    runs, tensors = finished(chosen, tmp_path / "whole")
    assert "optimizer/exp_avg/painter.decoder.layers.0.weight" in tensors
    kill_after(chosen, tmp_path / "killed", 1)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors)


@pytest.mark.long
def test_generative_replay_keeps_more_than_fine_tuning_where_all_classes_compete() -> None:
    sets = (
        *("stream.tasks=3", "stream.limit=290", "network.hidden=100", "train.epochs=20", "train.batch_size=32"),
        *("train.optimizer=adam", "train.lr=0.001", "strategy.dgr.hidden=100,100", "strategy.dgr.latent=10"),
    )
    means = {}
    for method in ("finetuning", "dgr"):
        trainer = tiny.train(method, *sets, stream="split-digits", scenario="class", seeds=(0,))
        scores = [trainer.score(task, task.test)[0] for task in trainer.stream.tasks]
        means[method] = sum(scores) / 3
    assert means["dgr"] > means["finetuning"] + 0.2


# -- a generator that paints for itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("network", GENERATORS)
def test_a_third_of_a_batch_s_weight_is_new_and_the_rest_painted_of_every_old_class(network: str) -> None:
    trainer, method, batch = at_task(of_generator(network), 2)
    shown = method.shown(trainer.model, batch)
    assert torch.equal(shown.x[:, :12], batch.x)
    assert shown.own == 12
    assert shown.y.shape == (2, 24)
    assert torch.allclose(shown.weight, torch.tensor([1 / 3 / 12] * 12 + [2 / 3 / 12] * 12))
    assert set(shown.owner[:, 12:].unique().tolist()) == set(shown.y[:, 12:].unique().tolist()) == {0, 1}
    assert torch.equal(shown.owner[:, 12:], shown.y[:, 12:])  # a class a task
    assert shown.owner[:, :12].unique().tolist() == [2]
    assert not torch.equal(shown.y[0, 12:], shown.y[1, 12:])  # each seed draws for itself
    assert float(shown.x.min()) >= 0
    assert float(shown.x.max()) <= 1
    assert not shown.x.requires_grad


@pytest.mark.parametrize("network", GENERATORS)
def test_what_is_painted_is_the_generator_s_of_before_the_task(network: str) -> None:
    trainer, method, batch = at_task(of_generator(network), 2)
    model = trainer.model
    states = [g.get_state() for g in method.draws]
    first = method.painted(batch)
    with torch.no_grad():
        for p in model.params.values():
            p.add_(1.0)
    for g, state in zip(method.draws, states, strict=True):
        g.set_state(state)
    again = method.painted(batch)
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, model.sample(first.owner, first.y, method.draws))


def test_averaged_weights_paint_where_there_are_any() -> None:
    trainer, method, _ = at_task(of_generator("mlp-gan", "network.ema=0.9"), 1)
    assert all(method.brush[name].equal(t) for name, t in trainer.model.averages.items())
    assert not tiny.same(trainer.model.averages, {n: trainer.model.params[n] for n in trainer.model.averages})


def test_both_players_of_a_gan_see_what_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = of_generator("mlp-gan")
    trainer = tiny.learn(tiny.started(chosen), chosen, 1)
    seen: dict[str, list[Batch]] = {"critic": [], "painter": []}
    of_player, loss = trainer.model.player_loss, trainer.model.loss

    def player_loss(player, batch):
        seen[player.name].append(batch)
        return of_player(player, batch)

    def of_painter(outputs, batch):
        seen["painter"].append(batch)
        return loss(outputs, batch)

    monkeypatch.setattr(trainer.model, "player_loss", player_loss)
    monkeypatch.setattr(trainer.model, "loss", of_painter)
    tiny.learn_task(chosen, trainer, trainer.stream.tasks[1])
    assert len(seen["critic"]) == len(seen["painter"]) == 6
    for a, b in zip(seen["critic"], seen["painter"], strict=True):
        assert a is b
        assert a.x.shape[1] == 2 * a.own
        assert float(a.weight[: a.own].sum()) == pytest.approx(0.5)
        assert a.y[:, a.own :].unique().tolist() == [0]


@pytest.mark.long
@pytest.mark.parametrize("network", GENERATORS)
@pytest.mark.parametrize(("method", "more"), [("dgr", ()), ("er", ("strategy.er.replay=16",))])
def test_a_generator_that_is_shown_old_images_ends_alike_alone_together_and_resumed(
    method: str, more: tuple[str, ...], network: str, tmp_path: Path
) -> None:
    chosen = of_generator(network, *more, method=method)
    together = tiny.learn(tiny.started(chosen), chosen)
    for place, seed in enumerate(SEEDS):
        one = of_generator(network, *more, method=method, seeds=(seed,))
        assert tiny.alike(tiny.weights(together, place), tiny.weights(tiny.learn(tiny.started(one), one)))
    _, tensors = finished(chosen, tmp_path / "whole")
    assert all(torch.equal(tensors[f"model/{n}"], p) for n, p in together.model.params.items())
    kill_after(chosen, tmp_path / "killed", 1)
    _, found = finished(chosen, tmp_path / "killed")
    assert tiny.same(found, tensors)


def test_the_batched_form_is_the_unrolled_one(monkeypatch: pytest.MonkeyPatch) -> None:
    unrolled = tiny.train("dgr", *THREE, stream="split-digits", scenario="class", tasks=2)
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = tiny.train("dgr", *THREE, stream="split-digits", scenario="class", tasks=2)
    for place in (0, 1):
        assert tiny.close(tiny.weights(lifted, place), tiny.weights(unrolled, place), 1e-2, 1e-3)


# -- refusals -----------------------------------------------------------------------------------------------------


def test_pixels_of_another_range_are_refused() -> None:
    with pytest.raises(UserError, match=r"^dgr paints pixels from 0 to 1: --set stream\.normalize=unit$"):
        tiny.started(tiny.config("dgr", "stream.normalize=standard"))


def test_a_model_that_neither_paints_nor_classifies_is_refused() -> None:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    chosen = resolve("dgr", "split-digits", sets=own, network="tiny-autoencoder")
    with pytest.raises(UserError, match=r"^dgr needs samples of earlier tasks, and this model cannot draw any$"):
        tiny.started(chosen)
