"""clbench sweep compare: budgets, spaces, edges and what hangs on a winner, from records alone."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT, clbench

from clbench.config.options import Percent, Share
from clbench.results import sweep_record as records
from clbench.results.digests import digest
from clbench.results.sweep_record import Record, Trial
from clbench.sweep.edges import edge_of, is_natural, place_of
from clbench.sweep.searched import Searched, read

COMMITTED = ROOT / "benchmarks" / "sweeps"
LOG = {"low": 0.001, "high": 1000.0, "log": True, "integer": False}
PLAIN = {"low": 0.0, "high": 100.0, "log": False, "integer": False}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("value", "axis", "place", "edge"),
    [
        (1.0, LOG, 0.5, ""),
        (0.0019, LOG, 0.0465, "low"),
        (0.0022, LOG, 0.057, ""),
        (600.0, LOG, 0.963, "high"),
        (4.9, PLAIN, 0.049, "low"),
        (5.1, PLAIN, 0.051, ""),
        (95.1, PLAIN, 0.951, "high"),
        (3, {"values": [10, 1, 3]}, 0.5, ""),
        (10, {"values": [10, 1, 3]}, 1.0, "high"),
        (1, {"values": [10, 1, 3]}, 0.0, "low"),
        (5, {"values": [5]}, None, ""),
        ("proximal", {"values": ["gradient", "proximal"]}, None, ""),
        (True, {"values": [False, True]}, None, ""),
    ],
)
def test_an_edge_is_the_outer_five_percent_on_the_range_s_own_scale(value, axis, place, edge):
    found = place_of(value, axis)
    assert found == (None if place is None else pytest.approx(place, abs=1e-3))
    assert edge_of(value, axis) == edge


@pytest.mark.parametrize(
    ("edge", "axis", "option", "natural"),
    [
        ("low", {"values": [0, 0.5]}, Share, True),
        ("high", {"values": [0, 1]}, Share, True),
        ("high", {"values": [0, 0.5]}, Share, False),
        ("low", {**PLAIN, "high": 60.0}, Percent, True),
        ("high", {**PLAIN, "high": 60.0}, Percent, False),
        ("high", PLAIN, Percent, True),
        ("low", LOG, Share, False),
        ("low", PLAIN, None, False),
    ],
)
def test_where_the_option_ends_so_does_the_search(edge, axis, option, natural):
    assert is_natural(edge, axis, option) is natural


def record_of(method, scores, values, *, trials=4, seeds=1, stream="split-digits", status=None):
    axis = {"low": 0.0, "high": 0.9, "log": False, "integer": False}
    config = {"method": method, "network": {"name": "mlp"}, "scenario": "task", "stream": {"name": stream}}
    plan = {
        "config": {**config, "train": {"epochs": 2}},
        "space": {"strategy.closed": axis} if method == "xdg" else {"train.lr": axis},
        "search": "random",
        "trials": trials,
        "protocol": "stream",
        "validation": 0.1,
        "search_seeds": list(range(seeds)),
    }
    name = next(iter(plan["space"]))
    made = [
        Trial(n, {name: value}, f"t{n}.json", "done" if score else "diverged")
        for n, (score, value) in enumerate(zip(scores, values, strict=True))
    ]
    for trial, score in zip(made, scores, strict=True):
        trial.scores = trial.spread = [score] if score else []
    record = Record(digest(plan), plan, trials=made)
    records.save(record, path := Path("runs") / stream / f"sweep-{method}-{record.digest}.json")
    return path


def test_a_search_is_summed_up():
    path = record_of("xdg", [None, 90.0, 89.5, 80.0], [0.5, 0.01, 0.3, 0.4])
    [one] = read([path])
    assert one.course == [None, 90.0, 90.0, 90.0]
    assert one.near == 2
    [value] = one.values
    assert (value.option, value.best, value.edge, value.natural) == ("strategy.closed", 0.01, "low", True)
    assert value.standing == "low edge, its natural bound"
    assert one.images is None
    assert one.budget == "random, 4 trials of 1 seed, 2 epochs a task, protocol stream, 10 % held out"


def test_searches_of_one_budget_say_so_and_others_say_how_they_differ():
    record_of("xdg", [90.0], [0.3])
    record_of("sgd", [90.0], [0.3])
    assert "The same budget for all: random, 4 trials of 1 seed" in clbench("sweep", "compare", "runs").out
    record_of("er", [90.0], [0.3], seeds=2)
    told = clbench("sweep", "compare", "runs").out
    assert "Budgets differ: sgd, xdg: random, 4 trials of 1 seed" in told
    assert "er: random, 4 trials of 2 seeds" in told
    record_of("er", [90.0], [0.3], stream="permuted-digits")
    assert "permuted-digits, task scenario, network mlp: what was spent" in clbench("sweep", "compare", "runs").out


def test_every_format_holds_the_searches():
    path = record_of("sgd", [90.0, 95.0], [0.3, 0.89])
    told = clbench("sweep", "compare", path)
    assert told.code == 0, told
    [line] = [line for line in told.out.splitlines() if "train.lr" in line]
    assert line.split() == ["sgd", "train.lr", "0", "to", "0.9", "0.89", "99", "high", "edge"]
    [one] = json.loads(clbench("sweep", "compare", "runs", "--json").out)
    assert (one["trials"], one["done"], one["within_half_a_point"]) == (4, 2, 1)
    assert one["best_so_far"] == [90.0, 95.0]
    for suffix in ("md", "csv", "html", "tex"):
        assert clbench("sweep", "compare", path, "-o", f"x.{suffix}").code == 0
        assert "sgd" in Path(f"x.{suffix}").read_text()
    assert "train.lr edge" in Path("x.csv").read_text()


def test_the_committed_searches_know_how_many_images_they_showed():
    [one] = [s for s in read([COMMITTED / "split-mnist"]) if s.method == "anpyc"]
    assert isinstance(one, Searched)
    assert one.record.plan["trials"] == 55
    [epochs] = {one.record.plan["config"]["train"]["epochs"]}
    assert one.images is not None
    assert one.images >= 54_000 * epochs  # the training images that are not held out


def test_the_picture_has_a_panel_a_method_and_a_line_in_each():
    from clbench.sweep.best_so_far import best_so_far

    for method in ("sgd", "xdg", "er"):
        record_of(method, [50.0, None, 97.0, 99.0], [0.1, 0.2, 0.3, 0.4])
    done = clbench("sweep", "compare", "runs", "--plots", "drawn")
    assert done.code == 0, done
    assert sorted(path.suffix for path in Path("drawn").iterdir()) == [".png", ".svg"]
    found = read([Path("runs")])
    figure = best_so_far("here", [(one.method, one) for one in found])
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["er: 99.00", "sgd: 99.00", "xdg: 99.00"]
    for axes in panels:
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), [50.0, 50.0, 97.0, 99.0])
        assert axes.get_ylim()[1] <= 100


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "name records"),
        (("nowhere",), "nowhere"),
        (("empty",), "empty: no record of a sweep"),
        (("r.json",), "not the record of a sweep"),
    ],
)
def test_a_mistake_is_one_line(words, expected):
    Path("empty").mkdir()
    Path("r.json").write_text('{"kind": "train"}')
    assert expected in clbench("sweep", "compare", *words).line


def test_a_record_that_is_not_its_trials_is_refused():
    shutil.copytree(COMMITTED / "permuted-mnist", "copy/permuted-mnist")
    path = Path("copy/permuted-mnist/sweep-anpyc-407288b9956a.json")
    raw = json.loads(path.read_text())
    raw["trials"][1]["scores"][-1] = 1.0
    path.write_text(json.dumps(raw))
    assert "trials[1].scores" in clbench("sweep", "compare", "copy").line


def test_comparing_imports_no_torch():
    record_of("sgd", [90.0], [0.3])
    code = (
        "import sys; sys.argv = ['clbench', 'sweep', 'compare', 'runs', '--plots', 'drawn']\n"
        "from clbench.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert len(list(Path("drawn").iterdir())) == 2
