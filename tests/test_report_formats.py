"""A format is a file: what one registers is had by every command, and a file's suffix names it."""

import csv
import io
import json
from pathlib import Path

import pytest
from command_line import TINY, clbench
from results_by_hand import JOINT3, R3, result

from clbench.report.document import Document, Entry, Head, MarksNote, Records, Section, Table, table_of_words
from clbench.report.write import write
from clbench.results import save

STUDY = ["--epochs", "1", "--retrain-epochs", "1", "--rates", "0.5"]
HEADINGS = '''"""The headings of tables."""
from clbench.report.write import writes


@writes("headings", ".heads")
def write(documents, place):
    return "\\n".join(table.heading for document in documents for table in document.tables())
'''


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(result("ewc", [R3, R3]), Path("runs/ewc.json"))
    save(result("joint", [JOINT3]), Path("runs/joint.json"))


@pytest.fixture
def plugin():
    """A file that registers a format; what it registers is taken back."""
    from clbench.registry import formats

    formats.fill()
    before = dict(formats.entries)
    Path("headings.py").write_text(HEADINGS)
    yield "headings.py"
    formats.entries = before


def test_one_file_adds_a_format_to_every_command(plugin):
    for words in (["report"], ["analyze", "runs", "--what", "tasks"]):
        done = clbench(*words, "--plugin", plugin, "--format", "headings")
        assert done.code == 0, done
        assert "split-toy" in done.out
    assert clbench("report", "--plugin", plugin, "-o", "page.heads").code == 0
    assert Path("page.heads").read_text().startswith("split-toy")


@pytest.mark.parametrize(
    ("file", "begins"),
    [
        ("o.md", "###"),
        ("o.csv", "table,"),
        ("o.tex", "% Compiles"),
        ("o.html", "<!DOCTYPE"),
        ("o.json", "["),
    ],
)
def test_the_suffix_of_the_file_names_the_format(file, begins):
    for words in (["report"], ["analyze", "runs", "--what", "tasks"]):
        assert clbench(*words, "-o", file).code == 0
        assert Path(file).read_text().strip().startswith(begins)


def test_a_format_that_is_asked_for_wins_over_the_suffix():
    assert clbench("report", "-o", "numbers.txt", "--format", "csv").code == 0
    assert Path("numbers.txt").read_text().startswith("table,")


@pytest.mark.parametrize("words", [("-o", "o.pdf"), ("--format", "pdf"), ("--json", "--format", "md")])
def test_an_unknown_format_or_suffix_is_one_line_with_those_there_are(words):
    done = clbench("report", *words)
    assert done.code == 2
    assert "json" in done.line
    assert not Path("o.pdf").exists()


def test_quiet_prints_what_is_asked_for_and_nothing_else():
    assert clbench("report", "--quiet").out == ""
    assert json.loads(clbench("report", "--quiet", "--json").out)


def test_long_csv_has_a_line_a_run_stage_and_task():
    lines = list(csv.DictReader(io.StringIO(clbench("report", "--format", "csv-long").out)))
    mine = [line for line in lines if line["method"] == "ewc"]
    assert len(mine) == 2 * 4 * 3
    assert {(line["seed"], line["stage"], line["task"]) for line in mine} == {
        (str(s), str(i), str(j)) for s in range(2) for i in range(4) for j in (1, 2, 3)
    }
    for line in mine:
        assert float(line["value"]) == pytest.approx(100 * R3[int(line["stage"])][int(line["task"]) - 1])
        assert line["unit"] == "%"
    assert {line["stage"] for line in lines if line["method"] == "joint"} == {"0", "all"}


def test_words_and_marks_in_each_format_of_text():
    entries = ((Entry("a|b"), Entry("1.0 ± 0.1", 1.0, "best", (1,))), (Entry("c"), Entry("2.0", 2.0)))
    one = Table("A", (Head("m", "left"), Head("x")), entries, ("first", MarksNote()), ("why",))
    found = Document(
        "",
        (Section("s", (one, table_of_words("B", ["n"], [["v"]]))),),
        lambda: [1],
        lambda: Records.of([{"x": 1}]),
    )
    md = write([found], "md")
    for words in ("**1.0 ± 0.1** [1]", "a\\|b", "- [1] why", "### B", "Best of a column in **bold**"):
        assert words in md
    assert r"\textbf{1.0}" in write([found], "latex-tables")
    assert "1.0 ± 0.1 [1]" in write([found], "txt")
    assert "bold" not in write([found], "txt")
    assert write([found], "csv") == "x\n1\n"
    assert json.loads(write([found, found], "json")) == [1, 1]


@pytest.mark.parametrize(
    "words",
    [
        ("report",),
        ("analyze", "runs", "--what", "tasks"),
        ("show", "runs/ewc.json"),
        ("list", "metrics"),
        ("data", "list"),
    ],
)
def test_commands_that_print_have_the_same_options(words):
    begins = {"md": "###", "html": "<!DOCTYPE", "json": ("[", "{"), "latex": "% Compiles"}
    for form, start in begins.items():
        assert clbench(*words, "--format", form).out.strip().startswith(start)
    assert clbench(*words, "-o", "o.csv").out == ""
    assert len(list(csv.reader(io.StringIO(Path("o.csv").read_text())))) > 1
    assert clbench(*words, "--quiet").out == ""
    assert json.loads(clbench(*words, "--json", "--quiet").out)
    assert clbench(*words, "--format", "pdf").code == 2


@pytest.mark.parametrize(
    "words",
    [
        ["train", *TINY, "--method", "finetuning", "--stream", "split-digits"],
        [
            "prune-lenet",
            *["--dataset", "digits", "--limit", "60", "--epochs", "1", "--retrain-epochs", "1", "--rates", "0.5"],
        ],
    ],
)
def test_what_trains_prints_its_table_in_every_format_too(words):
    words = [*words, "--out", "trained"]
    assert clbench(*words, "-o", "page.html").out == ""
    assert Path("page.html").read_text().startswith("<!DOCTYPE html>")
    printed = json.loads(clbench(*words, "--json").out)
    assert clbench(*words, "--quiet", "-o", "files.json").out == ""
    assert json.loads(Path("files.json").read_text()) == printed
    assert printed["files"][0].startswith("trained/")
    lines = list(csv.DictReader(io.StringIO(clbench(*words, "--format", "csv").out)))
    assert {line["n_seeds"] for line in lines} == {"1"}
    assert {line["digest"] for line in lines} == {Path(printed["files"][0]).stem.rpartition("-")[2]}
    assert "no report format" in clbench(*words, "-o", "page.pdf").line
