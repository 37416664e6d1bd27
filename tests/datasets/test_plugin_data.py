"""A data set of a plugin file: listed, made into streams, trained on; what is wrong with one is one line."""

import json

import pytest
from command_line import clbench, plugins_forgotten

from clbench.datasets import load
from clbench.registry import REGISTRIES

PLUGIN = '''
"""A data set made of arrays, one that lies in a file, and four that are wrong."""
import torch

from clbench.datasets import DataSet, Images
from clbench.registry import datasets


def made(name, x, y, checksums=None):
    return Images(name, x, y, x, y, ("dark", "light"), checksums or {})


@datasets.register("mine")
class Mine(DataSet):
    """Dark and light squares."""

    licence = "CC0"

    def read(self, files, allow_modified):
        y = torch.arange(40) % 2
        return made(self.name, (y * 200).to(torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 3, 1).contiguous(), y)


@datasets.register("filed")
class Filed(DataSet):
    """Squares in a file."""

    parts = ("squares.bin",)
    source = "https://example.org"


@datasets.register("bare")
class Bare(DataSet):
    """Says nothing."""

    def read(self, files, allow_modified):
        return None


@datasets.register("flat")
class Flat(DataSet):
    """Wrong axes."""

    def read(self, files, allow_modified):
        return made(self.name, torch.zeros(4, 9, dtype=torch.uint8), torch.arange(4) % 2)


@datasets.register("short")
class Short(DataSet):
    """Wrong count."""

    def read(self, files, allow_modified):
        return made(self.name, torch.zeros(4, 9), torch.arange(3) % 2)


@datasets.register("more")
class More(DataSet):
    """Wrong labels."""

    def read(self, files, allow_modified):
        return made(self.name, torch.zeros(4, 9), torch.arange(4))
'''
TINY = ["--set", "stream.classes=1", "--set", "train.epochs=1", "--set", "network.hidden=4", "--quiet"]


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "my_data.py"
    path.write_text(PLUGIN)
    with plugins_forgotten():
        yield path


def test_it_is_trained_on_by_name(plugin, tmp_path):
    words = ["train", "--method", "finetuning", "--stream", "split-mine", *TINY, "--out", tmp_path / "runs"]
    ran = clbench(*words, "--plugin", plugin)
    assert (ran.code, ran.err) == (0, "")
    (path,) = (tmp_path / "runs").rglob("*.json")
    found = json.loads(path.read_text())
    assert [task["name"] if isinstance(task, dict) else task for task in found["tasks"]] == ["dark", "light"]
    assert clbench("evaluate", tmp_path / "runs", "--plugin", plugin).code == 0


def test_a_finished_run_whose_data_set_has_other_code_is_not_finished(plugin, tmp_path):
    words = ["--method", "finetuning", "--stream", "split-mine", *TINY, "--out", tmp_path / "runs"]
    assert clbench("train", *words, "--plugin", plugin).code == 0
    plugin.write_text(PLUGIN.replace("y * 200", "y * 100"))
    for registry in REGISTRIES:
        registry.entries = {n: e for n, e in registry.entries.items() if "clbench_plugin_" not in e.__module__}
    ran = clbench("train", *words, "--plugin", plugin)
    assert ran.code == 2
    assert "other code than that of my_data.py" in ran.line
    assert "--force" in ran.line


def test_without_the_plugin_its_stream_is_unknown_in_one_line(tmp_path):
    ran = clbench("train", "--method", "finetuning", "--stream", "split-mine", "--out", tmp_path)
    assert ran.code == 2
    assert "no stream called 'split-mine'" in ran.line


def test_it_is_listed(plugin, tmp_path):
    root = tmp_path / "root"
    rows = json.loads(clbench("data", "list", "--plugin", plugin, "--data-root", root, "--json").out)
    found = {row["name"]: row for row in rows}
    assert [found["mine"][key] for key in ("status", "licence", "what")] == [
        "embedded",
        "CC0",
        "Dark and light squares.",
    ]
    assert (found["filed"]["status"], found["filed"]["licence"]) == ("absent", "none stated")
    assert "split-mine" in clbench("list", "streams", "--plugin", plugin).out
    assert clbench("data", "verify", "mine", "--plugin", plugin).code == 0
    assert "has no files" in clbench("data", "fetch", "mine", "--plugin", plugin).out


def test_its_absent_file_is_one_line(plugin, tmp_path):
    words = ["--stream", "split-filed", "--plugin", plugin, "--data-root", tmp_path / "root", "--out", tmp_path]
    ran = clbench("train", "--method", "finetuning", *words)
    assert ran.code == 2
    assert f"put squares.bin (from https://example.org) into {tmp_path}/root/filed" in ran.line
    verified = clbench("data", "verify", "filed", "--plugin", plugin)
    assert (verified.code, verified.out.count("missing")) == (1, 1)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bare", "read must return clbench.datasets.Images, not NoneType"),
        ("flat", "x_train is torch.uint8 of shape [4, 9]; wanted is uint8 [N, H, W, C] or float [N, D]"),
        ("short", "y_train is torch.int64 of shape [3] for 4 images"),
        ("more", "y_train has labels from 0 to 3, and there are 2 classes"),
    ],
)
def test_a_wrong_one_is_named(plugin, name, words, tmp_path):
    ran = clbench("train", "--stream", f"split-{name}", "--plugin", plugin, "--out", tmp_path)
    assert ran.code == 2
    assert f"data set {name} ({plugin})" in ran.line
    assert words in ran.line


def test_an_installed_one_that_cannot_be_imported_is_named(monkeypatch):
    from clbench.errors import UserError
    from clbench.registry import datasets

    list(datasets)
    monkeypatch.setitem(datasets.broken, "gone", "ImportError: nothing there")
    with pytest.raises(UserError, match="data set 'gone' is installed but cannot be imported: ImportError"):
        load("gone")
