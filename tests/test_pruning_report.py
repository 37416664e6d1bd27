"""Reports of pruning studies: table IV beside the paper's, measures side by side, every format, pictures."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import clbench
from results_by_hand import MAKER
from results_by_hand import result as trained

from clbench.errors import UserError
from clbench.report.build.pruning.studies import table4
from clbench.report.compose import report
from clbench.results import PrunedRun, PruningResult, digest, load, save
from clbench.results.digests import key_of
from clbench.results.statuses import status_of

LAYERS = {layer: counts[0] for layer, counts in table4()["layers"].items()}


def survivors(shift: int = 0) -> list[list[int]]:
    """The paper's own, but `shift` more in layer 3 after each round."""
    stages = [list(counts) for counts in zip(*table4()["layers"].values(), strict=True)]
    place = list(LAYERS).index("layer3 W")
    return [[n + shift * (s > 0 and p == place) for p, n in enumerate(row)] for s, row in enumerate(stages)]


def study(importance: str = "entropy", runs: list[PrunedRun] | None = None, **config: Any) -> PruningResult:
    accuracy = [figure / 100 for figure in table4()["accuracy"]]
    runs = runs or [pruned(0, accuracy), pruned(1, [a - 0.002 for a in accuracy], 100)]
    whole = {
        "study": "prune-lenet",
        "dataset": "mnist",
        "limit": None,
        "preset": None,
        "pruning": {
            "importance": importance,
            "rates": [0.8, 0.7, 0.5, 0.4, 0.1],
            "scope": "global",
            "retrain_epochs": 1,
        },
        "train": {"epochs": 50},
        **config,
    }
    return PruningResult(
        digest=digest(whole),
        config=whole,
        layers=LAYERS,
        output_parameters=2570,
        data={"mnist": "ab" * 32},
        makers={key_of(MAKER): MAKER},
        runs=runs,
        status=status_of(run.status for run in runs),
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
    )


def pruned(seed: int, accuracy: list[float], shift: int = 0, **changes: Any) -> PrunedRun:
    times = [1.0] * len(accuracy)
    alive = survivors(shift)[: len(accuracy)]
    lists: dict[str, Any] = {"made_by": [key_of(MAKER)] * len(accuracy)}
    lists |= {"seconds": times, "samples_per_second": times, "importance_seconds": times, "survivors": alive}
    return PrunedRun(seed, **{"status": "done", "accuracy": accuracy, "together": [seed], **lists, **changes})


def written(folder: Path, *results: Any) -> Path:
    for n, one in enumerate(results):
        save(one, folder / f"{n}.json")
    return folder


def cells(text: str, row: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} "))
    return [entry.strip() for entry in line.strip("|").split("|")][1:]


def test_table_4_beside_the_papers_figures(tmp_path):
    text = report([written(tmp_path, study())])
    assert cells(text, "layer3 W") == [
        *("1605632", "1605632", "310550 ± 71", "310500", "87185 ± 71", "87135"),
        *("38806 ± 71", "38756", "22028 ± 71", "21978", "19615 ± 71", "19565"),
    ]
    assert cells(text, "layer1 b") == ["32", "32", "7", "7", "3", "3", "2", "2", "2", "2", "2", "2"]
    assert cells(text, "total")[2:4] == [f"{sum(survivors()[1]) + 50} ± 71", "363061"]
    assert cells(text, "compression (times)")[3] == "4.93"
    assert cells(text, "pruned (%)")[3] == "79.71"
    assert cells(text, "test accuracy (%)") == [
        *("98.84 ± 0.14", "98.94", "98.77 ± 0.14", "98.87", "98.77 ± 0.14", "98.87"),
        *("98.73 ± 0.14", "98.83", "98.57 ± 0.14", "98.67", "98.45 ± 0.14", "98.55"),
    ]
    assert "50 epochs, then 1 after each round, 2 seeds" in text
    assert "2,570 weights are neither pruned nor counted" in text
    assert "Paper: Peng et al. 2021" in text


@pytest.mark.parametrize("change", [{"dataset": "digits"}, {"limit": 100}])
def test_the_papers_figures_stand_beside_its_own_study_alone(change, tmp_path):
    assert "| paper" not in report([written(tmp_path, study(**change))]).replace("paper's", "")


def test_measures_side_by_side_in_the_order_of_the_paper_chance_last(tmp_path):
    poor = [pruned(0, [0.98, 0.9, 0.7, 0.5, 0.3, 0.1])]
    folder = written(tmp_path, study("random", poor), study("magnitude"), study())
    text = report([folder])
    first = [line for line in text.splitlines() if line.startswith("|")][:6]
    assert [line.split("|")[1].strip() for line in first[2:]] == [
        "entropy",
        "magnitude",
        "random",
        "entropy (paper)",
    ]
    shrunk = [f"{sum(LAYERS.values()) / sum(alive):.2f}x" for alive in survivors()]
    figures = zip(("90.00", "70.00", "50.00", "30.00", "10.00"), shrunk[1:], strict=True)
    assert cells(text, "random") == ["98.00", *(f"{figure} ({times})" for figure, times in figures), "1"]
    assert cells(text, "entropy (paper)")[1] == "98.87 (4.93x)"


def test_equal_sizes_are_said_once_in_the_header(tmp_path):
    accuracy = [0.98, 0.97, 0.96, 0.95, 0.94, 0.93]
    folder = written(tmp_path, study("ewc", [pruned(0, accuracy)]), study("mas", [pruned(0, accuracy)]))
    header = report([folder]).splitlines()[2]
    assert "round 1 (4.93x)" in header
    assert "round 5 (57.12x)" in header


