"""Results are set beside what papers print, where stream, tasks and scenario match; do the orders agree?"""

import json
import logging
import re
from importlib.resources import files

import pytest
from command_line import clbench
from jsonschema import Draft202012Validator
from results_by_hand import JOINT3, R3, result, shifted

from clbench.errors import UserError
from clbench.report.build.references import reference_tables
from clbench.report.compose import report
from clbench.results import save

TWO = [R3, shifted(R3, 0.02)]  # ACC 75 and 77
ROWS = {
    "ewc": {"ACC": [70.0, 1.0]},
    "sgd": {"acc": [60.0, None], "BWT": None},
    "lwf": {"ACC": [65, 1]},
    "si": None,
}


def numbers(path, **changes):
    """A reference of three methods on the stream of results_by_hand; `changes` are of its table."""
    table = {"name": "table9", "title": "table IX", "stream": "split-toy", "runs": 7, "rows": ROWS, **changes}
    path.write_text(json.dumps({"source": "Someone 1999", "doi": "10.1/x", "tables": [table]}))
    return str(path)


@pytest.fixture
def folder(tmp_path):
    one = tmp_path / "runs"
    for name, matrices in {"ewc": TWO, "sgd": [R3], "mas": [R3], "joint": [JOINT3]}.items():
        save(result(name, matrices), one / f"{name}.json")
    return one


def test_the_packaged_numbers_are_the_papers_tables():
    first, second, *of_gans = reference_tables("paper")
    assert (first.stream, first.tasks, first.runs) == ("split-mnist", 5, 10)
    assert (second.stream, second.tasks, second.scenario) == ("permuted-mnist", 10, "task")
    assert first.rows["anpyc"] == {"FWT": (-0.45, 0.10), "BWT": (-0.78, 0.33), "ACC": (98.14, 1.03)}
    assert second.rows["sgd-f"] == {"FWT": (-15.02, 0.25), "BWT": (0.15, 0.09), "ACC": (81.77, 0.22)}
    assert first.rows["joint"] == {"ACC": (99.80, 0.19)}
    assert len(first.rows) == len(second.rows) == 10
    assert "misprint" in first.note
    assert first.rows["sgd-f"]["ACC"] == first.rows["finetuning"]["ACC"]
    assert "Peng et al. 2021" in first.source
    assert "doi 10.1109/TNNLS.2021.3056201" in first.source
    assert [(t.stream, t.score, t.rows["dgr"]) for t in of_gans] == [
        ("cgan-mnist", "FID", {"old": (40.67, 1.19)}),
        ("cgan-svhn", "FID", {"old": (68.10, 1.55)}),
    ]
    assert of_gans[0].rows["mas"] == {"old": (60.84, 1.87)}


def test_the_published_schema_is_one():
    Draft202012Validator.check_schema(
        json.loads((files("clbench.results") / "schema" / "reference.json").read_text())
    )


SHORT = "Ours are of short training ({}): the numbers do not compare, the order of the methods may."
CUT = {"name": "split-toy", "tasks": 3, "seed": 0, "limit": 2500}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"train": {"epochs": 5, "lr": 0.1}}, None),
        ({"train": {"epochs": 1, "lr": 0.1, "iterations": 2000}}, None),
        ({"train": {"epochs": 1, "lr": 0.1}}, "1 epoch"),
        ({"train": {"epochs": 2, "lr": 0.1}}, "2 epochs"),
        ({"train": {"epochs": 5, "lr": 0.1}, "stream": CUT}, "at most 2,500 training images a task"),
        ({"stream": CUT}, "at most 2,500 training images a task, 1 epoch"),
    ],
)
def test_numbers_of_few_images_or_epochs_are_said_not_to_compare(tmp_path, changes, said):
    save(result("ewc", TWO, **changes), tmp_path / "runs" / "ewc.json")
    text = report([tmp_path / "runs"], references=[numbers(tmp_path / "n.json")])
    assert ("Ours are of short training" in text) == (said is not None)
    assert said is None or f"- {SHORT.format(said)}\n" in text
    [entry] = json.loads(report([tmp_path / "runs"], "json", references=[numbers(tmp_path / "n.json")]))
    assert [one["short"] for one in entry["references"]] == [said]


def test_of_rows_trained_apart_it_is_said_which_are_short(folder, tmp_path):
    save(result("ewc", TWO, train={"epochs": 20}), folder / "ewc.json")
    text = report([folder], references=[numbers(tmp_path / "n.json")])
    assert f"- {SHORT.format('1 epoch: sgd')}\n" in text


def test_a_comparison_follows_its_table(folder, tmp_path):
    text = report([folder], references=[numbers(tmp_path / "n.json", note="Read off a figure.")])
    _, table, beside = text.split("### ")
    assert table.startswith("split-toy (seed=0): 3 tasks")
    assert beside.startswith("split-toy: ACC (%) beside table IX\n")
    assert re.search(r"\| ewc +\| +76\.00 ± 1\.41 \(2\) \| +70\.00 ± 1\.00 \(7\) \| +\+6\.00 \|", beside)
    assert re.search(r"\| sgd +\| +75\.00 \(1\) \| +60\.00 \(7\) \| +\+15\.00 \|", beside)
    assert "| mas" not in beside
    assert "- Theirs: Someone 1999, doi 10.1/x; table IX.\n- Read off a figure.\n- Theirs alone: lwf.\n" in beside
    assert "Order of 2 methods: Kendall's tau needs 3 methods." in beside


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"sgd": 60, "ewc": 90, "mas": 80}, "agreement cannot be told from chance (Kendall's tau = 0.82, p = "),
        ({"sgd": 60, "ewc": 60, "mas": 60}, "all are equal"),
    ],
)
def test_the_order_of_methods_is_compared_without_joint(folder, tmp_path, rows, words):
    cells = {method: {"ACC": [mean, None]} for method, mean in {**rows, "joint": 10}.items()}
    text = report([folder], references=[numbers(tmp_path / "n.json", rows=cells)])
    assert f"Order of 3 methods, without joint, the ceiling: {words}" in text
    assert "| joint" in text.split("beside")[1]


