"""A report compares only what can be compared, says why a number is missing, and keeps to its formats."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from command_line import ROOT
from results_by_hand import JOINT3, R3, result, run, shifted

from clbench.errors import UserError
from clbench.report.compose import read, report
from clbench.report.write import names
from clbench.results import save
from clbench.results.differences import described, differing, shown

TWO_SEEDS = [R3, shifted(R3, 0.02)]
BETTER = shifted(R3, 0.04)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


def put(folder, *results):
    """Save the results and read the tables back."""
    for n, one in enumerate(results):
        save(one, folder / f"{n}-{one.config['method']}.json")
    return read([folder]).tables


def labels(table):
    return [row.label for row in table.rows]


def test_rows_follow_the_papers_order_with_joint_last(folder):
    methods = ["zeta", "anpyc", "joint", "er", "hat", "sgd", "finetuning", "ewc", "sgd-f"]
    (table,) = put(folder, *(result(m, [JOINT3 if m == "joint" else R3]) for m in methods))
    assert labels(table) == ["sgd", "sgd-f", "finetuning", "ewc", "hat", "anpyc", "er", "zeta", "joint"]


def test_mean_and_sample_deviation_over_seeds(folder):
    (table,) = put(folder, result("sgd", TWO_SEEDS), result("ewc", [R3]))
    several, one = (row.cells["ACC"] for row in table.rows)
    assert (several.mean, several.std) == (pytest.approx(76), pytest.approx(2**0.5))
    assert (one.mean, one.std, one.values) == (pytest.approx(75), None, [pytest.approx(75)])
    text = report([folder])
    assert re.search(r"\| sgd +\| +\*\*76\.00 ± 1\.41\*\* \|", text)
    assert re.search(r"\| ewc +\| +_75\.00_ \|.*\| +1 \|", text)
    assert "sample standard deviation" in text


@pytest.mark.parametrize(
    "other",
    [
        {"scenario": "domain"},
        {"score": "validation"},
        {"stream": {"name": "split-toy", "tasks": 3, "seed": 1}},
        {"network": {"name": "mlp", "hidden": [32], "dropout": 0.0}},
        {"data": {"toy.bin": "cd" * 32}},
    ],
)
def test_what_cannot_be_compared_has_a_table_of_its_own(folder, other):
    first, second = put(folder, result("sgd"), result("ewc", **other))
    assert len(first.rows) == len(second.rows) == 1
    assert first.heading != second.heading


def test_the_heading_says_what_the_rows_share_and_in_what_namesakes_differ(folder):
    tables = put(folder, result("sgd"), result("ewc", data={"toy.bin": "cd" * 32}))
    (heading,) = [t.heading for t in tables if labels(t) == ["ewc"]]
    assert heading == (
        "split-toy (seed=0): 3 tasks, scenario task, network mlp (dropout=0.0, hidden=[16]), scored on test "
        "data (of several split-toy here, the one with toy.bin of sha256 cdcdcdcdcdcd)"
    )
    other_seed = result("mas", stream={"name": "split-toy", "tasks": 3, "seed": 1}, data={"toy.bin": "cd" * 32})
    assert any(
        "the one with seed=1, toy.bin of" in t.heading for t in put(folder / "b", result("sgd"), other_seed)
    )


def test_one_method_twice_is_labelled_by_the_options_that_differ(folder):
    strategies = [{"lam": 100, "online": False}, {"lam": 20, "online": False}, {"lam": 20, "online": True}]
    (table,) = put(folder, result("sgd"), *(result("ewc", strategy=strategy) for strategy in strategies))
    assert labels(table) == [
        "sgd",
        "ewc (lam=20, online=false)",
        "ewc (lam=20, online=true)",
        "ewc (lam=100, online=false)",
    ]


def test_other_training_and_presets_are_told(folder):
    quick = result("ewc", train={"epochs": 9, "lr": 0.1}, preset="quick")
    (table,) = put(folder, result("sgd"), result("mas"), quick)
    assert table.notes == [
        "Rows differ in train.epochs: 9 in ewc; 1 in all others.",
        "Preset: quick in ewc; none in all others.",
    ]
    (alone,) = put(folder / "b", quick)
    assert alone.notes == ["Preset: quick in all rows."]


def test_rows_whose_importance_is_measured_on_some_images_are_named(folder):
    drawn = [result(m, strategy={"importance_samples": n}) for m, n in (("ewc", 50), ("mas", 50), ("anpyc", 7))]
    (table,) = put(folder, result("sgd"), *drawn)
    assert table.notes == [
        "Importance is measured on 50 images drawn of a task's (on all where it has fewer): ewc, mas.",
        "Importance is measured on 7 images drawn of a task's (on all where it has fewer): anpyc.",
    ]


def test_forward_transfer_is_paired_with_the_joint_run_by_seed(folder):
    joint = result("joint", [JOINT3, shifted(JOINT3, -0.1)])
    (table,) = put(folder, result("ewc", [R3, R3]), joint)
    cell = table.rows[0].cells["FWT"]
    assert cell.values == [pytest.approx(-6), pytest.approx(4)]
    assert cell.notes == []
    (table,) = put(folder / "b", result("ewc", [R3, R3, R3]), joint)
    cell = table.rows[0].cells["FWT"]
    assert (cell.seeds, cell.notes) == ([0, 1], ["over the 2 of 3 seeds that a finished joint run has too"])


def test_the_joint_run_trained_alike_is_preferred(folder):
    longer = {"epochs": 9, "lr": 0.1}
    worse = result("joint", [shifted(JOINT3, -0.1)])
    (table,) = put(folder, result("ewc", train=longer), worse, result("joint", [JOINT3], train=longer))
    assert table.rows[0].cells["FWT"].mean == pytest.approx(-6)
    (table,) = put(folder / "b", result("ewc", train=longer), worse)
    assert table.rows[0].cells["FWT"].notes == ["the joint run was trained with other options"]


@pytest.mark.parametrize(
    "joint",
    [
        result("joint", runs=[run(5, JOINT3)]),
        result("joint", [JOINT3], scenario="class"),
        result("joint", [JOINT3], data={"toy.bin": "cd" * 32}),
        result("joint", runs=[run(0, JOINT3[:1], status="running")]),
    ],
)
def test_no_joint_run_to_pair_with_is_a_dash_with_a_reason(folder, joint):
    cell = next(row.cells["FWT"] for t in put(folder, result("ewc"), joint) for row in t.rows if not row.joint)
    assert cell.mean is None
    assert "no finished joint run" in cell.notes[0]
    assert re.search(r"\| +– \[\d\] \|", report([folder]))


def test_joint_has_no_transfer_and_is_not_ranked(folder):
    (table,) = put(folder, result("sgd"), result("ewc", [BETTER]), result("joint", [JOINT3]))
    cells = table.rows[-1].cells
    assert cells["ACC"].mean == pytest.approx(94)
    assert {cells[name].notes[0] for name in ("BWT", "FWT", "SMT")} == {"learns all tasks at once"}
    assert table.marks(table.columns[0]) == {1: "best", 0: "second"}
    assert "joint, the ceiling, is not ranked" in report([folder])


def test_marks_follow_what_is_better_and_ties_share_them(folder):
    (table,) = put(folder, result("sgd"), result("ewc"), result("mas", [[R3[0], *shifted(R3[1:], -0.1)]]))
    acc, bwt, _, smt = table.columns
    assert table.marks(acc) == {0: "best", 1: "best", 2: "second"}
    assert table.marks(bwt) == {0: "best", 1: "best", 2: "best"}
    steady = [R3[0], R3[1], [0.9, 0.8, 0.5], [0.9, 0.8, 0.9]]
    (table,) = put(folder / "b", result("sgd"), result("ewc", [steady]))
    assert table.marks(smt) == {1: "best", 0: "second"}
    (alone,) = put(folder / "c", result("sgd"))
    assert alone.marks(acc) == {}


def test_seeds_that_did_not_finish_are_left_out_and_counted(folder):
    bad = {"status": "diverged", "reason": "loss is not finite", "step": 7}
    runs = [run(0), run(1, R3[:2], **bad), run(2, R3[:1], **bad), run(3, R3[:3], status="running")]
    (table,) = put(folder, result("ewc", runs=runs))
    assert table.rows[0].cells["ACC"].seeds == [0]
    assert table.rows[0].notes == [
        "3 of 4 seeds left out: seeds 1, 2 diverged at step 7 (loss is not finite); "
        "seed 3 unfinished after 2 of 3 tasks"
    ]
    assert re.search(r"\| +1 \[2\] \|", report([folder]))


def test_a_result_without_a_finished_seed_is_a_row_of_dashes(folder):
    failed = result("ewc", runs=[run(0, [], status="failed", reason="out of memory")])
    (table,) = put(folder, failed)
    reason = "no finished seed: seed 0 failed (out of memory)"
    assert all(cell.mean is None and cell.notes == [reason] for cell in table.rows[0].cells.values())
    assert f"- [1] {reason}" in report([folder])


def test_a_duplicate_is_left_out_and_noted(folder):
    half = result("ewc", runs=[run(0, R3[:2], status="running")])
    (table,) = put(folder, half, result("ewc"))
    assert len(table.rows) == 1
    assert table.rows[0].seeds == [0]
    (note,) = table.notes
    assert note.startswith(
        f"{folder / '0-ewc.json'} is left out: it has the configuration of {folder / '1-ewc.json'}"
    )


def test_metrics_on_request(folder):
    put(folder, result("ewc", [R3, R3]), result("joint", [JOINT3, JOINT3]))
    names = ["forgetting", "Intransigence", "aia", "FWT_GEM", "parameters", "seconds"]
    (table,) = read([folder], names).tables
    means = {name: cell.mean for name, cell in table.rows[0].cells.items()}
    assert means == {
        "forgetting": pytest.approx(20),
        "intransigence": pytest.approx(17 / 3),
        "aia": pytest.approx(80),
        "fwt_gem": pytest.approx(0, abs=1e-9),
        "network_parameters": 130,
        "state_parameters": 600,
        "seconds": 6,
    }
    assert re.search(r"\| ewc +\|.*\| +130 \| +600 \| +6\.0 ± 0\.0 \|", report([folder], metrics=names))
    with pytest.raises(UserError, match=r"no metric called 'forgeting'; did you mean 'forgetting'\?"):
        read([folder], ["forgeting"])


def test_seconds_of_seeds_trained_together_are_those_of_the_program(folder):
    put(folder, result("ewc", runs=[run(seed, together=[0, 1]) for seed in (0, 1)]))
    (table,) = read([folder], ["seconds"]).tables
    assert "2 seeds together" in table.rows[0].cells["seconds"].notes[0]


def test_json_holds_every_value_and_every_reason(folder):
    put(folder, result("ewc", TWO_SEEDS, preset="quick", strategy={"lam": 4.0}))
    (entry,) = json.loads(report([folder], "json"))
    assert entry["stream"] == {"name": "split-toy", "tasks": 3, "seed": 0}
    assert (entry["method"], entry["label"], entry["preset"]) == ("ewc", "ewc", "quick")
    assert (entry["score"], entry["scenario"], entry["seeds"]) == ("test", "task", [0, 1])
    assert entry["network"]["hidden"] == [16]
    assert entry["data"] == {"toy.bin": "ab" * 32}
    acc, fwt = entry["metrics"]["ACC"], entry["metrics"]["FWT"]
    assert acc["values"] == pytest.approx([75, 77])
    assert (acc["mean"], acc["std"], acc["n"]) == (pytest.approx(76), pytest.approx(2**0.5), 2)
    assert (fwt["mean"], fwt["n"], fwt["values"]) == (None, 0, [])
    assert "no finished joint run" in fwt["reason"]


def test_csv_comes_back_as_it_went(folder):
    put(
        folder,
        result("ewc", TWO_SEEDS, strategy={"note": 'a "b", c|d'}),
        result("ewc"),
        result("joint", [JOINT3]),
    )
    lines = list(csv.DictReader(io.StringIO(report([folder], "csv"))))
    plain, quoted, joint = lines[1], lines[0], lines[2]
    assert quoted["label"] == 'ewc (seeds=[0,1], note=a "b", c|d)'
    assert float(quoted["ACC_mean"]) == pytest.approx(76)
    assert float(quoted["ACC_std"]) == pytest.approx(2**0.5)
    assert (plain["ACC_n"], plain["ACC_std"], plain["n_seeds"]) == ("1", "", "1")
    assert (joint["BWT_mean"], joint["BWT_n"]) == ("", "0")
    assert "BWT: learns all tasks at once" in joint["notes"]


def test_markdown_tables_keep_their_columns(folder):
    put(folder, result("ewc", strategy={"note": "c|d"}), result("ewc"), result("sgd"))
    grid = [line for line in report([folder]).splitlines() if line.startswith("|")]
    assert len(grid) == 5
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in grid} == {7}


ODD = {"name": "odd_100%&#{$}~^\\<[x]|", "tasks": 3}


def columns_of(row: str) -> int:
    """Of a line of a tabular: an entry over three columns counts as three."""
    entries = re.split(r"(?<!\\)&", row)
    return len(entries) + 2 * row.count(r"\multicolumn{3}")


def test_latex_is_escaped_marked_and_closed(folder):
    put(
        folder,
        result("ewc", TWO_SEEDS, stream=ODD),
        result("sgd-f", stream=ODD),
        result("joint", [JOINT3], stream=ODD),
    )
    for fmt, around in (("latex", ["document"]), ("latex-tables", [])):
        text = report([folder], fmt)
        assert r"odd\_100\%\&\#\{\$\}\textasciitilde{}\textasciicircum{}\textbackslash{}" in text
        assert r"\textbf{76.00} & ${}\pm{}$ & \textbf{1.41} &" in text
        assert r"\underline{75.00} & &  &" in text
        assert r"--\rlap{\textsuperscript{" in text
        begun, ended = re.findall(r"\\begin\{(\w+)\}", text), re.findall(r"\\end\{(\w+)\}", text)
        assert sorted(begun) == sorted(ended) == sorted([*around, "table", "tabular"])
        assert all(rule in text for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert {columns_of(row) for row in rows} == {1 + 3 + 3 + 1 + 3 + 1}
        unescaped = re.sub(r"\\[{}]", "", text)
        assert unescaped.count("{") == unescaped.count("}")


def test_deviations_of_different_length_align_in_latex(folder):
    wild = [R3, shifted(R3, -0.4)]
    put(folder, result("ewc", TWO_SEEDS), result("si", wild))
    text = report([folder], "latex-tables")
    assert r"${}\pm{}$ & \phantom{0}\textbf{1.41}" in text
    assert r"${}\pm{}$ & \underline{28.28}" in text


def test_a_long_table_is_cut_into_pages_in_latex(folder):
    put(folder, *(result("ewc", strategy={"lam": n}) for n in range(61)))
    text = report([folder], "latex")
    assert text.count(r"\begin{table}") == 3
    assert "(part 3 of 3)" in text
    assert [text.count(f"ewc (lam={n})") for n in (0, 30, 60)] == [1, 1, 1]
    assert text.count("Best of a column") == 1


STRANGE = {"note": '\x00 tab\t new\n\nline λ é 中 \u202e "quoted" --x'}


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX on this machine")
@pytest.mark.parametrize("fmt", ["latex", "latex-tables"])
def test_latex_compiles(folder, tmp_path, fmt):
    several = [result("ewc", strategy={"lam": n}) for n in range(31)]
    put(folder, result("ewc", TWO_SEEDS, stream=ODD), result("sgd-f", strategy=STRANGE), result("sgd-f"), *several)
    text = report([folder, ROOT / "benchmarks" / "pruning"], fmt)
    if fmt == "latex-tables":
        (tmp_path / "tables.tex").write_text(text, "utf-8")
        packages = r"\usepackage[T1]{fontenc}\usepackage{booktabs}\usepackage{graphicx}"
        text = rf"\documentclass{{article}}{packages}\begin{{document}}\input{{tables}}\end{{document}}"
    (tmp_path / "t.tex").write_text(text, "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "t.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    if fmt == "latex":
        assert "too large" not in done.stdout


@pytest.mark.parametrize("fmt", names())
def test_equal_results_give_equal_reports(folder, fmt):
    put(folder, result("ewc", TWO_SEEDS), result("sgd"), result("joint", [JOINT3]))
    files = sorted(folder.iterdir())
    assert report([folder], fmt) == report(files[::-1], fmt)


def test_plots_are_written_as_png_and_svg_and_listed(folder, tmp_path):
    other = {"stream": {"name": "split-toy", "tasks": 3, "seed": 1}}
    put(folder, result("ewc", TWO_SEEDS), result("joint", [JOINT3]), result("sgd", **other))
    plots = tmp_path / "new" / "plots"
    text = report([folder], plots=plots)
    names = sorted(path.name for path in plots.iterdir())
    assert len(names) == 2 * (2 + 3)
    assert len([n for n in names if re.fullmatch(r"split-toy-task-[0-9a-f]{12}-accuracy\.(png|svg)", n)]) == 4
    assert all(f"- {plots / name}" in text for name in names)
    for path in plots.iterdir():
        if path.suffix == ".svg":
            assert ET.parse(path).getroot().tag.endswith("svg")
        else:
            assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.long
def test_pictures_fit_a_column_of_a_paper(folder, tmp_path):
    R = [[0.1] * 10] * 11
    low = [[0.05] * 10] * 11
    put(folder, *(result("ewc", [R, low], strategy={"lam": n}) for n in range(6)), result("joint", [R]))
    report([folder, ROOT / "benchmarks" / "pruning"], plots=tmp_path / "plots")
    pictures = sorted((tmp_path / "plots").glob("*.png"))
    widths = {path.name: int.from_bytes(path.read_bytes()[16:20], "big") / 300 for path in pictures}
    assert len(widths) > 10
    assert {name: width for name, width in widths.items() if not 2.5 < width < 3.7} == {}  # 3.3 inches at 300 dpi


def test_a_picture_of_equal_results_is_equal_and_named_plainly(folder, tmp_path):
    one = result("ewc", [[[0.1], [0.9]]])
    put(folder, one)
    for name in ("a", "b"):
        report([folder], "csv", plots=tmp_path / name)
    pictures = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert pictures == [
        "split-toy-task-accuracy.png",
        "split-toy-task-accuracy.svg",
        f"split-toy-task-ewc-{one.digest}.png",
        f"split-toy-task-ewc-{one.digest}.svg",
    ]
    for name in pictures:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_file_in_the_place_of_the_plots_folder_is_a_user_error(folder, tmp_path):
    put(folder, result("ewc"))
    (tmp_path / "taken").write_text("")
    with pytest.raises(UserError, match="taken: cannot write the plots"):
        report([folder], plots=tmp_path / "taken")


@pytest.mark.parametrize(
    ("kind", "writes"),
    [
        (None, "no results in {}; `clbench train` and `clbench prune-lenet` write them"),
        ("train", "no results of the kind train in {}; `clbench train` writes them"),
        ("pruning", "no results of the kind pruning in {}; `clbench prune-lenet` writes them"),
    ],
)
def test_where_there_is_nothing_the_command_that_writes_it_is_named(tmp_path, kind, writes):
    with pytest.raises(UserError) as error:
        report([tmp_path], kind=kind)
    assert str(error.value) == writes.format(tmp_path)


def test_nothing_to_report_is_a_user_error(folder, tmp_path):
    with pytest.raises(UserError, match="no results in"):
        report([tmp_path])
    put(folder, result("ewc"))
    with pytest.raises(
        UserError, match="no report format called 'pdf'; there are: csv, csv-long, html, json, latex, latex-tables"
    ):
        report([folder], "pdf")
    (folder / "0-ewc.json").write_text('{"schema_version": 1, ')
    with pytest.raises(UserError, match=r"0-ewc\.json: not valid JSON"):
        report([folder])


def test_reporting_needs_no_torch_and_matplotlib_only_for_plots():
    code = "import clbench.report, clbench.results, sys; print({'torch', 'matplotlib'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_plots_need_no_torch_either():
    code = "import clbench.report.draw.heat_map, clbench.results.checks, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_options_in_words():
    one, two = {"a": {"lr": 0.1}, "b": {"lr": 1}, "seeds": [0, 1, 2]}, {"a": {"lr": 0.2}, "b": {"lr": 1}}
    assert differing([one, two]) == ["a.lr", "seeds"]
    assert described(one, ["a.lr", "seeds"]) == "lr=0.1, seeds=0-2"
    assert described(one) == "a.lr=0.1, b.lr=1, seeds=0-2"
    assert [shown(v) for v in ([512, 256], [1, 2], True, None, "x", ["a"])] == [
        "[512,256]",
        "[1,2]",
        "true",
        "null",
        "x",
        '["a"]',
    ]
