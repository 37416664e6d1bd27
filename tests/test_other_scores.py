"""A score of which less is better, in its own unit and without bounds, goes through every report and choice."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from results_by_hand import JOINT3, R3, result, shifted

from clbench import analysis, metrics
from clbench.errors import UserError
from clbench.metrics import METRICS, Setting, Unavailable, per_stage
from clbench.report import pictures
from clbench.report.build.cells import of_metric
from clbench.report.build.references import reference_tables
from clbench.report.build.tables import tables
from clbench.report.compose import add_references, add_statistics, document, findings
from clbench.report.scales import digits_of, in_a_cell, scale_of
from clbench.report.write import written as set_in
from clbench.scores import ACCURACY, Score


def written(found, fmt):
    return set_in([document(found)], fmt)


def drawn(found, folder):
    return [path for paths in pictures.write(document(found).pictures(), folder).values() for path in paths]


FID = Score("FID", mean_name="FID", better="lower", low=0.0)
ERROR = Score("reconstruction error", mean_name="MSE", better="lower", low=0.0)
F3 = [[300.0, 280.0, 310.0], [40.0, 250.0, 290.0], [55.0, 30.0, 260.0], [70.0, 35.0, 20.0]]
FJOINT = [[300.0, 280.0, 310.0], [25.0, 28.0, 22.0]]
BETTER, WORSE = [[v - 5 for v in row] for row in F3], [[v + 5 for v in row] for row in F3]
F = np.array(F3)
LIKE = Setting(FID)


def scored(method, *matrices, score=FID, **config):
    """A finished result of another score than accuracy."""
    one = result(method, list(matrices), **config)
    one.score = score
    return one


def loaded(tmp_path, *results):
    return [(tmp_path / f"{n}-{one.config['method']}.json", one) for n, one in enumerate(results)]


@pytest.fixture
def three(tmp_path):
    """Better, middle and worse by five, two seeds each, and joint."""
    lower = [[v - 1 for v in row] for row in F3]
    both = {"ewc": (F3, lower), "si": (BETTER, BETTER), "sgd": (WORSE, WORSE), "joint": (FJOINT, FJOINT)}
    return loaded(tmp_path, *(scored(method, *two) for method, two in both.items()))


# -- numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "unit", "better"),
    [
        ("mean", (70 + 35 + 20) / 3, "", "lower"),
        ("BWT", ((70 - 40) + (35 - 30)) / 2, "FID", "lower"),  # above 0: forgotten
        ("FWT", ((30 - 28) + (20 - 22)) / 2, "FID", "lower"),
        ("SMT", ((15**2 + 0 + 15**2) / 3 + 2.5**2) / 2, "FID²", "lower"),  # 40 55 70; 30 35
        ("fwt_gem", ((250 - 280) + (260 - 310)) / 2, "FID", "lower"),
        ("forgetting", ((70 - 40) + (35 - 30)) / 2, "FID", "lower"),
        ("intransigence", ((40 - 25) + (30 - 28) + (20 - 22)) / 3, "FID", "lower"),
        ("aia", (40 + (55 + 30) / 2 + 125 / 3) / 3, "", "lower"),
    ],
)
def test_metrics_of_a_lower_is_better_score_by_hand(name, value, unit, better):
    metric = METRICS[name]
    assert metric.of(F, np.array(FJOINT[-1]), LIKE) == pytest.approx(value)
    assert (metric.unit(FID), metric.better(FID)) == (unit, better)


def test_every_metric_has_its_direction_and_unit_of_accuracy():
    found = {name: (m.called(ACCURACY), m.unit(ACCURACY), m.better(ACCURACY)) for name, m in METRICS.items()}
    assert found == {
        "mean": ("ACC", "%", "higher"),
        "old": ("old", "%", "higher"),
        "BWT": ("BWT", "points", "higher"),
        "FWT": ("FWT", "points", "higher"),
        "SMT": ("SMT", "points²", "lower"),
        "fwt_gem": ("fwt_gem", "points", "higher"),
        "forgetting": ("forgetting", "points", "lower"),
        "intransigence": ("intransigence", "points", "lower"),
        "aia": ("aia", "%", "higher"),
    }


def test_what_is_stored_is_printed_times_its_factor():
    score = replace(FID, factor=10.0, unit="tenths")
    assert METRICS["mean"].of(F, None, Setting(score)) == pytest.approx(10 * 125 / 3)
    assert METRICS["SMT"].of(F, None, Setting(score)) == pytest.approx(100 * METRICS["SMT"].of(F, None, LIKE))
    assert METRICS["SMT"].unit(score) == "tenths²"


def test_a_score_and_its_negative_forget_alike():
    """Losses do not depend on which way a score is written; transfers change their sign with it."""
    up = Setting(replace(FID, better="higher"))
    for name, metric in METRICS.items():
        sign = 1 if metric.loss else -1
        assert metric.of(-F, -F[-1], up) == pytest.approx(sign * metric.of(F, F[-1], LIKE)), name


# -- the class scenario ---------------------------------------------------------------------------------------

CLASS = Setting(scenario="class")
GROWING = np.array([[0.1, 0.2, 0.1], [0.9, 0.0, 0.0], [0.6, 0.8, 0.0], [0.4, 0.5, 0.7]])


@pytest.mark.parametrize(
    ("name", "why"), [("fwt_gem", "no answers"), ("FWT", "among all"), ("intransigence", "all")]
)
def test_what_compares_answers_among_different_classes_has_no_value(name, why):
    m = np.array([0.8, 0.7, 0.9])
    with pytest.raises(Unavailable, match=why):
        METRICS[name].of(GROWING, m, CLASS)
    assert np.isnan(per_stage(name, GROWING, m, CLASS)).all()
    assert np.isfinite(METRICS[name].of(GROWING, m, Setting(scenario="domain")))


@pytest.mark.parametrize("name", ["mean", "BWT", "SMT", "forgetting", "aia"])
def test_what_the_literature_defines_there_has_one(name):
    assert METRICS[name].of(GROWING, None, CLASS) == METRICS[name].of(GROWING)


def test_a_table_of_the_class_scenario_says_why_a_cell_is_empty(tmp_path):
    both = loaded(tmp_path, result("ewc", scenario="class"), result("joint", [JOINT3], scenario="class"))
    text = written(findings(both, ["fwt_gem", "FWT", "BWT"]), "md")
    assert "scenario class: before a task is learned, its classes are no answers" in text
    assert "in the joint run among all" in text
    assert re.search(r"\| ewc +\| +– \[1\] \| +– \[2\] \| +-20\.00 \|", text)


def test_joint_is_no_ceiling_before_the_last_task_of_the_class_scenario(tmp_path):
    both = loaded(tmp_path, result("ewc", scenario="class"), result("joint", [JOINT3], scenario="class"))
    (grid,) = analysis.over_tasks(both).tables
    assert grid.words[1] == ["joint", "–", "–", "94.00", "1"]
    page = written(findings(both), "html")
    (curves,) = json.loads(re.search(r'id="charts">(.*?)</script>', page)[1])["curves"]
    assert curves["series"][1]["mean"] == [None, None, 9400]
    assert drawn(findings(both), tmp_path / "plots")


# -- tables ---------------------------------------------------------------------------------------------------


def test_the_mean_has_the_scores_name_and_the_lowest_is_best(three):
    (table,) = tables(three)
    assert [column.head for column in table.columns] == ["FID", "BWT (FID)", "FWT (FID)", "SMT (FID²)"]
    assert [row.label for row in table.rows] == ["sgd", "ewc", "si", "joint"]
    assert table.marks(table.columns[0]) == {2: "best", 1: "second"}
    assert table.heading.endswith("network mlp (dropout=0.0, hidden=[16]), FID on test data")
    assert "FID: lower is better; above 0, BWT and FWT are losses." in table.notes


def test_less_forgetting_is_best_too(tmp_path):
    steady = [F3[0], F3[1], [40.0, 30.0, 260.0], [41.0, 31.0, 20.0]]
    (table,) = tables(loaded(tmp_path, scored("sgd", F3), scored("ewc", steady)), ["BWT", "forgetting", "SMT"])
    assert [table.marks(column) for column in table.columns] == [{0: "second", 1: "best"}] * 3


def test_results_of_different_scores_never_share_a_table(tmp_path):
    both = loaded(tmp_path, result("ewc"), scored("si", F3), scored("mas", F3, score=replace(FID, factor=2.0)))
    assert [len(table.rows) for table in tables(both)] == [1, 1, 1]
    assert len({json.dumps(entry["measure"]) for entry in json.loads(written(findings(both), "json"))}) == 3


def test_the_mean_of_another_score_is_a_cell_with_the_reason(tmp_path):
    both = loaded(tmp_path, result("ewc"), scored("si", F3))
    by_name = {table.score.name: table for table in tables(both, ["ACC", "fid"])}
    cells = by_name["FID"].rows[0].cells
    assert cells["ACC"].notes == ["the score here is FID, not accuracy"]
    assert cells["FID"].mean == pytest.approx(125 / 3)
    assert by_name["accuracy"].rows[0].cells["FID"].notes == ["the score here is accuracy, not FID"]
    assert by_name["accuracy"].marks(by_name["accuracy"].columns[1]) == {}
    assert [column.name for table in tables(both, ["mean"]) for column in table.columns] == ["FID", "ACC"]
    with pytest.raises(UserError, match="no metric called 'FID'"):
        tables(loaded(tmp_path, result("ewc")), ["FID"])


@pytest.mark.parametrize("fmt", ["md", "latex", "latex-tables", "html", "json", "csv"])
def test_every_format_has_the_scores_own_words(three, fmt):
    text = written(findings(three), fmt)
    assert "41.17" in text or "41.1666" in text  # the mean of 41.67 and 40.67
    assert not re.search(
        r"\bACC\b|accuracy|points|percent|\(%\)|\(\\%\)", re.sub(r"<(script|style).*?</\1>", "", text, flags=re.S)
    )


def test_csv_keeps_scores_apart(tmp_path):
    both = loaded(tmp_path, result("ewc"), scored("si", F3))
    lines = {line["method"]: line for line in csv.DictReader(io.StringIO(written(findings(both), "csv")))}
    assert (lines["ewc"]["measure"], lines["ewc"]["FID_mean"]) == ("accuracy", "")
    assert (lines["si"]["measure"], lines["si"]["ACC_mean"]) == ("FID", "")
    assert float(lines["si"]["FID_mean"]) == pytest.approx(125 / 3)
    assert float(lines["si"]["BWT_mean"]) == pytest.approx(17.5)


def test_json_has_the_score_and_the_direction(three):
    first = json.loads(written(findings(three), "json"))[0]
    assert (first["score"], first["measure"]["name"], first["measure"]["better"]) == ("test", "FID", "lower")
    assert (first["metrics"]["FID"]["unit"], first["metrics"]["BWT"]["better"]) == ("", "lower")


def test_small_scores_have_digits_enough(tmp_path):
    small = [[v / 1e4 for v in row] for row in F3]
    (table,) = tables(loaded(tmp_path, scored("ewc", small, score=ERROR), scored("si", small, score=ERROR)))
    assert "| 0.004167 |" in written(findings([(row.path, row.result) for row in table.rows]), "md").replace(
        "**", ""
    )
    assert [digits_of(FID, [41.7, 300.0]), digits_of(ACCURACY, [0.1]), digits_of(ERROR, [])] == [2, 2, 2]
    assert of_metric(METRICS["SMT"], ERROR, 6).digits == 10


# -- pictures -------------------------------------------------------------------------------------------------


def test_the_best_is_bright_whichever_way_and_bounds_are_the_scale():
    scale = scale_of(FID, [F])
    assert (scale.ends, scale.brightness(310), scale.brightness(20)) == ((310, 20), 0, 1)
    percent = scale_of(ACCURACY, [np.array([[50.0]])])
    assert (percent.ends, percent.brightness(47)) == ((0, 100), 0.47)
    assert [in_a_cell(v, FID) for v in (111.71, 28.98, 0.01234, 0.0)] == ["112", "29.0", "0.0123", "0"]
    assert in_a_cell(95.6, ACCURACY) == "96"


def test_the_page_knows_direction_scale_and_unit(three):
    charts = json.loads(re.search(r'id="charts">(.*?)</script>', written(findings(three), "html"))[1])
    (curves,) = charts["curves"]
    assert (curves["y"], curves["better"], curves["digits"]) == ("mean FID on the tasks learned", "lower", 2)
    assert curves["series"][0]["mean"] == [4500, 4750, 4667]  # sgd: 45, (60 + 35) / 2, 140 / 3
    matrix = charts["matrices"][0]
    assert (matrix["worst"], matrix["best"], matrix["rounded"], matrix["name"]) == (31500, 1500, False, "FID")


def test_pictures_are_drawn_and_named_after_the_score(three, tmp_path):
    names = [path.name for path in drawn(findings(three), tmp_path / "plots")]
    assert "split-toy-task-FID.svg" in names
    words = (tmp_path / "plots" / "split-toy-task-FID.svg").read_text()
    assert "accuracy" not in words


# -- statistics, references, analyses -------------------------------------------------------------------------


@pytest.mark.long
def test_ranks_put_the_lowest_first_and_keep_scores_apart(tmp_path):
    found = []
    for n, stream in enumerate(("a", "b")):
        config = {"stream": {"name": stream, "tasks": 3, "seed": n}}
        found += [scored(m, R, **config) for m, R in {"ewc": F3, "si": BETTER, "sgd": WORSE}.items()]
        found += [
            result(m, [shifted(R3, by)], **config) for m, by in {"ewc": 0.0, "si": 0.01, "sgd": -0.1}.items()
        ]
    both = findings(loaded(tmp_path, *found), ["mean", "BWT"])
    add_statistics(both, ["mean", "BWT"])
    assert [ranking.name for ranking in both.rankings] == ["FID", "BWT of FID", "ACC", "BWT"]
    assert [ranking.labels for ranking in both.rankings if ranking.name in ("FID", "ACC")] == [
        ["si", "ewc", "sgd"]
    ] * 2
    pictures = {path.name for path in drawn(both, tmp_path)}
    assert {"critical-difference-BWT-of-FID.png", "critical-difference-BWT.png"} < pictures


def test_tests_of_pairs_are_in_the_scores_unit(tmp_path):
    five = [[[v + n for v in row] for row in F3] for n in range(5)]
    found = findings(loaded(tmp_path, scored("ewc", *five), scored("si", *([BETTER] * 5))))
    add_statistics(found)
    text = written(found, "md")
    assert "split-toy: FID of every two methods over equal seeds" in text
    assert "95 percent intervals of the mean FID\n" in text
    assert "+7.00" in text


def test_printed_numbers_are_set_beside_results_of_their_score(tmp_path):
    rows = {"ewc": {"FID": [64.7, 1.03]}, "si": {"mean": [50, None], "bwt": [9, None]}}
    table = {"name": "t3", "title": "table III", "stream": "split-toy", "runs": 10, "rows": rows, "score": "FID"}
    (tmp_path / "n.json").write_text(json.dumps({"source": "Someone", "tables": [table]}))
    found = findings(loaded(tmp_path, scored("ewc", F3), scored("si", BETTER), result("mas")))
    add_references(found, [str(tmp_path / "n.json")])
    text = written(found, "md")
    assert text.count("beside table III") == 2  # FID and BWT, of FID's table alone
    assert re.search(r"\| ewc +\| +41\.67 \(1\) \| +64\.70 ± 1\.03 \(10\) \| +-23\.03 \|", text)
    assert reference_tables(str(tmp_path / "n.json"))[0].rows["si"] == {"mean": (50, None), "BWT": (9, None)}
    table["score"] = "accuracy"
    (tmp_path / "n.json").write_text(json.dumps({"source": "Someone", "tables": [table]}))
    with pytest.raises(UserError, match="no metric called 'FID'"):
        reference_tables(str(tmp_path / "n.json"))


def test_analyses_name_and_draw_the_mean_of_the_score(tmp_path):
    greedy, none = ({"strategy": {"pruning": name}} for name in ("greedy", "none"))
    wide = {"network": {"name": "mlp", "hidden": [32], "dropout": 0.0}, **greedy}
    both = loaded(
        tmp_path, scored("anpyc", F3, **greedy), scored("anpyc", F3, **none), scored("anpyc", F3, **wide)
    )
    for name in ("over_tasks", "over_width", "pruning_strategies"):
        found = getattr(analysis, name)(both)
        assert all("FID" in grid.heading and "ACC" not in grid.heading for grid in found.tables)
        assert [row["FID"] for row in found.rows][-1] == pytest.approx(125 / 3)
        assert found.draw(tmp_path / "plots")
    mixed = analysis.over_tasks([*both, *loaded(tmp_path / "b", result("ewc"))])
    assert "FID" in set_in([analysis.describe([mixed])], "csv").splitlines()[0]


def test_one_stage_of_one_matrix_is_that_of_metrics(three):
    (table,) = tables(three)
    assert metrics.mean_per_stage(F, FID) == pytest.approx([40, 42.5, 125 / 3])
    assert table.digits == 2
