"""Analyses say what their definitions say, worked by hand, and refuse in a line what they cannot read."""

import csv
import io
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from command_line import clbench, plugins_forgotten, train
from results_by_hand import JOINT3, R3, result, run, shifted
from scipy import linalg, stats

from clbench import metrics
from clbench.analysis import (
    Lacking,
    analyze,
    importance_distribution,
    over_stages,
    over_tasks,
    over_values,
    over_width,
    parameter_growth,
    parameter_space,
    pruning_strategies,
    read,
)
from clbench.analysis.checkpoint_arrays import in_order, layers
from clbench.analysis.importance import density, described, normalised
from clbench.analysis.parameters import change, frechet
from clbench.errors import UserError
from clbench.results import load, save
from clbench.run import checkpoint

RNG = np.random.default_rng(0)


def put(folder, *results):
    for n, one in enumerate(results):
        save(one, folder / f"{n}.json")
    return read([folder])


def column(analysis, name):
    return [row[name] for row in analysis.rows]


# -- importance ---------------------------------------------------------------------------------------------------


def test_normalised_importance_runs_from_zero_to_one():
    assert normalised(np.array([2.0, 3.0, 6.0])).tolist() == [0, 0.25, 1]
    assert normalised(np.array([5.0, 5.0])).tolist() == [0, 0]


def test_moments_by_hand():
    """0, 0, 0, 1: mean 1/4, second moment 3/16, third 3/32, fourth 21/256."""
    found = described(np.array([0.0, 0, 0, 1]))
    assert found["skewness"] == pytest.approx((3 / 32) / (3 / 16) ** 1.5)
    assert found["kurtosis"] == pytest.approx((21 / 256) / (3 / 16) ** 2 - 3)
    assert (found["low"], found["zero"]) == (75, 75)


def test_moments_of_importance_without_spread_are_not_a_number():
    assert np.isnan([described(np.zeros(3))[name] for name in ("kurtosis", "skewness")]).all()


def test_density_is_percent_of_all_parameters_a_decade():
    edges, percent = density(np.array([0.0, 1e-12, 0.05, 1.0]), bins=8)
    assert edges.tolist() == [-8, -7, -6, -5, -4, -3, -2, -1, 0]
    assert percent.tolist() == [0, 0, 0, 0, 0, 0, 25, 25]


# -- parameter space ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ["units", "weights", "exact"])
def test_equal_distributions_are_at_no_distance_whatever_the_order_of_units(of):
    rows = RNG.normal(size=(5, 8))  # fewer units than inputs: the covariance is singular
    assert frechet(rows, rows[::-1], of) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("of", "squared"), [("units", 3 * 0.25), ("weights", 0.25), ("exact", 0.25)])
def test_a_shift_is_at_its_square(of, squared):
    rows = RNG.normal(size=(9, 3))
    assert frechet(rows, rows + 0.5, of) == pytest.approx(squared)


def test_a_stretch_counts_by_its_standard_deviation():
    """One input: standard deviations 2 (of n - 1) and 6, the means 0: (2 - 6)²."""
    rows = np.array([[-2.0], [0.0], [2.0]])
    assert frechet(rows, 3 * rows) == pytest.approx(16)
    assert frechet(rows, 3 * rows, "weights") == pytest.approx(16 * 2 / 3)  # divided by n, not n - 1


def test_the_distance_of_units_is_that_of_fid():
    before, after = RNG.normal(size=(40, 4)), RNG.normal(0.3, 2.0, size=(40, 4)) @ RNG.normal(size=(4, 4))
    s1, s2 = np.cov(before.T), np.cov(after.T)
    shift = before.mean(0) - after.mean(0)
    expected = shift @ shift + np.trace(s1 + s2 - 2 * linalg.sqrtm(s1 @ s2).real)
    assert frechet(before, after) == pytest.approx(expected)


def test_the_exact_distance_pairs_the_sorted_weights():
    assert frechet(np.array([[3.0, 0.0]]), np.array([[1.0, 5.0]]), "exact") == (1 + 4) / 2


def test_change_is_weighted():
    before, after = np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]])
    assert change(before, after) == 2
    assert change(before, after, np.array([[0.75, 0.25]])) == 1.5


