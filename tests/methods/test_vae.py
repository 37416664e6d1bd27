"""A variational autoencoder in THE loop: its bound by hand, latent layers a task, what methods ask of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import finished, kill_after
from torch import Tensor

from clbench.config.resolve import Config, resolve
from clbench.errors import UserError
from clbench.learn import importance
from clbench.learn.trainer import Trainer
from clbench.models.lift import batched
from clbench.models.params import Params
from clbench.registry import strategies
from clbench.run.train import Train
from clbench.streams.draws import generator
from clbench.streams.task import Batch

REFUSED = {
    **dict.fromkeys(("derpp", "er-ace", "icarl", "lwf", "wa"), "is about classes, and this model gives none"),
    **dict.fromkeys(("hat", "xdg", "xdg-ewc", "xdg-si"), "gates hidden units, and this network takes no gates .*"),
}
METHODS = [method for method in strategies if method not in REFUSED]
SEEDS = (0, 3)
LATENT = 5
pytestmark = pytest.mark.usefixtures("lenets_kept")
CALM = (
    *("stream.tasks=3", "stream.limit=50", "train.lr=0.001", "train.optimizer=adam", "network.samples=20"),
    *(f"network.latent={LATENT}", "strategy.er.replay=13", "strategy.agem.replay=13", "strategy.gdumb.epochs=3"),
    *(f"strategy.{method}.consolidation=proximal" for method in ("ewc", "mas", "anpyc", "rwalk")),
)
SIZES = {"mlp-vae": ("network.hidden=21,13",), "conv-vae": ("network.maps=7,3", "network.hidden=13")}


def settings(method: str, *more: str, seeds: tuple[int, ...] = SEEDS, network: str = "mlp-vae") -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    return resolve(method, "cgan-digits", seeds=seeds, sets=(*own, *CALM, *SIZES[network], *more), network=network)


def trained(method: str, *more: str, tasks: int | None = None, **where) -> Trainer:
    chosen = settings(method, *more, **where)
    return tiny.learn(tiny.started(chosen), chosen, tasks)


# -- what holds for every method ----------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("method", METHODS)
def test_seeds_together_equal_seeds_alone(method: str) -> None:
    together = trained(method)
    assert tiny.finite(together)
    for place, seed in enumerate(SEEDS):
        alone = trained(method, seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone))
        state = {name: t[place] for name, t in together.strategy.state().items()}
        assert tiny.same(state, {name: t[0] for name, t in alone.strategy.state().items()})


@pytest.mark.parametrize("method", ["finetuning", "ewc", "dgr"])
def test_the_same_run_twice_is_the_same(method: str) -> None:
    once, again = trained(method), trained(method)
    assert tiny.same(once.model.state(), again.model.state())
    assert tiny.same(once.strategy.state(), again.strategy.state())


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "more", "network"),
    [
        *((method, (), "mlp-vae") for method in METHODS[::2]),
        *(("dgr", ("train.keep_optimizer=true",), network) for network in SIZES),
        ("ewc", ("network.latent_per_task=false",), "conv-vae"),
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


@pytest.mark.parametrize("method", REFUSED)
def test_a_method_is_refused_by_what_a_vae_lacks(method: str) -> None:
    with pytest.raises(UserError, match=rf"^{method} {REFUSED[method]}$"):
        tiny.started(settings(method))


@pytest.mark.parametrize("network", SIZES)
@pytest.mark.parametrize("method", ["joint", "mas", "dgr"])
def test_the_batched_form_is_the_unrolled_one(method: str, network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    unrolled = trained(method, network=network, tasks=2)
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = trained(method, network=network, tasks=2)
    for place in (0, 1):
        assert tiny.close(tiny.weights(lifted, place), tiny.weights(unrolled, place), 1e-2, 1e-3)


# -- the bound and the latent layers ------------------------------------------------------------------------------


def latent_layer(w: Params, name: str, t: int) -> tuple[Tensor, Tensor]:
    """Weight and bias of one task."""
    if f"{name}.layer.weight" in w:
        return w[f"{name}.layer.weight"], w[f"{name}.layer.bias"]
    return w[f"{name}.weight"][t], w[f"{name}.bias"][t]


def encoded(w: Params, x: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """Of an mlp-vae: mean and log-variance."""
    for n in (0, 1):
        x = (x @ w[f"encoder.layers.{n}.weight"].T + w[f"encoder.layers.{n}.bias"]).relu()
    weight, bias = latent_layer(w, "to_latent", t)
    found = x @ weight.T + bias
    return found[:, :LATENT], found[:, LATENT:]


def chances(w: Params, z: Tensor, t: int) -> Tensor:
    weight, bias = latent_layer(w, "from_latent", t)
    x = z @ weight.T + bias
    for n in (0, 1):
        x = x.relu() @ w[f"decoder.layers.{n}.weight"].T + w[f"decoder.layers.{n}.bias"]
    return 1 / (1 + (-x).exp())


def bound_by_hand(w: Params, x: Tensor, noise: Tensor, t: int) -> Tensor:
    mean, log_variance = encoded(w, x, t)
    ink = chances(w, mean + log_variance.exp().sqrt() * noise, t)
    q = torch.distributions.Normal(mean, log_variance.exp().sqrt())
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    likely = (x * ink.log() + (1 - x) * (1 - ink).log()).sum(1)
    return likely - torch.distributions.kl_divergence(q, prior).sum(1)


@pytest.mark.parametrize("per_task", ["true", "false"])
def test_the_loss_is_minus_the_bound_that_one_computes_by_hand(per_task: str) -> None:
    """Of a batch of three tasks, every row by its own latent layers, with weights of the rows."""
    trainer = trained("finetuning", f"network.latent_per_task={per_task}")
    model, stream = trainer.model, trainer.stream
    union = stream.union()
    rows = torch.tensor([0, 60, 120, 1, 121]).expand(2, -1)
    x, y, owner = union.train[rows]
    assert owner[0].tolist() == [0, 1, 2, 0, 2]
    weight = torch.tensor([0.1, 0.2, 0.3, 0.3, 0.1])
    states = [g.get_state() for g in model.noise.generators]
    batch = Batch(x, y, union, owner, weight=weight)
    outputs = model(model.inputs(batch), union)
    losses, likely = model.loss(outputs, batch), model.log_likelihood(outputs, y, union)
    for place, state in enumerate(states):
        g = torch.Generator()
        g.set_state(state)
        noise, w = torch.empty(5, LATENT).normal_(generator=g), tiny.weights(trainer, place)
        images = x[place].flatten(1)
        each = [bound_by_hand(w, images[[n]], noise[[n]], int(t)) for n, t in enumerate(owner[place])]
        assert torch.allclose(likely[place], torch.cat(each), 1e-4)
        assert torch.allclose(losses[place], -(torch.cat(each) * weight).sum(), 1e-4)


def test_samples_are_what_the_decoder_makes_of_the_prior_by_the_layer_of_their_task() -> None:
    trainer = trained("finetuning")
    model = trainer.model
    owner = torch.tensor([2, 0, 1, 1]).expand(2, -1)
    images = model.sample(owner, torch.zeros_like(owner), [generator(s, "x") for s in SEEDS])
    for place, seed in enumerate(SEEDS):
        z = torch.empty(4, LATENT).normal_(generator=generator(seed, "x"))
        w = tiny.weights(trainer, place)
        each = [chances(w, z[[n]], int(t)) for n, t in enumerate(owner[place])]
        assert torch.allclose(images[place].flatten(1), torch.cat(each), 1e-4, 1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "adamw"])
def test_latent_layers_of_earlier_tasks_are_left_alone(optimizer: str) -> None:
    chosen = settings("finetuning", "train.weight_decay=0.1", f"train.optimizer={optimizer}", "train.lr=0.0001")
    trainer = tiny.started(chosen)
    tiny.learn(trainer, chosen, 1)
    names = [name for name, slot in trainer.model.slots.items() if slot.role == "head"]
    assert {name.partition(".")[0] for name in names} == {"to_latent", "from_latent"}
    before = {name: trainer.model.params[name].clone() for name in names}
    group = Train(chosen).group(SEEDS, Path("unused"))
    for task in trainer.stream.tasks[1:]:
        group.experiment.learn_task(group, trainer, task, [])
    for name in names:
        assert torch.equal(trainer.model.params[name][:, 0], before[name][:, 0])
        assert not torch.equal(trainer.model.params[name][:, 1:], before[name][:, 1:])


@pytest.mark.parametrize("network", SIZES)
def test_one_latent_layer_for_all_tasks_is_shared_and_protected(network: str) -> None:
    own, one = (
        tiny.started(settings("ewc", f"network.latent_per_task={word}", network=network))
        for word in ("true", "false")
    )
    assert {name.partition(".")[0] for name in own.strategy.omega} == {"encoder", "decoder"}
    assert set(one.strategy.omega) == set(one.model.params)
    size = sum(p[0].numel() for p in one.model.params.values())
    assert [one.model.parameters_at(seen) for seen in (0, 3)] == [size, size]
    assert own.model.parameters_at(3) == sum(p[0].numel() for p in own.model.params.values())
    assert own.model.parameters_at(1) == size


def test_a_call_draws_nothing_and_noise_is_of_the_seeds_that_learn() -> None:
    trainer = trained("finetuning", tasks=1)
    model, task = trainer.model, trainer.stream.tasks[0]
    model.active = torch.tensor([True, False])
    x, y, _ = task.train[torch.arange(6).expand(2, -1)]
    states = [g.get_state() for g in model.noise.generators]
    inputs = model.inputs(Batch(x, y, task))
    moved = [not g.get_state().equal(s) for g, s in zip(model.noise.generators, states, strict=True)]
    assert moved == [True, False]
    assert inputs[1, :, 64 : 64 + LATENT].abs().max() == 0
    assert torch.equal(model(inputs, task), model(inputs, task))
    assert [not g.get_state().equal(s) for g, s in zip(model.noise.generators, states, strict=True)] == moved


def test_learning_makes_the_first_digit_likelier() -> None:
    sets = ("train.epochs=40", "train.lr=0.01", "network.hidden=64,32")
    before, after = trained("finetuning", *sets, tasks=0), trained("finetuning", *sets, tasks=1)
    task = before.stream.tasks[0]
    x, y = task.test.shown(slice(0, 20), 2)
    values = []
    for trainer in (before, after):
        batch = Batch(x, y, task)
        outputs = trainer.model(trainer.model.inputs(batch), task)
        values.append(trainer.model.log_likelihood(outputs, y, task).mean(1))
    assert (values[1] > values[0] + 10).all()  # nats, of 64 pixels


# -- what methods ask for -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("network", "per_task"), [("mlp-vae", "true"), ("conv-vae", "true"), ("conv-vae", "false")]
)
@pytest.mark.parametrize("what", ["ewc", "mas", "entropy"])
def test_importance_is_that_of_single_samples_of_its_own(what: str, network: str, per_task: str) -> None:
    sets = ("stream.limit=12", f"network.latent_per_task={per_task}")
    trainer = trained("finetuning", *sets, network=network, tasks=1)
    model, task = trainer.model, trainer.stream.tasks[0]
    draws = [*trainer.generators("importance codes"), *trainer.generators("importance noise")]
    states = [g.get_state() for g in draws]
    found = importance.measured(what, trainer, task, 5, "sum", 1.0)
    for g, state in zip(draws, states, strict=True):
        g.set_state(state)
    ((x, y),) = model.examples(trainer, task, 12)
    for g, state in zip(draws, states, strict=True):
        g.set_state(state)
    owner = torch.zeros_like(y)
    painted = model.sample(owner, y, trainer.generators("importance codes"))
    assert torch.equal(x[..., :64], painted.flatten(2))  # no image of the task is needed
    names, total = list(model.shared), {name: torch.zeros_like(p) for name, p in model.shared.items()}
    groups = list(torch.arange(12).split(5 if what == "entropy" else 1))
    for rows in groups:
        outputs = model(x[:, rows], task)
        ink = outputs[..., :64].sigmoid()
        value = {
            "ewc": lambda o=outputs: (o[..., -2] - o[..., -1]).sum(),
            "mas": lambda k=ink: k.square().sum(),
            "entropy": lambda k=ink: -(k * k.log() + (1 - k) * (1 - k).log()).sum(),
        }[what]()
        gradients = torch.autograd.grad(
            value, [model.params[n] for n in names], allow_unused=True, materialize_grads=True
        )
        for name, g in zip(names, gradients, strict=True):
            change = g * model.params[name].detach()
            each = {"ewc": g.square(), "mas": g.abs(), "entropy": (change + change.square() / 2).relu()}[what]
            total[name] += each / len(groups)
    assert all(float(t.abs().max()) > 0 for name, t in total.items() if name.startswith("decoder"))
    for name in names:
        largest = float(total[name].abs().max())
        assert torch.allclose(found[name], total[name], 1e-2, 1e-4 * largest), name


def test_rwalk_measures_a_vae_s_batches_along_the_way() -> None:
    trainer = trained("rwalk", "strategy.interval=2")
    assert tiny.finite(trainer)
    assert all(float(f.abs().max()) > 0 for n, f in trainer.strategy.fisher.items() if n.startswith("decoder"))


@pytest.mark.parametrize("network", SIZES)
@pytest.mark.parametrize("method", ["ewc", "mas"])
def test_a_unit_that_no_sample_switches_on_is_free_but_with_a_slope_below_zero(method: str, network: str) -> None:
    """Its weights have no gradient in any sample of the task, so that a later task may switch it on at no cost."""
    first = "decoder.layers.0" if network == "mlp-vae" else "decoder.first"
    for slope in (0.0, 0.2):
        trainer = trained("finetuning", f"network.slope={slope}", network=network, tasks=1)
        with torch.no_grad():
            trainer.model.params[f"{first}.bias"][:, 2] = -9.0
        task = trainer.stream.tasks[0]
        found = importance.measured(method, trainer, task, 5, "sum", 1.0)
        assert (found[f"{first}.weight"][:, 2].abs().amax(1) > 0).tolist() == [slope > 0] * 2
        assert bool((found[f"{first}.weight"][:, 3:].flatten(1).amax(1) > 0).all())


@pytest.mark.parametrize("network", SIZES)
def test_with_a_slope_a_decoder_that_is_held_paints_its_first_task_as_before(network: str) -> None:
    chosen = settings("mas", "network.slope=0.2", "strategy.lam=1e12", network=network)
    trainer = tiny.learn(tiny.started(chosen), chosen, 1)
    owner = torch.zeros(2, 6, dtype=torch.int64)
    first = trainer.model.sample(owner, owner, [generator(s, "x") for s in SEEDS])
    for task in trainer.stream.tasks[1:]:
        tiny.learn_task(chosen, trainer, task)
    last = trainer.model.sample(owner, owner, [generator(s, "x") for s in SEEDS])
    assert torch.allclose(first, last, atol=1e-3)


@pytest.mark.parametrize("network", SIZES)
def test_tasks_may_share_weights_alone_in_the_decoder(network: str) -> None:
    model = trained("ewc", "network.biases=false", network=network, tasks=1).model
    assert {n for n in model.shared if n.startswith("decoder") and model.slots[n].kind == "bias"} == set()
    assert {n for n in model.shared if n.startswith("encoder") and model.slots[n].kind == "bias"}


def test_er_shows_real_images_and_their_tasks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings("er")
    trainer = tiny.learn(tiny.started(chosen), chosen, 1)
    seen: list[Batch] = []
    loss = trainer.model.loss

    def watched(outputs: Tensor, batch: Batch) -> Tensor:
        seen.append(batch)
        return loss(outputs, batch)

    monkeypatch.setattr(trainer.model, "loss", watched)
    tiny.learn_task(chosen, trainer, trainer.stream.tasks[1])
    first = trainer.stream.tasks[0].train.take(torch.arange(50))
    old = [image for b in seen for image in b.x[0][b.owner[0] == 0]]
    assert len(old) > len(seen)
    assert all((first == image).flatten(1).all(1).any() for image in old)  # real ones, not painted
    assert all(b.x.shape[1] == b.own + 13 for b in seen)


# -- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("stream.normalize=standard",), r"a generator paints pixels from 0 to 1: --set stream\.normalize=unit"),
        (("stream.pad=1",), "conv-vae paints images whose sides are multiples of 4, and this stream shows 10x10"),
        (("stream.size=4",), "conv-vae takes images of at least 8x8 pixels, and this stream shows 1x4x4 numbers"),
    ],
)
def test_what_cannot_be_painted_is_refused(sets: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        tiny.started(settings("finetuning", *sets, network="conv-vae"))


def test_a_stream_of_pixels_in_another_order_cannot_be_scored() -> None:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    chosen = resolve("finetuning", "permuted-digits", sets=(*own, "network.hidden=9"), network="mlp-vae")
    trainer = tiny.started(chosen)
    with pytest.raises(
        UserError, match="FID is of images, and permuted-digits shows their pixels in another order"
    ):
        trainer.model.account(trainer, [])
