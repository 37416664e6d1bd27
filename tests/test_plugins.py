"""Methods, streams and networks of others: from one file, and from installed packages."""

import hashlib
import json
import sys
from importlib.metadata import EntryPoint

import pytest
from command_line import clbench, plugins_forgotten, train

from clbench.registry import PluginWarning, Registry, networks, strategies

PLUGIN = '''
"""A method, two streams and a network."""
import os
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import nn

from clbench.errors import UserError
from clbench.config.options import Count, Fraction
from clbench.registry import networks, strategies, streams
from clbench.strategies.base import Strategy
from clbench.streams.assemble import Part


@strategies.register("gentle")
@dataclass
class Gentle(Strategy):
    """Fine-tuning in smaller steps."""

    share: Annotated[Fraction, "of every gradient"] = 0.5

    def edit_gradients(self, model, batch):
        for p in model.params.values():
            if p.grad is not None:
                p.grad.mul_(self.share)


@strategies.register("fails")
@dataclass
class Fails(Strategy):
    """Fails in the second task."""

    how: str = "error"
    seed: int = -1  # in whose group; -1: in all

    def begin_task(self, trainer, task):
        if task.index == 0 or self.seed not in (-1, *trainer.model.seeds):
            return
        if self.how == "error":
            raise ZeroDivisionError("two\\nlines")
        if self.how == "mistake":
            raise UserError("this cannot be")
        if self.how == "killed":
            os.kill(os.getpid(), 9)


@streams.register("backwards")
def backwards(images, seed: int, tasks: Count = 2):
    """All classes, the pixels in their order and in the opposite one."""
    pixels = torch.arange(images.x_train[0].numel())
    orders = [pixels, pixels.flip(0)] * tasks
    return [Part(f"way {t + 1}", images, tuple(range(10)), orders[t]) for t in range(tasks)]


@streams.register("odd-even")
def odd_even(load, seed: int, tasks: Count = 2):
    """Pairs of digits."""
    return [Part(f"{t} or {t + 5}", load("digits"), (t, t + 5)) for t in range(tasks)]


@networks.register("conv")
class Conv(nn.Module):
    """A convolution with BatchNorm."""

    def __init__(self, input_shape, width: Annotated[Count, "channels"] = 4) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(input_shape[0], width, 3), nn.BatchNorm2d(width)
        self.features = width

    def forward(self, x, gates):
        return self.norm(self.conv(x)).relu().mean((2, 3))
'''
NO_HIDDEN = ["--set", "stream.limit=60", "--set", "stream.tasks=2", "--set", "train.epochs=1"]


@pytest.fixture(scope="module")
def plugin(tmp_path_factory):
    path = tmp_path_factory.mktemp("plugin") / "my_method.py"
    path.write_text(PLUGIN)
    with plugins_forgotten():
        yield path


def stored(out):
    return [json.loads(path.read_text()) for path in sorted(out.rglob("*.json"))]


def test_the_plugin_is_listed(plugin):
    text = clbench("list", "--plugin", plugin).out
    for name in ("gentle", "share = 0.5", "backwards-digits", "backwards:FILE.npz", "odd-even", "conv"):
        assert name in text


@pytest.mark.parametrize("stream", ["backwards-digits", "odd-even"])
def test_method_and_stream_of_a_plugin(plugin, stream, tmp_path):
    ran = train(tmp_path, "--method", "gentle", "--stream", stream, "--plugin", plugin, "--quiet")
    assert (ran.code, ran.err) == (0, "")
    found = stored(tmp_path)[0]
    assert found["status"] == "done"
    [maker] = found["makers"].values()
    assert maker["plugins"] == {"my_method.py": hashlib.sha256(plugin.read_bytes()).hexdigest()}


def test_network_of_a_plugin_keeps_its_statistics(plugin, tmp_path):
    words = ["--network", "conv", "--set", "network.width=3", "--stream", "split-digits", "--plugin", plugin]
    ran = clbench("train", "--method", "finetuning", *words, *NO_HIDDEN, "--out", tmp_path, "--seeds", "2")
    assert ran.code == 0, ran
    assert clbench("evaluate", tmp_path, "--plugin", plugin).code == 0