def test_layers_are_rows_of_incoming_weights_with_the_bias_last():
    named = {
        "network.conv.weight": np.arange(8.0).reshape(2, 1, 2, 2),
        "network.conv.bias": np.array([8.0, 9.0]),
        "network.norm.weight": np.ones(2),
        "network.norm.running_mean": np.ones(2),
        "head.weight": np.ones((3, 2)),
    }
    slots = {
        name: {"role": (name[:4] == "head" and "head") or "shared", "kind": kind, "layer": name.rpartition(".")[0]}
        for name, kind in zip(named, ("weight", "bias", "norm", "norm", "weight"), strict=True)
        if "running" not in name
    }
    assert {name: rows.tolist() for name, rows in layers(named, slots).items()} == {
        "conv": [[0, 1, 2, 3, 8], [4, 5, 6, 7, 9]]
    }


def test_layers_are_in_the_order_of_their_numbers():
    assert sorted(["b.10.weight", "b.2.weight"], key=in_order) == ["b.2.weight", "b.10.weight"]


# -- what result files alone tell ---------------------------------------------------------------------------------


def test_growth_is_of_network_and_state_apart(tmp_path):
    joint = [run(0, JOINT3, network_parameters=[100, 130], state_parameters=[0, 5])]
    found = parameter_growth(put(tmp_path, result("ewc"), result("joint", runs=joint)))
    network, state = found.tables
    assert [line[:4] for line in network.words] == [["ewc", "110", "120", "130"], ["joint", "130", "130", "130"]]
    assert [line[:4] for line in state.words] == [["ewc", "200", "400", "600"], ["joint", "5", "5", "5"]]
    assert column(found, "stage") == [1, 2, 3, 1, 2, 3]


def test_accuracy_after_each_number_of_tasks(tmp_path):
    found = over_tasks(put(tmp_path, result("ewc", [R3, shifted(R3, 0.02)]), result("joint", [JOINT3])))
    assert column(found, "ACC")[:2] == pytest.approx([90, 92])
    assert found.tables[0].words[0][1:4] == ["91.00 ± 1.41", "76.00 ± 1.41", "76.00 ± 1.41"]
    assert found.tables[0].words[1][1:4] == ["95.00", "92.50", "94.00"]


def widths(*hidden, **strategy):
    return [result("anpyc", network={"name": "mlp", "hidden": each}, strategy=strategy) for each in hidden]


def wide(*hidden):
    """Networks of as many parameters as units, so that their order is known."""
    found = widths(*hidden)
    for one in found:
        for each in one.runs:
            each.network_parameters = [sum(one.config["network"]["hidden"])] * 4
    return found


def test_widths_are_columns_smallest_network_first(tmp_path):
    found = over_width(put(tmp_path, *wide([100, 100], [9, 9])))
    (grid,) = found.tables
    assert [head.words for head in grid.header] == ["method", "9-9", "100-100", "n seeds"]
    assert grid.words == [["anpyc", "75.00", "75.00", "1"]]
    assert column(found, "hidden") == [[9, 9], [100, 100]]


def test_curves_over_width_are_of_what_else_differs(tmp_path):
    runs = [*widths([8], [16], pruning="none"), *widths([8], pruning="greedy")]
    (grid,) = over_width(put(tmp_path, *runs)).tables
    assert [line[0] for line in grid.words] == ["anpyc (pruning=greedy)", "anpyc (pruning=none)"]
    assert sorted(grid.words[0][1:3]) == ["75.00", "–"]


def test_pruning_strategies_have_mean_and_deviation(tmp_path):
    greedy = result("anpyc", [R3, shifted(R3, 0.02)], strategy={"pruning": "greedy"})
    (grid,) = pruning_strategies(put(tmp_path, greedy, result("anpyc", strategy={"pruning": "none"}))).tables
    assert [line[1:3] for line in grid.words] == [["76.00", "1.41"], ["75.00", "–"]]


@pytest.mark.parametrize(
    ("analysis", "words"),
    [
        (over_width, "network.hidden"),
        (pruning_strategies, "strategy.pruning"),
        (parameter_space, "train it with --force --checkpoints all"),
        (importance_distribution, "no checkpoint of stage 3 (none is kept)"),
    ],
)
def test_what_runs_lack_is_said_with_what_to_do(tmp_path, analysis, words):
    with pytest.raises(Lacking, match=re.escape(words)):
        analysis(put(tmp_path, result("ewc")))


