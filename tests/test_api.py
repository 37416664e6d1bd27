"""From Python: train, load, tables; the command line's own bytes and words; no torch before it trains."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT
from command_line import train as by_command
from results_by_hand import R3, shifted
from results_by_hand import result as made

import clbench
from clbench.results import Run, save
from clbench.run.api import Keywords

SMALL = {"stream.limit": 60, "stream.tasks": 2, "train.epochs": 1, "network.hidden": 8}
DIGITS = {"stream": "split-digits", "quiet": True, "set": SMALL}


def in_python(code: str, folder: Path) -> str:
    """What a fresh interpreter prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_as_a_researcher_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    results = clbench.train(
        method=["ewc", "joint"],
        stream="split-digits",
        seeds=2,
        out="runs",
        set={"strategy.ewc.lam": 100, "train": {"epochs": 1}, "stream": {"tasks": 3, "limit": 60}},
        quiet=True,
    )
    ewc = results[0]
    assert ewc.matrix.shape == (2, 4, 3)
    assert ewc.matrix.dtype == np.float64
    print(clbench.table(results, metrics=["ACC", "BWT"]))
    assert capsys.readouterr().out.startswith("### split-digits")
    again = clbench.load(tmp_path / "runs" / ewc.path)
    assert np.array_equal(again.matrix, ewc.matrix)
    assert [one.config["method"] for one in clbench.load_all("runs")] == ["ewc", "joint"]
    assert again.config["strategy"]["lam"] == 100.0
    assert again.table().rows[0]["metrics"]["ACC"]["mean"] == pytest.approx(100 * ewc.matrix[:, -1].mean())


def test_a_file_made_from_python_is_that_of_the_command(tmp_path):
    """To the byte but for clocks: the same digest, origins and matrix."""
    by_command(
        tmp_path / "a", "--method", "ewc", "--stream", "split-digits", "--seeds", "2", "--set", "strategy.lam=7"
    )
    given = clbench.train(
        "ewc", seeds=range(2), out=tmp_path / "b", **{**DIGITS, "set": SMALL | {"strategy.lam": 7}}
    )
    [theirs] = clbench.load_all(tmp_path / "a")
    assert (theirs.digest, theirs.origins, theirs.config) == (given.digest, given.origins, given.config)
    assert np.array_equal(theirs.matrix, given.matrix)


def test_finished_is_loaded_and_more_seeds_are_added(tmp_path):
    first = clbench.train("sgd", seeds=1, out=tmp_path, **DIGITS)
    more = clbench.train("sgd", seeds=[0, 3], out=tmp_path, **DIGITS)
    assert more.seeds == [0, 3]
    assert more.runs[0] == first.runs[0]
    assert clbench.train("sgd", seeds=1, out=tmp_path, **DIGITS).seeds == [0]


def test_silence_and_progress(tmp_path, capfd):
    clbench.train("sgd", out=tmp_path / "quiet", **DIGITS)
    assert capfd.readouterr() == ("", "")
    clbench.train("sgd", out=tmp_path / "told", **{**DIGITS, "quiet": False})
    out, err = capfd.readouterr()
    assert not out
    assert "sgd on split-digits, seed 0: ACC" in err


def test_an_experiment_in_a_file(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("method: sgd\nstream: split-digits\nseeds: 2\ntrain: {epochs: 3}\n")
    found = clbench.train(config=file, out=tmp_path, quiet=True, set=SMALL)
    assert found.config["train"]["epochs"] == 1  # arguments win
    assert found.seeds == [0, 1]
    file.write_text("method: sgd,ewc\nstream: split-digits\n")
    with pytest.raises(clbench.UserError, match=r"names 2 methods; method=\['sgd', 'ewc'\]"):
        clbench.train(config=file, out=tmp_path, quiet=True, set=SMALL)


def test_a_method_of_a_plugin_and_options_of_numpy(tmp_path):
    plugin = tmp_path / "halving.py"
    plugin.write_text(
        "from dataclasses import dataclass\nfrom clbench.registry import strategies\n"
        "from clbench.strategies.base import Strategy\n\n"
        "@strategies.register('halving')\n@dataclass\nclass Halving(Strategy):\n    '''Does nothing.'''\n"
    )
    options = {**SMALL, "train.lr": np.float64(0.05), "network.hidden": np.array([8, 4])}
    found = clbench.train("halving", plugins=plugin, out=tmp_path, stream="split-digits", quiet=True, set=options)
    assert found.config["train"]["lr"] == 0.05
    assert found.config["network"]["hidden"] == [8, 4]
    [maker] = found.makers.values()
    assert list(maker["plugins"]) == ["halving.py"]


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["--method", "ewcc"], {"method": "ewcc"}),
        (["--stream", "split-digit"], {"stream": "split-digit"}),
        (["--network", "mlpp"], {"network": "mlpp"}),
        (["--scenario", "tasks"], {"scenario": "tasks"}),
        (["--preset", "slow"], {"preset": "slow"}),
        (["--device", "gpu"], {"device": "gpu"}),
        (["--checkpoints", "some"], {"checkpoints": "some"}),
        (["--set", "train.lrr=1"], {"set": {"train.lrr": 1}}),
        (["--set", "train.lr=-1"], {"set": {"train.lr": -1}}),
        (["--method", "ewc", "--set", "strategy.lamb=1"], {"method": "ewc", "set": {"strategy": {"lamb": 1}}}),
        (["--set", "trian.lr=1"], {"set": {"trian.lr=1": 1}}),
        (["--config", "nothing.yaml"], {"config": "nothing.yaml"}),
    ],
)
def test_mistakes_have_the_words_of_the_command(words, given, tmp_path, monkeypatch):
    from command_line import clbench as command

    monkeypatch.chdir(tmp_path)
    with pytest.raises(clbench.UserError) as caught:
        clbench.train(**given)
    assert command("train", *words).line == f"clbench: {caught.value}"


