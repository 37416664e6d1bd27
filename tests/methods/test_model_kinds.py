"""The core knows no classifier: model kinds of a user's own, with a score of their own, and with two players."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny
import torch
from test_every_method import MACHINE, finished, kill_after
from torch import nn

from clbench.config.resolve import Config
from clbench.errors import UserError
from clbench.learn import importance
from clbench.learn.trainer import Trainer
from clbench.models.base import Model, Player
from clbench.models.lift import batched
from clbench.registry import load_plugin, models, networks
from clbench.run.train import Train
from clbench.streams.draws import generator

PLUGIN = Path(__file__).parent / "my_autoencoder.py"
METHODS = ("finetuning", "sgd", "ewc", "mas", "si", "anpyc", "l2", "rwalk", "joint", "er", "agem", "packnet")
SEEDS = (0, 3)
CALM = (  # batches that end with a vector register, where functions of single numbers round otherwise
    *("stream.tasks=3", "stream.limit=48", "train.lr=0.01"),
    *(f"strategy.{method}.consolidation=proximal" for method in ("ewc", "mas", "anpyc")),
)
load_plugin(PLUGIN)


def settings(method: str, *more: str, seeds: tuple[int, ...] = SEEDS, network: str = "tiny-autoencoder") -> Config:
    own = [s for s in tiny.TINY if not s.startswith("network.")]
    return tiny.resolve(method, "split-digits", seeds=seeds, sets=(*own, *CALM, *more), network=network)


def trained(method: str, *more: str, **where) -> Trainer:
    chosen = settings(method, *more, **where)
    return tiny.learn(tiny.started(chosen), chosen)


@pytest.mark.parametrize("method", METHODS)
def test_seeds_of_an_autoencoder_together_equal_seeds_alone(method: str) -> None:
    together = trained(method)
    for place, seed in enumerate(SEEDS):
        alone = trained(method, seeds=(seed,))
        assert tiny.same(tiny.weights(together, place), tiny.weights(alone))
        state = {name: t[place] for name, t in together.strategy.state().items()}
        assert tiny.same(state, {name: t[0] for name, t in alone.strategy.state().items()})


@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_autoencoder_ends_with_the_bits_of_an_uninterrupted_one(method: str, tmp_path: Path) -> None:
    chosen = settings(method)
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 2)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors)


def test_the_matrix_of_an_autoencoder_is_what_one_computes_by_hand() -> None:
    chosen = settings("finetuning")
    trainer = tiny.started(chosen)
    task = trainer.stream.tasks[1]
    x = task.test.take(torch.arange(len(task.test))).flatten(1)
    for place, score in enumerate(trainer.score(task, task.test)):
        w = tiny.weights(trainer, place)
        hidden = (x @ w["network.encoder.weight"].T + w["network.encoder.bias"]).relu()
        given = (hidden @ w["network.decoder.weight"].T + w["network.decoder.bias"]).sigmoid()
        assert score == pytest.approx(float((given - x).square().mean()), rel=1e-5)


def test_learning_lowers_the_error_and_a_strong_pull_keeps_the_first_task(tmp_path: Path) -> None:
    sets = ("train.epochs=10", "train.lr=0.02", "strategy.ewc.consolidation=proximal")
    free, held = (
        Train(c := settings(m, *sets, *more)).group(c.seeds, tmp_path / m).learn(MACHINE, lambda news: None)
        for m, more in (("finetuning", ()), ("ewc", ("strategy.ewc.lam=1e5",)))
    )
    for a, b in zip(free, held, strict=True):
        untrained, learned, forgotten = (a.matrix[stage][0] for stage in (0, 1, 3))
        assert learned < forgotten < untrained
        assert b.matrix[3][0] - b.matrix[1][0] < 0.8 * (forgotten - learned)


def test_fisher_and_sensitivity_of_an_autoencoder_are_those_of_single_samples() -> None:
    trainer = trained("finetuning")
    task = trainer.stream.tasks[2]
    model = trainer.model
    measured = importance.fisher(trainer, task, "true"), importance.sensitivity(trainer, task)
    names = list(model.shared)
    sums = [{n: torch.zeros_like(model.params[n][0]) for n in names} for _ in measured]
    for n in range(len(task.train)):
        x = task.train.take(torch.tensor([n])).expand(len(SEEDS), 1, *trainer.stream.input_shape)
        outputs = trainer.strategy.outputs(model, x, task)
        values = model.log_likelihood(outputs, None, task)[1, 0], model.response(outputs)[1, 0].square().sum()
        for total, value, f in zip(sums, values, (torch.square, torch.abs), strict=True):
            found = torch.autograd.grad(value, [model.params[name] for name in names], retain_graph=True)
            for name, g in zip(names, found, strict=True):
                total[name] += f(g[1])
    for total, found in zip(sums, measured, strict=True):
        for name in names:
            expected = total[name] / len(task.train)
            assert torch.allclose(found[name][1], expected, 1e-3, 1e-5 * float(expected.max()))


@pytest.mark.parametrize(
    ("method", "why"),
    [
        ("lwf", "is about classes, and this model gives none"),
        ("derpp", "is about classes, and this model gives none"),
        ("hat", "gates hidden units, and this network takes no gates .*"),
        ("xdg", "gates hidden units, and this network takes no gates .*"),
    ],
)
def test_a_method_is_refused_by_what_the_model_lacks(method: str, why: str) -> None:
    with pytest.raises(UserError, match=rf"^{method} {why}$"):
        tiny.started(settings(method))


# -- two players --------------------------------------------------------------------------------------------------


class Rivals(nn.Module):
    """A maker that turns an image into another, and a critic that tells the two apart."""

    model = "rivals"

    def __init__(self, input_shape) -> None:
        super().__init__()
        self.maker, self.critic = nn.Linear(64, 64), nn.Linear(64, 8)
        self.noise = nn.Dropout(0.2)

    def forward(self, x):
        return self.critic(self.noise(self.maker(x).sigmoid()))


class TwoPlayers(Model):
    """The critic learns to tell, the maker to pass for real; methods act on the maker."""

    score = models["autoencoder"].score

    def players(self):
        names = {
            who: tuple(n for n in self.params if n.startswith(f"network.{who}.")) for who in ("critic", "maker")
        }
        return Player("critic", names["critic"], consolidated=False, rate=0.5), Player("maker", names["maker"])

    def __call__(self, x, task, gates=None, instead=None):
        return self.forward(lambda one, x: one("network", x), (x.flatten(2),), instead)

    def loss(self, outputs, batch):
        return nn.functional.softplus(-outputs).flatten(1).mean(1)

    def player_loss(self, player, batch):
        made = self(batch.x, batch.task)
        if player.name == "maker":
            return self.loss(made, batch)
        real = self.forward(lambda one, x: nn.functional.linear(x, *weights_of_critic(one)), (batch.x.flatten(2),))
        return (nn.functional.softplus(made) + nn.functional.softplus(-real)).flatten(1).mean(1)

    def evaluate(self, trainer, task, split):
        return [float(p.square().mean()) for p in self.params["network.maker.weight"]]


def weights_of_critic(one):
    return one.state["network.critic.weight"], one.state["network.critic.bias"]


@pytest.fixture
def rivals(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry, name, entry in ((networks, "rivals", Rivals), (models, "rivals", TwoPlayers)):
        registry.fill()
        monkeypatch.setitem(registry.entries, name, entry)


PATIENT = ("train.epochs=6", "train.patience=1", "train.weight_decay=0.01")


@pytest.mark.long
@pytest.mark.parametrize("method", ["finetuning", "mas", "si", "l2", "packnet", "agem"])
@pytest.mark.parametrize("sets", [(), PATIENT, ("train.optimizer=adam", "train.keep_optimizer=true")])
def test_two_players_fit_the_loop(method: str, sets: tuple[str, ...], rivals: None, tmp_path: Path) -> None:
    where = {"network": "rivals"}
    together = trained(method, *sets, **where)
    for place, seed in enumerate(SEEDS):
        assert tiny.same(
            tiny.weights(together, place), tiny.weights(trained(method, *sets, seeds=(seed,), **where))
        )
    chosen = settings(method, *sets, **where)
    runs, tensors = finished(chosen, tmp_path / "whole")
    kill_after(chosen, tmp_path / "killed", 1)
    resumed, found = finished(chosen, tmp_path / "killed")
    assert [run.matrix for run in resumed] == [run.matrix for run in runs]
    assert tiny.same(found, tensors)


def test_methods_act_on_the_consolidated_player_alone(rivals: None) -> None:
    trainer = tiny.started(settings("mas", network="rivals"))
    assert trainer.model.shared.keys() == {"network.maker.weight", "network.maker.bias"}
    assert trainer.strategy.omega.keys() == trainer.model.shared.keys()


def test_each_player_steps_by_its_own_loss_at_its_own_rate(rivals: None) -> None:
    """One step against plain autograd: first the critic, then the maker against the critic as it now is."""
    chosen = settings(
        "finetuning", "train.epochs=1", "stream.limit=16", "train.lr=0.05", seeds=(0,), network="rivals"
    )
    trainer = tiny.started(chosen)
    model, task = trainer.model, trainer.stream.tasks[0]
    model.modules["network"].noise.share = 0.0
    before = tiny.weights(trainer)
    x, _, _ = task.train[torch.randperm(16, generator=generator(0, "order")).unsqueeze(0)]
    params = {name: p.clone().requires_grad_(True) for name, p in before.items()}

    softplus, flat = nn.functional.softplus, x[0].flatten(1)

    def of_critic(images):
        return images @ params["network.critic.weight"].T + params["network.critic.bias"]

    def made():
        return of_critic((flat @ params["network.maker.weight"].T + params["network.maker.bias"]).sigmoid())

    for who, rate, loss in (
        (".critic.", 0.025, lambda: softplus(made()) + softplus(-of_critic(flat))),
        (".maker.", 0.05, lambda: softplus(-made())),
    ):
        mine = {name: p for name, p in params.items() if who in name}
        found = torch.autograd.grad(loss().mean(), list(mine.values()))
        for (name, p), g in zip(mine.items(), found, strict=True):
            params[name] = (p - rate * g).detach().requires_grad_(True)
    tiny.learn(trainer, chosen, tasks=1)
    assert tiny.close(tiny.weights(trainer), {n: p.detach() for n, p in params.items()}, 1e-4, 1e-6)
    assert not tiny.close(before, tiny.weights(trainer), 1e-4, 1e-6)


def test_the_batched_form_of_two_players_is_the_unrolled_one(
    rivals: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unrolled = trained("mas", network="rivals")
    monkeypatch.setattr("clbench.models.stacked.lift", lambda device: batched)
    lifted = trained("mas", network="rivals")
    for place in (0, 1):
        assert tiny.close(tiny.weights(lifted, place), tiny.weights(unrolled, place), 1e-3, 1e-4)
