"""A network without hidden layers on a user's features: every method trains or says in one sentence why not."""

import numpy as np
import pytest
import tiny
from command_line import clbench

from clbench.config.resolve import resolve
from clbench.errors import UserError

GATED = {"hat", "xdg", "xdg-ewc", "xdg-si"}
SETS = tuple(s for s in tiny.TINY if not s.startswith("network."))


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    path = tmp_path_factory.mktemp("features") / "features.npz"
    draw = np.random.default_rng(0)
    centres, y = draw.normal(size=(4, 6)) * 3, np.arange(80) % 4
    x = (centres[y] + draw.normal(size=(80, 6))).astype("float32")
    np.savez(path, x_train=x, y_train=y, x_test=x[:40], y_test=y[:40])
    return path


def config(method, path, *sets):
    return resolve(method, f"split:{path}", seeds=(0, 1), sets=(*SETS, *sets), network="linear")


@pytest.mark.parametrize("method", tiny.METHODS)
def test_every_method_trains_or_is_refused_at_the_start(method, features):
    chosen = config(method, features)
    if method in GATED:
        with pytest.raises(UserError, match=f"^{method} gates hidden units, and this network takes no gates") as e:
            tiny.started(chosen)
        assert "\n" not in str(e.value)
        return
    trainer = tiny.learn(tiny.started(chosen), chosen)
    assert not trainer.model.shared
    scores = [score for task in trainer.stream.tasks for score in trainer.score(task, task.test)]
    assert all(score is not None and 0.5 < score <= 1 for score in scores)


def test_methods_that_protect_shared_weights_train_as_fine_tuning_does(features):
    plain, *protected = (
        tiny.weights(tiny.learn(tiny.started(chosen), chosen))
        for chosen in (config(m, features, *tiny.bare(m)) for m in ("finetuning", *tiny.QUADRATIC))
        if chosen.method not in GATED
    )
    for found in protected:
        assert tiny.same(found, plain)


def test_it_is_a_network_of_the_command_line(features, tmp_path):
    words = ["--stream", f"split:{features}", "--network", "linear", "--out", tmp_path, "--set", "train.epochs=1"]
    assert clbench("train", "--method", "ewc", *words, "--seeds", "2", "--quiet").code == 0
    assert clbench("evaluate", tmp_path).code == 0
    assert "takes no gates" in clbench("train", "--method", "hat", *words).line