def test_one_task_has_no_curve_over_tasks_and_no_change(tmp_path):
    one = put(tmp_path, result("ewc", [[[0.5], [0.9]]]))
    for analysis in (over_tasks, parameter_space):
        with pytest.raises(Lacking, match="two tasks"):
            analysis(one)


def test_an_unfinished_run_is_left_out_with_its_reason(tmp_path):
    broken = result("mas", runs=[run(status="diverged", step=7, reason="loss is not finite")])
    found = over_tasks(put(tmp_path, result("ewc"), broken))
    assert [line[0] for line in found.tables[0].words] == ["ewc"]
    assert (
        f"{tmp_path / '1.json'} is left out: seed 0 diverged at step 7 (loss is not finite)"
        in found.tables[0].notes
    )


# -- checkpoints --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Two tasks, two seeds; anpyc with and without pruning, fine-tuning and joint; all stages kept."""
    folder = tmp_path_factory.mktemp("kept")
    keep = ("--stream", "permuted-digits", "--seeds", 2, "--checkpoints", "all", "-q")
    assert train(folder, *keep, "--method", "finetuning,joint").code == 0
    for pruning in ("greedy", "none"):
        assert train(folder, *keep, "--method", "anpyc", "--set", f"strategy.pruning={pruning}").code == 0
    return folder


def anpyc(folder):
    path = next(iter(sorted(folder.rglob("anpyc-*.json"))))
    return path, load(path)


def stored(path, stage):
    tensors = checkpoint.read(checkpoint.stages(path.with_suffix(""), (0, 1))[stage]).tensors
    return {name: tensor.numpy().astype(float) for name, tensor in tensors.items()}


def test_importance_is_of_all_shared_parameters_at_the_stage(kept):
    path, one = anpyc(kept)
    omegas = {name: t for name, t in stored(path, 1).items() if name.startswith("method/omega/")}
    found = importance_distribution([(path, one)], stage=1)
    for seed, row in enumerate(found.rows):
        every = np.concatenate([t[seed].ravel() for t in omegas.values()])
        assert len(every) == 64 * 8 + 8
        assert (row["seed"], row["stage"]) == (seed, 1)
        assert row["kurtosis"] == pytest.approx(stats.kurtosis(every), rel=1e-6)
        assert row["skewness"] == pytest.approx(stats.skew(every), rel=1e-6)


def test_methods_without_importance_are_named_and_left_out(kept):
    (grid,) = importance_distribution(read([kept])).tables
    assert [line[0] for line in grid.words] == ["anpyc (pruning=greedy)", "anpyc (pruning=none)"]
    assert "finetuning keeps no importance and is left out." in grid.notes
    assert sum("did not prune in its last task" in note for note in grid.notes) == 1


def test_nothing_with_importance_is_an_error(kept):
    with pytest.raises(Lacking, match="keeps an importance"):
        importance_distribution(read(list(kept.rglob("finetuning-*.json"))))


def test_parameters_are_compared_between_the_first_and_the_last_task(kept):
    path, one = anpyc(kept)
    first, last = stored(path, 1), stored(path, 2)
    weight, bias = (f"model/network.blocks.0.{kind}" for kind in ("weight", "bias"))
    for row in parameter_space([(path, one)]).rows:
        before, after = (
            np.concatenate([t[weight][row["seed"]], t[bias][row["seed"]][:, None]], 1) for t in (first, last)
        )
        assert (row["layer"], row["stage"]) == ("blocks.0", 2)
        assert row["frechet"] == pytest.approx(frechet(before, after))
        assert row["frechet"] > 0
        assert row["change"] == pytest.approx(np.abs(before - after).mean())


def test_change_may_be_weighted_by_importance_where_there_is_one(kept):
    path, one = anpyc(kept)
    first, last = stored(path, 1), stored(path, 2)
    names = [f"network.blocks.0.{kind}" for kind in ("weight", "bias")]
    omega = np.concatenate([first[f"method/omega/{n}"][0].ravel() for n in names])
    moved = np.concatenate([np.abs(first[f"model/{n}"] - last[f"model/{n}"])[0].ravel() for n in names])
    row = parameter_space([(path, one)], weights="importance").rows[0]
    assert row["change"] == pytest.approx((omega * moved).sum() / omega.sum())
    with pytest.raises(Lacking, match="keeps no importance; --weights mean or sum"):
        parameter_space(read([kept]), weights="importance")