def test_five_equal_orders_agree_and_five_reversed_do_not(tmp_path):
    for n, name in enumerate(["sgd", "ewc", "si", "mas", "lwf"]):
        save(result(name, [shifted(R3, -0.02 * n)]), tmp_path / "runs" / f"{name}.json")
    upwards = {name: {"ACC": [n, None]} for n, name in enumerate(["lwf", "mas", "si", "ewc", "sgd"])}
    downwards = {name: {"ACC": [-n, None]} for n, name in enumerate(["lwf", "mas", "si", "ewc", "sgd"])}
    both = [numbers(tmp_path / "up.json", rows=upwards), numbers(tmp_path / "down.json", rows=downwards)]
    text = report([tmp_path / "runs"], references=both)
    assert "Order of 5 methods: agrees (Kendall's tau = 1.00, p = 0.0167)." in text  # 2 of the 5! orders
    assert "Order of 5 methods: is reversed (Kendall's tau = -1.00, p = 0.0167)." in text


def test_a_method_of_several_configurations_has_no_one_place_in_the_order(folder, tmp_path):
    save(result("ewc", [shifted(R3, 0.1)], strategy={"lam": 9.0}), folder / "other.json")
    text = report([folder], references=[numbers(tmp_path / "n.json")])
    assert "Order of 1 methods, without ewc (several configurations): Kendall's tau needs 3" in text
    assert len(re.findall(r"\| ewc \(.*70\.00 ± 1\.00 \(7\)", text)) == 2


@pytest.mark.parametrize("other", [{"stream": "split-mnist"}, {"tasks": 4}, {"scenario": "class"}])
def test_what_does_not_match_is_not_compared_and_told(folder, tmp_path, caplog, other):
    with caplog.at_level(logging.WARNING):
        text = report([folder], references=[numbers(tmp_path / "n.json", **other)])
    assert text == report([folder])
    assert "n.json: table9: no results of split-" in caplog.text
    stated = numbers(tmp_path / "n.json", tasks=3, scenario="task")
    assert "beside table IX" in report([folder], references=[stated])


def test_json_has_the_printed_numbers_in_a_key_of_each_row(folder, tmp_path):
    entries = json.loads(report([folder], "json", references=[numbers(tmp_path / "n.json")]))
    rows = {entry["method"]: entry for entry in entries}
    (found,) = rows["ewc"]["references"]
    assert (found["source"], found["table"]) == ("Someone 1999, doi 10.1/x", "table9")
    assert found["metrics"] == {
        "ACC": {"mean": 70, "std": 1, "n": 7, "difference": pytest.approx(6), "order": None}
    }
    assert "references" not in rows["mas"]
    assert not any("references" in entry for entry in json.loads(report([folder], "json")))


def test_latex_sets_comparisons_and_csv_refuses(folder, tmp_path):
    mine = numbers(tmp_path / "n.json", title="table 100% & more")
    assert r"beside table 100\% \& more}" in report([folder], "latex", references=[mine])
    with pytest.raises(UserError, match="csv has a line a configuration and no place for --reference"):
        report([folder], "csv", references=[mine])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rows": {"ewc": {"ACC": [90]}}}, r"n\.json: tables\[0\]\.rows\.ewc\.ACC: \[90\] is too short"),
        ({"rows": {"ewc": {"ACC": [90, -1]}}}, r"tables\[0\]\.rows\.ewc\.ACC\[1\]: -1 is less than the minimum"),
        ({"rows": {"ewc": {"ACC": ["90", 1]}}}, r"tables\[0\]\.rows\.ewc\.ACC\[0\]: '90' is not of type 'number'"),
        ({"rows": {"ewc": {"AC": [90, 1]}}}, r"tables\[0\]\.rows\.ewc: no metric called 'AC'; did you mean 'ACC'"),
        ({"runs": 0}, r"tables\[0\]\.runs: 0 is less than the minimum of 1"),
        ({"task": 3}, r"tables\[0\]: .*'task' was unexpected"),
        ({"scenario": "all"}, r"tables\[0\]\.scenario: 'all' is not one of"),
    ],
)
def test_a_fault_is_told_with_file_and_field(folder, tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        report([folder], references=[numbers(tmp_path / "n.json", **changes)])


def test_two_tables_of_one_name_are_refused(tmp_path):
    path = tmp_path / "n.json"
    numbers(path)
    table = json.loads(path.read_text())["tables"][0]
    path.write_text(json.dumps({"source": "x", "tables": [table, table]}))
    with pytest.raises(UserError, match=r"tables\[1\]\.name: 'table9' is the name of an earlier table"):
        reference_tables(str(path))


def test_on_the_command_line(folder, tmp_path):
    mine = numbers(tmp_path / "n.json")
    assert "beside table IX" in clbench("report", folder, "--reference", mine, "--reference", "paper").out
    assert "nowhere.json: cannot read" in clbench("report", folder, "--reference", "nowhere.json").line
