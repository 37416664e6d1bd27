"""A conditional GAN in THE loop: its two players, what methods ask of it, and what is said of its samples."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image
from test_every_method import MACHINE, finished, kill_after
from torch import Tensor
from torch.nn import functional as F

from clbench.config.resolve import Config, resolve
from clbench.errors import UserError
from clbench.learn import importance
from clbench.learn.trainer import Trainer
from clbench.models.cgan import SURE
from clbench.models.lift import batched
from clbench.models.params import Params
from clbench.run.experiment import SeedGroup
from clbench.run.train import Train
from clbench.scores.fid.distance import frechet, statistics_of
from clbench.streams.draws import generator
from clbench.streams.task import Batch

METHODS = ("finetuning", "sgd", "sgd-f", "ewc", "mas", "si", "anpyc", "l2", "rwalk", "joint", "er", "packnet")
REFUSED = {
    "lwf": "is about classes, and this model gives none",
    "derpp": "is about classes, and this model gives none",
    "icarl": "is about classes, and this model gives none",
    "agem": "compares the loss on remembered images, and this model's loss reads none",
    "hat": "gates hidden units, and this network takes no gates .*",
}
SEEDS = (0, 3)
pytestmark = [
    pytest.mark.usefixtures("lenets_kept"),
    pytest.mark.filterwarnings("ignore:.*(have collapsed|the critic is right)"),
]
CALM = (
    *("stream.tasks=3", "stream.limit=48", "train.lr=0.001", "train.optimizer=adam", "train.betas=0.5,0.9"),
    *("network.latent=8", "network.samples=20", "strategy.er.replay=16"),
    *(f"strategy.{method}.consolidation=proximal" for method in ("ewc", "mas", "anpyc", "rwalk")),
)
MLP, CONVOLUTIONS = ("network.hidden=24,40",), ("network.maps=16,16",)


def settings(method: str, *more: str, seeds: tuple[int, ...] = SEEDS, network: str = "mlp-gan") -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    sizes = MLP if network == "mlp-gan" else CONVOLUTIONS
    return resolve(method, "cgan-digits", seeds=seeds, sets=(*own, *CALM, *sizes, *more), network=network)


def trained(method: str, *more: str, tasks: int | None = None, **where) -> Trainer:
    chosen = settings(method, *more, **where)
    return tiny.learn(tiny.started(chosen), chosen, tasks)


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_seeds_together_equal_seeds_alone(method: str) -> None:
    together = trained(method)
    assert tiny.finite(together)
    for place, seed in enumerate(SEEDS):
        alone = trained(method, seeds=(seed,))
        assert tiny.alike(tiny.weights(together, place), tiny.weights(alone))
        state = {name: t[place] for name, t in together.strategy.state().items()}
        assert tiny.alike(state, {name: t[0] for name, t in alone.strategy.state().items()})


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "more", "network"),
    [
        *((method, (), "mlp-gan") for method in METHODS[1::2]),
        ("ewc", ("network.ema=0.9", "network.r1=0.1", "network.loss=hinge", "network.spectral=true"), "dcgan"),
    ],
)
def test_killed_and_resumed_ends_as_left_alone(
    method: str, more: tuple[str, ...], network: str, tmp_path: Path
) -> None:
    chosen = settings(method, *more, network=network)
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 2)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [(run.matrix, run.samples) for run in resumed] == [(run.matrix, run.samples) for run in runs]
    assert tiny.same(found, tensors)
    pictures = [p.relative_to(tmp_path / "whole") for p in (tmp_path / "whole").rglob("*.png")]
    assert pictures
    for picture in pictures:
        assert (tmp_path / "killed" / picture).read_bytes() == (tmp_path / "whole" / picture).read_bytes()


@pytest.mark.parametrize("network", ["mlp-gan", "dcgan"])
def test_the_batched_form_is_the_unrolled_one(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    more = ("network.spectral=true",) if network == "dcgan" else ()
    unrolled = trained("mas", *more, network=network, tasks=2)
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = trained("mas", *more, network=network, tasks=2)
    for place in (0, 1):
        assert tiny.close(tiny.weights(lifted, place), tiny.weights(unrolled, place), 1e-2, 1e-3)


@pytest.mark.parametrize("method", REFUSED)
def test_a_method_is_refused_by_what_a_gan_lacks(method: str) -> None:
    with pytest.raises(UserError, match=rf"^{method} {REFUSED[method]}$"):
        tiny.started(settings(method))


def test_pixels_of_another_range_are_refused() -> None:
    with pytest.raises(UserError, match=r"paints pixels from 0 to 1: --set stream\.normalize=unit"):
        tiny.started(settings("ewc", "stream.normalize=standard"))


# -- the two players ----------------------------------------------------------------------------------------------


def painted_by_hand(w: Params, x: Tensor) -> Tensor:
    """Of an mlp-gan: codes [B, latent + classes] -> [B, 64]."""
    h = x[:, :8] @ w["painter.layers.0.weight"].T + w["painter.layers.0.bias"] + x[:, 8:] @ w["classes.0.weight"]
    for n in (1, 2):
        h = F.leaky_relu(h, 0.2) @ w[f"painter.layers.{n}.weight"].T + w[f"painter.layers.{n}.bias"]
    return h.tanh()


def judged_by_hand(w: Params, images: Tensor, c: Tensor) -> Tensor:
    h = images @ w["critic.layers.0.weight"].T + w["critic.layers.0.bias"] + c @ w["critic_classes.0.weight"]
    h = F.leaky_relu(h, 0.2) @ w["critic.layers.1.weight"].T + w["critic.layers.1.bias"]
    h = F.leaky_relu(h, 0.2)
    last = h @ w["critic.layers.2.weight"].T + w["critic.layers.2.bias"]
    return last.squeeze(1) + (h * (c @ w["critic_classes.1.weight"])).sum(1)


@pytest.mark.parametrize("loss", ["cross-entropy", "hinge"])
def test_losses_of_both_players_are_what_one_computes_by_hand(loss: str) -> None:
    trainer = trained("finetuning", f"network.loss={loss}", "network.r1=0.5", tasks=1)
    model, task = trainer.model, trainer.stream.tasks[1]
    x, y, _ = task.train[torch.arange(12).expand(2, -1)]
    states = [g.get_state() for g in model.noise.generators]
    of_critic = model.player_loss(model.players()[0], Batch(x, y, task))
    of_painter = model.player_loss(model.players()[1], Batch(x, y, task))
    for place, state in enumerate(states):
        w, g = tiny.weights(trainer, place), torch.Generator()
        g.set_state(state)
        codes = [torch.cat([torch.empty(12, 8).normal_(generator=g), F.one_hot(y[place], 3).float()], 1)]
        codes.append(torch.cat([torch.empty(12, 8).normal_(generator=g), codes[0][:, 8:]], 1))
        c, real = codes[0][:, 8:], (2 * x[place].flatten(1) - 1).requires_grad_()
        said, fake = judged_by_hand(w, real, c), judged_by_hand(w, painted_by_hand(w, codes[0]), c)
        (slope,) = torch.autograd.grad(said.sum(), real)
        punished = 0.25 * slope.square().sum(1)
        passed = judged_by_hand(w, painted_by_hand(w, codes[1]), c)
        if loss == "hinge":
            expected = ((1 - said).relu() + (1 + fake).relu() + punished).mean(), -passed.mean()
        else:
            expected = (F.softplus(-said) + F.softplus(fake) + punished).mean(), F.softplus(-passed).mean()
        for found, by_hand in zip((of_critic, of_painter), expected, strict=True):
            assert float(found[place].detach()) == pytest.approx(float(by_hand.detach()), rel=1e-4)


def test_methods_act_on_what_the_painters_tasks_share_and_on_nothing_else() -> None:
    trainer = tiny.started(settings("ewc"))
    assert {name.partition(".")[0] for name in trainer.strategy.omega} == {"painter"}


def test_what_a_class_adds_is_left_alone_by_later_tasks() -> None:
    chosen = settings("finetuning", "train.weight_decay=0.1")
    trainer = tiny.started(chosen)
    tiny.learn(trainer, chosen, 1)
    heads = ("classes.0.weight", "critic_classes.0.weight", "critic_classes.1.weight")
    before = {name: trainer.model.params[name][:, 0].clone() for name in heads}
    group = Train(chosen).group(SEEDS, Path("unused"))
    for task in trainer.stream.tasks[1:]:
        group.experiment.learn_task(group, trainer, task, [])
    for name in heads:
        assert torch.equal(trainer.model.params[name][:, 0], before[name])
        assert not torch.equal(trainer.model.params[name][:, 1], trainer.model.params[name][:, 0])


def test_averaged_weights_are_the_average_and_paint() -> None:
    chosen = settings("finetuning", "network.ema=0.75", "stream.limit=16", "train.epochs=3", seeds=(0,))
    trainer = tiny.started(chosen)
    course: list[Params] = []
    whole = trainer.model.after_step

    def after_step(player) -> None:
        whole(player)
        if player.name == "painter":
            course.append(tiny.weights(trainer))

    trainer.model.after_step = after_step  # type: ignore[method-assign]
    tiny.learn(trainer, chosen, 1)
    assert len(course) == 3
    for name, average in trainer.model.averages.items():
        expected = course[0][name]
        for later in course[1:]:
            expected = expected.lerp(later[name], 0.25)
        assert torch.allclose(average[0], expected, atol=1e-6)
    codes = trainer.model.codes(torch.zeros(1, 5).long(), torch.zeros(1, 5).long(), [generator(0, "x")])
    mean = {name: p[0] for name, p in trainer.model.averages.items()}
    images = trainer.model.paint(codes, torch.zeros(1, 5).long())[0].flatten(1)
    assert torch.allclose(images, (painted_by_hand(mean, codes[0]) + 1) / 2, atol=1e-5)


def test_spectral_normalisation_holds_every_layer_of_the_critic_at_one() -> None:
    trainer = tiny.started(settings("finetuning", "network.spectral=true", network="dcgan"))
    model, task = trainer.model, trainer.stream.tasks[0]
    found = []
    for layer in ("first", "second", "last"):
        module = getattr(model.modules["critic"], layer)
        hook = module.register_forward_hook(lambda m, given, out: found.append(m.weight.flatten(1)))
        with model.evaluation(), torch.no_grad():
            model.judged(2 * task.train.shown(slice(0, 2), 2)[0] - 1, torch.zeros(2, 2).long())
        hook.remove()
    assert len(found) == 6
    for weight in found:
        assert float(torch.linalg.matrix_norm(weight, 2)) == pytest.approx(1, abs=0.1)


def test_both_players_of_er_are_shown_remembered_images(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings("er")
    trainer = tiny.learn(tiny.started(chosen), chosen, 1)
    seen: dict[str, list[Tensor]] = {"critic": [], "painter": []}
    whole, loss = trainer.model.player_loss, trainer.model.loss

    def player_loss(player, batch):
        seen[player.name].append(batch.y)
        return whole(player, batch)

    def of_painter(outputs, batch):
        seen["painter"].append(batch.y)
        return loss(outputs, batch)

    monkeypatch.setattr(trainer.model, "player_loss", player_loss)
    monkeypatch.setattr(trainer.model, "loss", of_painter)
    tiny.learn_task(chosen, trainer, trainer.stream.tasks[1])
    assert len(seen["critic"]) == len(seen["painter"]) > 0
    for ys in seen.values():
        assert all({0, 1} == set(y.unique().tolist()) for y in ys)
    stored = trainer.strategy.stored
    first = trainer.stream.tasks[0].train.take(torch.arange(48))
    kept = stored["x"][0][stored["owner"][0] == 0]
    assert len(kept)
    assert all((first == image).flatten(1).all(1).any() for image in kept)  # real ones, not painted


# -- a critic that is consolidated too ----------------------------------------------------------------------------

BOTH = "network.consolidate_critic=true"
CRITIC = ("critic.layers.0.weight", "critic.layers.1.weight", "critic.layers.1.bias")


@pytest.mark.long
@pytest.mark.parametrize("method", ["ewc", "mas", "si", "l2", "anpyc", "rwalk", "packnet", "sgd-f"])
def test_a_consolidated_critic_of_seeds_together_is_that_of_seeds_alone(method: str) -> None:
    more = (BOTH, "strategy.rwalk.interval=2")
    together = trained(method, *more)
    assert tiny.finite(together)
    assert {n.partition(".")[0] for n in together.model.shared} == {"critic", "painter"}
    for place, seed in enumerate(SEEDS):
        alone = trained(method, *more, seeds=(seed,))
        assert tiny.alike(tiny.weights(together, place), tiny.weights(alone))
        state = {name: t[place] for name, t in together.strategy.state().items()}
        assert tiny.alike(state, {name: t[0] for name, t in alone.strategy.state().items()})


@pytest.mark.parametrize("method", ["ewc", "si", "anpyc"])
def test_a_run_with_a_consolidated_critic_goes_on_as_left_alone(method: str, tmp_path: Path) -> None:
    chosen = settings(method, BOTH)
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 2)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors)


@pytest.mark.parametrize(("method", "strength"), [("ewc", 1e12), ("mas", 1e12), ("l2", 1e9), ("anpyc", 1e20)])
def test_a_critic_that_is_held_stays_where_it_was_and_one_that_is_not_moves(method: str, strength: float) -> None:
    moved = {}
    for both in ("true", "false"):
        more = ("strategy.anpyc.pruning=none", "strategy.anpyc.importance_batch=1")
        held = (f"strategy.{method}.consolidation=proximal", f"strategy.{method}.lam={strength}")
        chosen = settings(method, f"network.consolidate_critic={both}", *more, *held)
        trainer = tiny.learn(tiny.started(chosen), chosen, 1)
        before = tiny.weights(trainer)
        counts = {n: omega[0] > 0 for n, omega in trainer.strategy.omega.items()}
        tiny.learn_task(chosen, trainer, trainer.stream.tasks[1])
        after = tiny.weights(trainer)
        away = [(after[name] - before[name])[counts.get(name, ...)] for name in CRITIC]
        assert min(len(each) for each in away) > 0
        moved[both] = [float(each.square().mean().sqrt()) for each in away]
    assert max(moved["true"]) < 0.01 * min(moved["false"])


ONE_STEP = (
    BOTH,
    "stream.limit=16",
    "train.epochs=1",
    "train.optimizer=sgd",
    "train.betas=null",
    "train.momentum=0",
    "network.critic_rate=3",
)


def test_each_player_is_pulled_at_its_own_rate_and_has_a_path_of_its_own() -> None:
    """A step of plain descent of rate r: L2's proximal pull leaves 1 / (1 + r · λ) of it; SI's path is ΔW² / r."""
    rate, lam = 0.02, 40.0
    moved: dict[float, Params] = {}
    for strength in (0.0, lam):
        pull = ("strategy.l2.consolidation=proximal", f"strategy.l2.lam={strength}", f"train.lr={rate}")
        chosen = settings("l2", *ONE_STEP, *pull, seeds=(0,))
        trainer = tiny.learn(tiny.started(chosen), chosen, 1)
        before = tiny.weights(trainer)
        tiny.learn_task(chosen, trainer, trainer.stream.tasks[1])
        moved[strength] = {name: tiny.weights(trainer)[name] - before[name] for name in trainer.model.shared}
    chosen = settings("si", *ONE_STEP, f"train.lr={rate}", seeds=(0,))
    trainer = tiny.started(chosen)
    before = tiny.weights(trainer)
    tiny.learn(trainer, chosen, 1)
    for name, path in trainer.strategy.path.items():
        own = 3 * rate if name.startswith("critic") else rate
        free, held = moved[0.0][name], moved[lam][name]
        assert free.abs().max() > 0
        assert torch.allclose(held, free / (1 + own * lam), 1e-2, 1e-6), name
        step = tiny.weights(trainer)[name] - before[name]
        assert torch.allclose(path[0], step.square() / own, 1e-2, 1e-9), name


@pytest.mark.long
@pytest.mark.parametrize("network", ["mlp-gan", "dcgan"])
@pytest.mark.parametrize("what", ["ewc", "mas", "entropy"])
def test_importance_of_a_critic_is_that_of_single_pairs_and_leaves_the_painter_s_as_it_was(
    what: str, network: str
) -> None:
    sizes = {"stream.limit=12"}
    plain, trainer = (trained("finetuning", *more, *sizes, network=network, tasks=1) for more in ((), (BOTH,)))
    assert tiny.same(plain.model.state(), trainer.model.state())
    sign_and_size = (5, "sum", 1.0)
    of_painter = importance.measured(what, plain, plain.stream.tasks[0], *sign_and_size)
    draws = trainer.generators("importance codes")
    states = [g.get_state() for g in draws]
    model, task = trainer.model, trainer.stream.tasks[0]
    found = importance.measured(what, trainer, task, *sign_and_size)
    assert found.keys() == model.shared.keys()
    for g, state in zip(draws, states, strict=True):
        g.set_state(state)
    ((pairs, y),) = model.examples(trainer, task, 12)
    codes = pairs[..., : model.latent + 3]
    real, labels = task.train.shown(slice(0, 12), 2)
    painted = model(codes, task).detach()
    names = [name for name in model.shared if name.startswith("critic")]
    total = {name: torch.zeros_like(model.params[name]) for name in names}
    groups = list(torch.arange(12).split(5 if what == "entropy" else 1))
    for rows in groups:
        fake, true = (
            model.judged(painted[:, rows], y[:, rows]),
            model.judged(2 * real[:, rows] - 1, labels[:, rows]),
        )
        value = {
            "ewc": lambda f=fake, t=true: (F.logsigmoid(-f) + F.logsigmoid(t)).sum(),
            "mas": lambda f=fake, t=true: (f.square() + t.square()).sum(),
            "entropy": lambda f=fake, t=true: sum(
                -(p * p.log() + (1 - p) * (1 - p).log()).sum() for p in (f.sigmoid(), t.sigmoid())
            ),
        }[what]()
        for name, g in zip(names, torch.autograd.grad(value, [model.params[n] for n in names]), strict=True):
            change = g * model.params[name].detach()
            each = {"ewc": g.square(), "mas": g.abs(), "entropy": (change + change.square() / 2).relu()}[what]
            total[name] += each / len(groups)
    for name, expected in {**total, **of_painter}.items():
        largest = float(expected.abs().max())
        assert largest > 0
        assert torch.allclose(found[name], expected, 1e-2, 1e-4 * largest), name


def test_rwalk_measures_a_generator_s_batches_along_the_way() -> None:
    for more in ((), (BOTH,)):
        trainer = trained("rwalk", "strategy.interval=2", *more)
        assert tiny.finite(trainer)
        assert all(float(f.abs().max()) > 0 for f in trainer.strategy.fisher.values())


# -- what methods ask for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("network", ["mlp-gan", "dcgan"])
@pytest.mark.parametrize("what", ["ewc", "mas", "entropy"])
def test_importance_is_that_of_single_samples(what: str, network: str) -> None:
    trainer = trained("finetuning", "stream.limit=12", network=network, tasks=1)
    model, task = trainer.model, trainer.stream.tasks[0]
    draws = trainer.generators("importance codes")
    states = [g.get_state() for g in draws]
    sign_and_size = (5, "sum", 1.0)
    found = importance.measured(what, trainer, task, *sign_and_size)
    for g, state in zip(draws, states, strict=True):
        g.set_state(state)
    ((codes, y),) = model.examples(trainer, task, 12)
    names, total = list(model.shared), {name: torch.zeros_like(p) for name, p in model.shared.items()}
    groups = list(torch.arange(12).split(5 if what == "entropy" else 1))
    for rows in groups:
        outputs = model(codes[:, rows], task)
        ink = (outputs.flatten(2) + 1) / 2
        value = {
            "ewc": lambda o=outputs, r=rows: F.logsigmoid(model.judged(o, y[:, r])).sum(),
            "mas": lambda o=outputs: o.flatten(2).square().sum(),
            "entropy": lambda k=ink: -(k * k.log() + (1 - k) * (1 - k).log()).nan_to_num().sum(),
        }[what]()
        for name, g in zip(names, torch.autograd.grad(value, [model.params[n] for n in names]), strict=True):
            change = g * model.params[name].detach()
            each = {"ewc": g.square(), "mas": g.abs(), "entropy": (change + change.square() / 2).relu()}[what]
            total[name] += each / len(groups)
    for name in names:
        largest = float(total[name].abs().max())
        assert largest > 0
        assert torch.allclose(found[name], total[name], 1e-2, 1e-4 * largest), name


def test_importance_reads_no_image_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = trained("finetuning", tasks=1)
    task = trainer.stream.tasks[0]
    white = replace(task, train=replace(task.train, images=torch.full_like(task.train.images, 255)))
    found = []
    for shown in (task, white):
        trainer.draws_of.pop("importance codes", None)
        found.append(importance.sensitivity(trainer, shown))
    assert tiny.same(*found)


# -- scores -------------------------------------------------------------------------------------------------------


def test_the_matrix_is_fid_of_as_many_samples_as_there_are_real_images(tmp_path: Path) -> None:
    chosen = settings("finetuning", seeds=(3,))
    trainer = tiny.learn(tiny.started(chosen), chosen, 2)
    model, task = trainer.model, trainer.stream.tasks[1]
    reader, _ = model.features_of(trainer)
    draws = [generator(3, "samples of task 1")]
    real = task.test.take(torch.arange(20))
    codes = model.codes(torch.full((1, 20), 1), torch.full((1, 20), 1), draws)
    images = (painted_by_hand(tiny.weights(trainer), codes[0]).view(20, 1, 8, 8) + 1) / 2
    as_bytes = [(255 * x).round().clamp(0, 255).to(torch.uint8) for x in (real, images)]
    expected = frechet(*(statistics_of(reader(x)) for x in as_bytes)).value
    scores = [trainer.score(t, t.test) for t in trainer.stream.tasks]
    assert scores[1][0] == pytest.approx(expected, rel=1e-6)
    assert scores[2] == [None]  # still to be learned
    (account,) = model.account(trainer, trainer.stream.tasks[:2])
    assert account["count"] == 40
    assert account["fid"] == {"0": pytest.approx(scores[0][0]), "1": pytest.approx(scores[1][0])}
    share = float((reader.say(as_bytes[1]) == 1).double().mean())
    assert account["read"]["1"] == share
    assert account["spread"]["1"] == pytest.approx(
        float(as_bytes[1].flatten(1).double().var(0, unbiased=False).mean())
        / float(as_bytes[0].flatten(1).double().var(0, unbiased=False).mean())
    )


def test_scoring_changes_nothing() -> None:
    trainer = trained("finetuning", tasks=1)
    before = tiny.snapshot(trainer)
    task = trainer.stream.tasks[0]
    first = trainer.score(task, task.test)
    trainer.model.account(trainer, [task])
    trainer.model.grid(trainer, [task], 0)
    assert tiny.same(before, tiny.snapshot(trainer))
    assert trainer.score(task, task.test) == first


def test_a_painter_of_one_image_and_a_critic_that_is_never_wrong_are_told() -> None:
    trainer = trained("finetuning", tasks=1)
    model, task = trainer.model, trainer.stream.tasks[0]
    with torch.no_grad():
        model.params["painter.layers.2.weight"][0].zero_()
        model.params["painter.layers.2.bias"][0].fill_(-9)  # black
        for name, p in model.of("critic", "critic_classes").items():
            p[0].zero_()
            if name == "critic.layers.0.weight":
                p[0, 0] = 1.0  # the sum of an image's pixels, black ones are below all others
            elif name == "critic.layers.0.bias":
                p[0, 0] = 62.0
            elif name in ("critic.layers.1.weight", "critic.layers.2.weight"):
                p[0, 0, 0] = 1.0
    trainer.score(task, task.test)
    one, _ = model.account(trainer, [task])
    assert one["critic"] > SURE
    assert len(one["warnings"]) == 2
    assert "collapsed" in one["warnings"][0]
    assert "critic is right of 100.0%" in one["warnings"][1]


def test_joint_has_samples_of_all_classes_and_a_picture_of_them(tmp_path: Path) -> None:
    chosen = settings("joint", seeds=(0,))
    group = Train(chosen).group((0,), tmp_path)
    (run,) = group.learn(MACHINE, lambda news: None)
    assert run.samples[0]["fid"] == {}
    assert list(run.samples[1]["fid"]) == ["0", "1", "2"]
    assert all(value is not None for value in run.matrix[1])
    with Image.open(tmp_path / "samples/stage-001-seed-0.png") as picture:
        assert picture.size == (8 * 8, 3 * 8)
        sheet = np.asarray(picture)
    assert len({sheet[:8, 8 * n : 8 * n + 8].tobytes() for n in range(8)}) == 8
    again = group.experiment.score_again(group, MACHINE, 1, group_data(group))
    assert again.rows == [run.matrix[1]]
    assert again.accounts == [run.samples[1]]


def group_data(group: SeedGroup) -> dict[str, str]:
    return group.experiment.build(group.seeds, MACHINE, tiny.CPU).stream.checksums


def test_images_whose_sides_do_not_fit_are_refused_and_the_stream_brings_its_network() -> None:
    with pytest.raises(UserError, match=r"dcgan paints images whose sides are multiples of 4"):
        tiny.started(resolve("ewc", "cgan-digits", sets=("stream.size=10",)))
    assert resolve("ewc", "cgan-digits").network == "dcgan"
    assert resolve("ewc", "split-digits").network == "mlp"
    assert resolve("ewc", "cgan-digits").stream_options["classes"] is None


def test_any_stream_of_images_will_do() -> None:
    chosen = resolve(
        "finetuning",
        "split-digits",
        network="dcgan",
        sets=("stream.classes=1", "stream.tasks=2", "network.samples=10", "train.epochs=1", *CONVOLUTIONS),
    )
    trainer = tiny.learn(tiny.started(chosen), chosen, 1)
    (score,) = trainer.score(trainer.stream.tasks[0], trainer.stream.tasks[0].test)
    assert score is not None
    assert math.isfinite(score)