def test_evaluate_without_the_plugin_names_it(plugin, tmp_path):
    train(tmp_path, "--method", "gentle", "--plugin", plugin, "--quiet")
    strategies.entries.pop("gentle")
    line = clbench("evaluate", tmp_path).line
    assert str(tmp_path) in line
    assert "no method called 'gentle'" in line
    assert "--plugin my_method.py" in line
    del sys.modules[f"clbench_plugin_{hashlib.sha256(plugin.read_bytes()).hexdigest()[:12]}"]
    assert clbench("evaluate", tmp_path, "--plugin", plugin).code == 0


def test_evaluate_of_many_goes_on_past_one_without_its_plugin(plugin, tmp_path):
    train(tmp_path, "--method", "gentle", "--plugin", plugin, "--quiet")
    train(tmp_path, "--method", "finetuning,ewc", "--quiet")
    strategies.entries.pop("gentle")
    ran = clbench("evaluate", tmp_path)
    assert ran.code == 2
    assert "0 of 4 scores differ" in ran.out
    [line] = ran.err.splitlines()
    assert "gentle-" in line
    assert "--plugin my_method.py" in line
    ran = clbench("evaluate", tmp_path, "--json")
    assert (ran.code, len(json.loads(ran.out))) == (2, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def f(:", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit"),
        ("from clbench.registry import strategies\nstrategies.register('ewc')(type('E', (), {}))", "'ewc'"),
        ("from clbench.registry import networks\nnetworks.register('a/b')(int)", "cannot name a network"),
        ("from clbench.registry import networks\nnetworks.register('half')(int)\n1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_broken_plugin_is_named_and_leaves_nothing(text, words, tmp_path):
    path = tmp_path / "broken.py"
    path.write_text(text)
    for _ in range(2):
        line = clbench("list", "--plugin", path).line
        assert str(path) in line
        assert words in line
    assert "half" not in list(networks)


def test_a_plugin_file_that_is_none(tmp_path):
    assert "No such file" in clbench("list", "--plugin", tmp_path / "none.py").line
    assert "directory" in clbench("list", "--plugin", tmp_path).line
    (tmp_path / "notes.txt").write_text("x")
    assert "not a Python file" in clbench("list", "--plugin", tmp_path / "notes.txt").line


# -- installed packages ---------------------------------------------------------------------------------------


def installed(monkeypatch, *points: tuple[str, str]):
    found = [EntryPoint(name, value, "clbench.strategies") for name, value in points]
    monkeypatch.setattr("clbench.config.index.installed", lambda group: found if group == found[0].group else [])
    monkeypatch.setattr("clbench.config.index.index", lambda: None)
    monkeypatch.setattr(strategies, "filled", False)
    monkeypatch.setattr(strategies, "entries", dict(strategies.entries))
    monkeypatch.setattr(strategies, "broken", {})


def test_an_installed_method_is_found(monkeypatch):
    installed(monkeypatch, ("theirs", "clbench.strategies.base:Strategy"))
    assert "theirs" in list(strategies)


def test_a_broken_installed_method_is_one_line_of_warning_and_the_rest_works(monkeypatch, tmp_path):
    installed(monkeypatch, ("theirs", "nowhere_at_all:Method"), ("fine", "clbench.strategies.base:Strategy"))
    monkeypatch.setattr("warnings.filters", [("default", None, PluginWarning, None, 0)])
    ran = clbench("list", "methods")
    assert ran.code == 0
    assert "fine" in ran.out
    (line,) = ran.err.splitlines()
    assert line.startswith("clbench: warning: the installed method 'theirs' (nowhere_at_all:Method) was left out")
    assert (
        "is installed but cannot be imported: ModuleNotFoundError" in clbench("train", "--method", "theirs").line
    )


def test_an_installed_method_does_not_take_a_name(monkeypatch):
    installed(monkeypatch, ("ewc", "clbench.strategies.base:Strategy"))
    with pytest.warns(PluginWarning, match="two methods are called 'ewc'"):
        strategies.fill()
    assert strategies["ewc"].__name__ == "EWC"


def test_a_name_is_taken_once():
    own = Registry("thing", "none")
    own.filled = True
    own.register("a")(int)
    own.register("a")(float)  # the same module may replace its own
    assert own["a"] is float