def test_joint_has_no_first_and_last_task(kept):
    grid = parameter_space(read([kept])).tables[0]
    assert "joint" not in [line[0] for line in grid.words]
    assert "joint learns all tasks at once and is left out." in grid.notes


@pytest.mark.parametrize("stage", [1, 9])
def test_a_stage_that_cannot_be_compared_is_refused(kept, stage):
    with pytest.raises(UserError, match=f"stage {stage}"):
        parameter_space(read([kept]), stage)


def test_a_checkpoint_of_another_run_is_refused(kept, tmp_path):
    _, one = anpyc(kept)
    other, _ = next((p, 0) for p in sorted(kept.rglob("finetuning-*.json")))
    save(one, tmp_path / "run.json")
    (tmp_path / "run").mkdir()
    for path in other.with_suffix("").iterdir():
        (tmp_path / "run" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="another configuration"):
        importance_distribution(read([tmp_path]))


# -- the command --------------------------------------------------------------------------------------------------


def test_without_what_all_that_the_runs_allow(kept, tmp_path):
    ran = clbench("analyze", kept, "--plots", tmp_path / "plots")
    assert ran.code == 0
    assert "- width is left out: " in ran.out
    listed = re.findall(r"^- (.*\.(?:png|svg))$", ran.out, flags=re.MULTILINE)
    assert sorted(listed) == sorted(map(str, (tmp_path / "plots").iterdir()))
    kinds = {name.split("plots/")[1].split("-")[0] for name in listed}
    assert kinds == {"importance", "parameters", "growth", "tasks", "stages", "pruning"}
    for path in (tmp_path / "plots").glob("*.svg"):
        width = float(ET.parse(path).getroot().attrib["width"].removesuffix("pt")) / 72
        assert 2.5 < width < 3.6, path  # one column


def test_a_stage_that_one_analysis_cannot_use_does_not_stop_the_others(kept):
    ran = clbench("analyze", kept, "--stage", 1)
    assert ran.code == 0
    assert "- parameters is left out: " in ran.out
    assert "Importance of the shared parameters" in ran.out


def test_widths_are_drawn(tmp_path):
    pictures = over_width(put(tmp_path / "runs", *wide([8], [16], [4, 4]))).draw(tmp_path / "plots")
    assert [path.name for path in pictures] == [f"width-split-toy-task.{kind}" for kind in ("png", "svg")]
    assert all(path.stat().st_size > 1000 for path in pictures)


def test_pictures_of_streams_of_one_name_are_told_apart(tmp_path):
    longer = result("ewc", stream={"name": "split-toy", "tasks": 3, "seed": 1})
    pictures = over_tasks(put(tmp_path / "runs", result("ewc"), longer)).draw(tmp_path / "plots")
    assert len(set(pictures)) == 4
    assert all(path.exists() for path in pictures)


def test_equal_runs_give_equal_pictures(tmp_path):
    loaded = put(tmp_path / "runs", result("ewc"))
    first, second = (parameter_growth(loaded).draw(tmp_path / name) for name in "ab")
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]


def test_csv_and_json_have_a_line_a_seed(kept):
    rows = list(csv.DictReader(io.StringIO(analyze([kept], ["pruning"], "csv"))))
    (found,) = json.loads(analyze([kept], ["pruning"], "json"))
    assert [row["seed"] for row in rows] == ["0", "1", "0", "1"]
    assert [float(row["ACC"]) for row in rows] == [row["ACC"] for row in found["rows"]]
    assert found["analysis"] == "pruning"


def test_latex_is_a_table_of_booktabs(tmp_path):
    put(tmp_path, result("ewc"))
    assert r"\toprule" in analyze([tmp_path], ["tasks"], "latex")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--what", "width"], "network.hidden"),
        (["--what", "weather"], "no analysis called 'weather'"),
        (["--format", "pdf"], "no report format called 'pdf'"),
        (["--what", "growth,tasks", "--format", "csv"], "csv needs --what with one of them"),
        (["--what", "parameters", "--frechet", "none"], "--frechet 'none'"),
        (["--what", "parameters"], "--checkpoints all"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, words, message):
    put(tmp_path / "runs", result("ewc"))
    assert message in clbench("analyze", tmp_path / "runs", *words).line


def test_no_results_is_one_line(tmp_path):
    assert "no results" in clbench("analyze", tmp_path).line