@pytest.mark.parametrize("seeds", [0, [], [1, 1], [-1], [0.5], True])
def test_seeds_that_cannot_be(seeds, tmp_path):
    with pytest.raises(clbench.UserError, match="seed"):
        clbench.train("sgd", seeds=seeds, out=tmp_path, **DIGITS)


def test_what_is_not_there_is_nan():
    runs = [
        Run(0, status="done", matrix=[[0.1, 0.2], [0.9, 0.3], [0.8, 0.7]]),
        Run(4, status="diverged", matrix=[[0.1, 0.2], [None, 0.3]]),
    ]
    found = made()
    found.tasks, found.runs = ["a", "b"], runs
    nan = np.nan
    expected = [[[0.1, 0.2], [0.9, 0.3], [0.8, 0.7]], [[0.1, 0.2], [nan, 0.3], [nan, nan]]]
    assert np.array_equal(found.matrix, np.array(expected), equal_nan=True)


def test_in_a_notebook():
    found = made()
    found.config["method"] = "<b>ewc"
    assert found._repr_markdown_() == str(found.table()) == clbench.table([found]).text("md")
    html = found._repr_html_()
    assert html.count("<table>") == 1
    assert "<b>ewc" not in html
    assert "&lt;b&gt;ewc" in html
    assert repr(found).startswith("<Result <b>ewc on ")
    assert len(repr(found)) < 200


def test_the_best_is_bold_in_a_notebook():
    each = [made("ewc"), made("mas", [shifted(R3, -0.1)])]
    html = clbench.table(each)._repr_html_()
    assert "<b>" in html.partition("<ul>")[0]
    assert "**" not in html


def test_tables_of_nothing_and_of_unknown_metrics():
    with pytest.raises(clbench.UserError, match="one result at least"):
        clbench.table([])
    with pytest.raises(clbench.UserError, match="did you mean"):
        made().table(metrics=["ACCC"])


def test_a_pruning_study_is_no_training(tmp_path):
    from test_pruning_report import study

    save(study(), tmp_path / "study.json")
    with pytest.raises(clbench.UserError, match="holds no training"):
        clbench.load(tmp_path / "study.json")
    assert clbench.load_all(tmp_path) == []


def test_importing_and_loading_wait_for_no_torch(tmp_path):
    save(made(), tmp_path / "one.json")
    heavy = "('torch', 'numpy', 'typer', 'pydantic', 'jsonschema', 'matplotlib')"
    code = f"""
import sys
from pathlib import Path
import clbench
assert not [name for name in {heavy} if name in sys.modules]
assert set(clbench.__all__) <= set(dir(clbench))
found = clbench.load("one.json")
found.matrix.mean(), found._repr_html_(), found._repr_markdown_(), clbench.load_all(".")
try:
    clbench.train("ewc", "split-digits", set={{"train.lrr": 1}})
except clbench.UserError as error:
    print(error)
assert "torch" not in sys.modules
"""
    assert in_python(code, tmp_path) == "--set: no option train.lrr; did you mean 'lr'?\n"


@pytest.mark.long
def test_the_process_stays_as_it_was(tmp_path):
    code = f"""
import torch, clbench
from threadpoolctl import threadpool_info
of_blas = lambda: {{each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}}
torch.set_num_threads(2)
before = of_blas()
clbench.train("sgd", "split-digits", out="runs", quiet=True, set={SMALL!r})
assert of_blas() == before, (of_blas(), before)
print(torch.get_num_threads(), (torch.full((1,), 1e-310, dtype=torch.float64) * 0.5).item() > 0)
"""
    assert in_python(code, tmp_path) == "2 True\n"


def test_no_name_that_there_is_not():
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        clbench.trian  # noqa: B018


def test_the_keywords_for_type_checkers_are_those_of_train():
    own = [p.name for p in inspect.signature(clbench.train).parameters.values() if p.kind is p.KEYWORD_ONLY]
    assert own == list(Keywords.__annotations__)


USE = """
import numpy as np
from numpy.typing import NDArray

import clbench

one: clbench.Result = clbench.train("ewc", "split-mnist", seeds=5, set={"strategy.lam": 100})
many: list[clbench.Result] = clbench.train(["ewc", "si"], stream="split-mnist", seeds=[0, 3], quiet=True)
matrix: NDArray[np.float64] = clbench.load("runs/ewc.json").matrix
view: clbench.View = clbench.table(many, one, metrics=["ACC"])
rows: list[dict] = one.table().rows
"""


@pytest.mark.long
def test_types(tmp_path):
    """A user's own checks see the types, and a keyword that there is not."""
    assert (ROOT / "clbench" / "py.typed").is_file()
    (tmp_path / "use.py").write_text(USE)
    (tmp_path / "wrong.py").write_text('import clbench\n\nclbench.train("ewc", seed=5)\nclbench.load(3)\n')
    options = ["--follow-imports=silent", "--ignore-missing-imports", "--python-version=3.11"]
    environment = {**os.environ, "PYTHONPATH": "", "MYPYPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "use.py", "wrong.py"],
        cwd=tmp_path,
        env=environment,
        text=True,
        capture_output=True,
    )
    wrong = {line.partition(": error: ")[0] for line in done.stdout.splitlines() if ": error: " in line}
    assert wrong == {"wrong.py:3", "wrong.py:4"}, done.stdout + done.stderr
