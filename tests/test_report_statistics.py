"""`--stats` says how sure a table is: only where there are seeds and streams enough, and how many there are."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from command_line import ROOT, clbench
from results_by_hand import JOINT3, R3, result, run, shifted

from clbench import statistics
from clbench.errors import UserError
from clbench.report.build.ranking import rankings
from clbench.report.compose import read, report
from clbench.results import save

STREAM = {"name": "permuted-toy", "tasks": 3, "seed": 0}
SHIFTS = {"ewc": [0.05, 0.04, 0.03, 0.02, 0.01], "si": [0.0] * 5, "sgd": [-0.1, -0.2, -0.1, -0.3, -0.1]}


def put(folder, shifts=SHIFTS, **config):
    """A method for each list; its ACC is 75 and 100 times the shift, seed by seed. Joint is with them."""
    for name, by in shifts.items():
        save(result(name, [shifted(R3, each) for each in by], **config), folder / f"{len(config)}-{name}.json")
    save(result("joint", [JOINT3] * 5, **config), folder / f"{len(config)}-joint.json")
    return folder


def stats(folder, metrics=None):
    """The JSON objects of rows by label, and those of the rankings."""
    entries = json.loads(report([folder], "json", metrics, stats=True))
    rows = {entry["label"]: entry["statistics"] for entry in entries if entry["kind"] == "train"}
    return rows, [entry for entry in entries if entry["kind"] == "ranks"]


def test_intervals_come_with_seeds_enough(tmp_path):
    rows, _ = stats(put(tmp_path, {"ewc": SHIFTS["ewc"], "si": [0.0, 0.02], "sgd": [0.0]}))
    ewc = rows["ewc"]["ACC"]
    assert ewc["t_interval"] == pytest.approx(statistics.t_interval([80, 79, 78, 77, 76]))
    assert ewc["bootstrap_interval"] == pytest.approx(statistics.bootstrap_interval([80, 79, 78, 77, 76]))
    assert rows["si"]["ACC"]["t_interval"] == pytest.approx((76 - 12.7062, 76 + 12.7062), abs=1e-3)
    assert rows["si"]["ACC"]["bootstrap_interval"] is None
    assert (rows["sgd"]["ACC"]["n"], rows["sgd"]["ACC"]["t_interval"]) == (1, None)
    text = report([tmp_path], stats=True)
    assert re.search(r"\| sgd +\| +1 \| +75\.00 \| +– \| +– \|", text)
    assert "needs 2 seeds" in text
    assert "needs 5 seeds" in text


def test_pairs_are_tested_with_holms_correction_and_joint_is_not(tmp_path):
    rows, _ = stats(put(tmp_path))
    pairs = {(one, p["against"]): p for one, of in rows.items() for p in of["ACC"]["pairs"]}
    assert set(pairs) == {("sgd", "ewc"), ("sgd", "si"), ("ewc", "si")}
    one = pairs["ewc", "si"]
    assert (one["n"], one["difference"]) == (5, pytest.approx(3))
    assert one["permutation"] == one["wilcoxon"] == one["smallest_p"] == 0.0625
    assert one["permutation_holm"] == pytest.approx(3 * 0.0625)
    assert rows["joint"]["ACC"]["t_interval"] == pytest.approx([94, 94])


def test_only_equal_seeds_are_paired(tmp_path):
    """Seeds 2, 3, 4 and 9 here, 0 to 4 there: ewc is 1 point above, 2, 3, where only by seed."""
    runs = [run(seed, shifted(R3, by)) for seed, by in [(9, -0.5), (4, 0.03), (3, 0.02), (2, 0.01)]]
    save(result("ewc", runs=runs), tmp_path / "ewc.json")
    save(result("si", [R3] * 5), tmp_path / "si.json")
    save(result("mas", [R3] * 2), tmp_path / "mas.json")
    rows, _ = stats(tmp_path)
    (pair,) = rows["ewc"]["ACC"]["pairs"]
    assert (pair["n"], pair["difference"], pair["permutation"]) == (3, pytest.approx(2), 0.25)
    text = report([tmp_path], stats=True)
    assert "Pairs with fewer than 3 seeds in common are not tested: 2." in text
    assert "No p can be below 0.25 with 3 seeds, nor below 0.25 after Holm" in text
    assert "a corrected p below 0.05 needs 6 seeds" in text


def test_the_metrics_chosen_are_those_tested(tmp_path):
    put(tmp_path)
    rows, _ = stats(tmp_path, ["BWT", "seconds", "fwt"])
    assert set(rows["ewc"]) == {"BWT", "FWT"}
    with pytest.raises(UserError, match="--stats: none of seconds is a metric"):
        report([tmp_path], metrics=["seconds"], stats=True)


def test_ranks_need_two_streams_with_the_same_three_methods(tmp_path):
    put(tmp_path)
    assert stats(tmp_path)[1] == []
    put(tmp_path, {"ewc": [0.0], "si": [0.1], "mas": [0.2]}, stream=STREAM)
    assert stats(tmp_path)[1] == []  # ewc and si alone are in both
    put(tmp_path, {"sgd": [-0.1]}, stream=STREAM)
    (ranks,) = stats(tmp_path)[1]
    assert dict(zip(ranks["methods"], ranks["average_ranks"], strict=True)) == {"ewc": 1.5, "si": 1.5, "sgd": 3}
    assert ranks["critical_difference"] == pytest.approx(2.343 * (3 * 4 / 12) ** 0.5, abs=0.001)
    assert ranks["friedman"] == {"chi_square": pytest.approx(3), "p": pytest.approx(np.exp(-1.5))}


def test_ranks_are_set_with_their_n_and_a_warning(tmp_path):
    put(put(tmp_path), stream=STREAM)
    text = report([tmp_path], stats=True)
    ranks = text.split("### Average ranks by ACC over 2 streams")[1]
    assert re.search(r"\| ewc +\| +1\.00 \| +1 \| +1 \|", ranks)
    assert "Friedman: chi-square = 4.00, p = 0.1353" in ranks
    assert "2.34 ranks for 3 methods, N = 2 streams" in ranks
    assert "2 streams are few" in ranks
    assert "| joint" not in ranks
    assert r"Average ranks by ACC over 2 streams}" in report([tmp_path], "latex", stats=True)


def test_tables_of_one_stream_are_told_apart(tmp_path):
    put(put(tmp_path), scenario="domain")
    ranks = report([tmp_path], stats=True).split("### Average")[1]
    assert "split-toy (1) |" in ranks
    assert "Tables of one stream are not independent" in ranks


def test_what_is_better_lower_ranks_lowest_first(tmp_path):
    steady = [R3[0], R3[1], [0.9, 0.8, 0.5], [0.9, 0.8, 0.9]]
    for n, config in enumerate([{}, {"stream": STREAM}]):
        for name, matrix in {"sgd": R3, "ewc": R3, "mas": steady}.items():
            save(result(name, [matrix], **config), tmp_path / f"{n}-{name}.json")
    (smt,) = rankings(read([tmp_path]).tables, ["SMT"])
    assert (smt.labels, list(smt.ranks)) == (["mas", "sgd", "ewc"], [1, 2.5, 2.5])


@pytest.mark.long
def test_the_diagram_is_drawn_beside_the_other_plots(tmp_path):
    put(put(tmp_path / "runs"), stream=STREAM)
    text = report([tmp_path / "runs"], plots=tmp_path / "plots", stats=True)
    svg, png = (tmp_path / "plots" / f"critical-difference-ACC.{kind}" for kind in ("svg", "png"))
    assert png.read_bytes().startswith(b"\x89PNG")
    assert str(svg) in text
    again = tmp_path / "again"
    report([tmp_path / "runs"], "json", plots=again, stats=True)
    assert (again / svg.name).read_bytes() == svg.read_bytes()
    report([tmp_path / "runs"], plots=tmp_path / "without")
    assert not list((tmp_path / "without").glob("critical*"))


def test_statistics_have_no_place_in_csv(tmp_path):
    put(tmp_path)
    assert "no place for --reference or --stats" in clbench("report", tmp_path, "--format", "csv", "--stats").line
    assert "every two methods over equal seeds" in clbench("report", tmp_path, "--stats").out


def test_pruning_studies_alone_have_nothing_to_compare():
    for option in (["--stats"], ["--reference", "paper"]):
        line = clbench("report", ROOT / "benchmarks" / "pruning", *option).line
        assert "--reference and --stats are about trainings" in line


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_statistics_and_references_compile_as_latex(tmp_path):
    committed = ROOT / "benchmarks" / "results" / "permuted-mnist"
    put(tmp_path / "runs", stream=STREAM)
    document = report([committed, put(tmp_path / "runs")], "latex", references=["paper"], stats=True)
    (tmp_path / "t.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:]


def test_one_method_is_tested_against_every_other_with_less_to_correct_for(tmp_path):
    put(tmp_path)
    every, versus = report([tmp_path], stats=True), report([tmp_path], versus="ewc")
    rows = {row["label"]: row for row in json.loads(report([tmp_path], "json", versus="ewc")) if "label" in row}
    pairs = {p["against"]: p for p in rows["ewc"]["statistics"]["ACC"]["pairs"]}
    assert set(pairs) == {"sgd", "si"}
    assert [row["statistics"]["ACC"]["pairs"] for name, row in rows.items() if name != "ewc"] == [[]] * 3
    assert pairs["si"]["permutation_holm"] == pytest.approx(2 * 0.0625)
    low, high = pairs["si"]["interval"]
    assert low < 3 < high
    assert f"| ewc | si | 5 | +3.00 | {low:+.2f} to {high:+.2f} |" in re.sub(" +", " ", versus)
    assert "ewc beside every other method" in versus
    assert "every two methods" in every
    with pytest.raises(UserError, match="--versus: there is no result of 'joint' here"):
        report([tmp_path], versus="joint")
    with pytest.raises(UserError, match="did you mean 'ewc'"):
        report([tmp_path], versus="ewx")