# -- metrics after every task, and over the values of an option --------------------------------------------------


def numbers_of(grid, label):
    return next(line[1:] for line in grid.words if line[0] == label)


def test_metrics_after_every_task_are_those_of_a_stream_that_ends_there(tmp_path):
    found = over_stages(put(tmp_path, result("ewc"), result("joint", [JOINT3])))
    acc, bwt, fwt, smt = found.tables
    assert numbers_of(acc, "ewc") == ["90.00", "75.00", "75.00", "1"]  # 90; 70 80; 60 70 95
    assert numbers_of(acc, "joint") == ["95.00", "92.50", "94.00", "1"]
    assert numbers_of(bwt, "ewc") == ["–", "-20.00", "-20.00", "1"]  # 70-90; 60-90 70-80
    whole = [metrics.METRICS[name].of(np.array(R3), np.array(JOINT3)[-1]) for name in ("BWT", "FWT", "SMT")]
    last = [float(numbers_of(grid, "ewc")[2]) for grid in (bwt, fwt, smt)]
    assert last == [round(value, 2) for value in whole]
    assert numbers_of(bwt, "joint") == ["–", "–", "–", "1"]
    assert [line["BWT"] for line in found.rows if line["method"] == "ewc"] == [
        None,
        pytest.approx(-20),
        pytest.approx(-20),
    ]


def test_curves_over_the_values_of_an_option(tmp_path):
    strengths = {0.1: R3, 1: shifted(R3, 0.01), 10: shifted(R3, 0.02)}
    runs = [result("anpyc", [R], strategy={"lam": lam, "beta": 5}) for lam, R in strengths.items()]
    found = over_values(put(tmp_path, *runs, result("joint", [JOINT3]), result("ewc", strategy={"lam": 7})))
    acc, *_ = found.tables
    assert [head.words for head in acc.header] == ["method", "0.1", "1", "10"]
    assert acc.words == [["anpyc", "75.00", "76.00", "77.00"]]
    assert column(found, "strategy.lam")[:3] == [0.1, 1, 10]
    assert [grid.heading.split(" by ")[0] for grid in found.tables] == ["ACC (%)", "BWT (points)", "FWT (points)"]


def test_two_options_that_vary_make_two_figures_of_what_else_is_equal(tmp_path):
    values = [(1, 5), (2, 5), (1, 9), (2, 9)]
    runs = [result("anpyc", strategy={"lam": lam, "beta": beta}) for lam, beta in values]
    found = over_values(put(tmp_path, *runs))
    assert [[head.words for head in grid.header[1:]] for grid in found.tables[::3]] == [["5", "9"], ["1", "2"]]
    assert [line[0] for line in found.tables[0].words] == ["anpyc (lam=1)", "anpyc (lam=2)"]
    drawn = found.draw(tmp_path / "plots")
    assert len(drawn) == 4
    assert all(path.stat().st_size for path in drawn)


def test_an_option_that_does_not_vary_alone_gives_no_curve(tmp_path):
    runs = [result("anpyc", strategy={"lam": 1, "beta": 5}), result("anpyc", strategy={"lam": 2, "beta": 9})]
    with pytest.raises(Lacking, match=r"strategy\.lam"):
        over_values(put(tmp_path, *runs))


OWN = """
from clbench.analysis.base import Analysis
from clbench.registry import analyses
from clbench.report.document import table_of_words


@analyses.register("seconds")
def seconds(loaded):
    body = [[result.config["method"], str(len(result.runs))] for _, result in loaded]
    return Analysis("seconds", [table_of_words("Seeds of each", ["method", "seeds"], body)], [], [])
"""


def test_an_analysis_of_one_s_own_is_a_file(tmp_path):
    save(result(), tmp_path / "runs" / "ewc.json")
    (tmp_path / "my_analysis.py").write_text(OWN)
    with plugins_forgotten():
        plugin = ["--plugin", tmp_path / "my_analysis.py"]
        ran = clbench("analyze", tmp_path / "runs", "--what", "seconds", *plugin)
        assert (ran.code, ran.err) == (0, ""), ran
        assert "| ewc" in ran.out
        assert "Seeds of each" in clbench("analyze", tmp_path / "runs", *plugin).out
    assert "no analysis called 'seconds'" in clbench("analyze", tmp_path / "runs", "--what", "seconds").line