def test_studies_of_one_measure_are_told_apart_by_their_options(tmp_path):
    other = study(pruning={**study().config["pruning"], "scope": "layer"})
    text = report([written(tmp_path, study(), other)])
    assert cells(text, "entropy (scope=layer)")
    assert cells(text, "entropy (scope=global)")


def test_other_rates_are_not_compared(tmp_path):
    runs = [pruned(0, [0.9, 0.8])]
    other = study("mas", runs, pruning={**study("mas").config["pruning"], "rates": [0.5]})
    text = report([written(tmp_path, study(), other)])
    assert "test accuracy (%)\n" not in text
    assert text.count("### ") == 2


def test_seeds_that_are_not_finished_are_left_out_and_named(tmp_path):
    runs = [
        *study().runs,
        pruned(2, [0.98, None], status="diverged", reason="the loss was not finite at step 9 (round 1)"),
        pruned(3, [0.98], status="running"),
    ]
    text = report([written(tmp_path, study(runs=runs))])
    assert cells(text, "layer1 b")[2] == "7"
    assert "entropy: seed 2 diverged (the loss was not finite at step 9 (round 1))" in text
    assert "entropy: seed 3 is unfinished after round 0" in text
    nothing = report([written(tmp_path / "running", study(runs=[pruned(3, [0.98], status="running")]))])
    assert "seed 3 is unfinished" in nothing


def test_csv_has_a_line_a_stage_and_quantity(tmp_path):
    rows = list(csv.DictReader(io.StringIO(report([written(tmp_path, study())], "csv"))))
    assert len(rows) == 6 * 12
    [total] = [row for row in rows if (row["stage"], row["quantity"]) == ("1", "total")]
    assert float(total["mean"]) == sum(survivors()[1]) + 50
    assert (total["paper"], total["n_seeds"]) == ("363061", "2")


def test_json_has_every_seed(tmp_path):
    [found] = json.loads(report([written(tmp_path, study())], "json"))
    assert found["kind"] == "pruning"
    assert found["stages"][1]["accuracy"]["values"] == pytest.approx([98.87, 98.67])
    assert found["stages"][1]["rate"] == 0.8
    assert found["stages"][0]["compression"]["paper"] is None


def test_latex_is_a_table_each(tmp_path):
    text = report([written(tmp_path, study(), study("mas"))], "latex")
    assert text.count(r"\begin{table}") == 3
    assert r"310550 & ${}\pm{}$ & \phantom{00}71 & 310500" in text


def test_a_folder_may_hold_both_kinds(tmp_path):
    folder = written(tmp_path, study(), trained())
    text = report([folder])
    assert text.index("split-toy") < text.index("prune-lenet")
    assert {row["kind"] for row in json.loads(report([folder], "json"))} == {"train", "pruning"}
    with pytest.raises(UserError, match="--kind"):
        report([folder], "csv")
    assert "layer3 W" not in report([folder], kind="train")
    assert "split-toy" not in report([folder], "csv", kind="pruning")
    assert r"\begin{table}" in report([folder], "latex")
    assert "no kind of result called" in clbench("report", folder, "--kind", "prune").line
    assert "no results of the kind train" in clbench("report", folder / "0.json", "--kind", "train").line


def test_of_two_files_with_one_configuration_the_more_finished_counts(tmp_path):
    runs = [pruned(0, [0.5]), pruned(1, [0.5])]
    for run in runs:
        run.status = "running"
    half = study(runs=runs)
    text = report([written(tmp_path, half, study())])
    assert "2 seeds" in text
    assert "0.json is left out" in text


def test_pictures_are_written_for_the_comparison_and_each_study(tmp_path):
    report([written(tmp_path / "in", study(), study("mas"), trained())], plots=tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert sum("compression" in name for name in names) == 2
    assert sum("layers" in name for name in names) == 4
    assert sum("accuracy" in name for name in names) == 2


def test_pictures_of_a_layer_that_is_gone_and_of_one_seed(tmp_path):
    gone = pruned(0, [0.98, 0.1, 0.1, 0.1, 0.1, 0.1], survivors=[list(LAYERS.values()), *[[0] * 8] * 5])
    report([written(tmp_path / "in", study(runs=[gone]))], plots=tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 4


def put(path: str, value: Any):
    def change(raw: dict) -> None:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in parents:
            raw = raw[part]
        raw[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("runs.0.accuracy.1", 1.5), r"runs\[0\]\.accuracy\[1\]: 1\.5 is greater"),
        (put("runs.0.accuracy.1", None), r"runs\[0\]\.accuracy\[1\]: null in a finished run"),
        (put("runs.0.survivors.1", [1]), r"runs\[0\]\.survivors\[1\]: 1 entries for 8 layers"),
        (put("runs.0.survivors.2.0", 801), r"runs\[0\]\.survivors\[2\]: more weights than the stage before"),
        (put("runs.0.seconds", [1.0]), r"runs\[0\]\.seconds: 1 entries, but accuracy has 6 stages"),
        (put("runs.0.accuracy", [0.5]), r"runs\[0\]\.accuracy: 1 stages, but 5 rounds have 6"),
        (put("layers", {}), r"layers"),
        (put("config.pruning.scope", "all"), r"config\.pruning\.scope: 'all' is not one of"),
        (put("config.train.epochs", 9), r"digest"),
        (put("runs.1.seed", 0), r"runs: a seed occurs twice"),
    ],
)
def test_damage_is_named(change, message, tmp_path):
    path = tmp_path / "x.json"
    save(study(), path)
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(UserError, match=message):
        load(path)
