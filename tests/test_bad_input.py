"""Whatever a file holds: refused in one line, or read; and what is read is shown as text, wherever it is shown."""

import csv
import io
import json
from pathlib import Path

import pytest
from command_line import clbench
from results_by_hand import R3, result, sealed_anew

from benchmarks.fuzz import damage, valid
from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.run import measured
from clbench import train
from clbench.config.printable import message, printable, printable_lines
from clbench.errors import UserError
from clbench.report.compose import report
from clbench.report.write.csv import cell
from clbench.results import save

DEEP = json.loads("[" * 900 + "]" * 900)


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def file_with(**changes) -> str:
    """A result sealed as clbench seals it, `runs__0__reason` changed."""
    save(result(matrices=[R3]), Path("r.json"))
    raw = json.loads(Path("r.json").read_text())
    for place, value in changes.items():
        *parents, last = [int(part) if part.isdigit() else part for part in place.split("__")]
        holder = raw
        for part in parents:
            holder = holder[part]
        holder[last] = value
    Path("r.json").write_text(json.dumps(raw))
    sealed_anew(Path("r.json"))
    return "r.json"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"runs__0__reason": "a\ud800b"}, r"runs\[0\].reason: no text: it holds '\ud800', a lone surrogate"),
        ({"tasks__1": "\udcff"}, r"tasks[1]: no text: it holds '\udcff', a lone surrogate"),
        ({"config__\udc00": 1}, r"config: a name is no text: it holds '\udc00', a lone surrogate"),
        ({"runs__0__state_parameters__1": 10**400}, "a number of 401 digits; 100 are the most"),
        ({"runs__0__state_parameters__1": 10**40}, "is greater than the maximum of 9007199254740992"),
        ({"runs__0__seconds": [1e308] * 4}, "is greater than the maximum of 1000000000000000.0"),
        ({"runs__0__seed": 2**63}, "is greater than the maximum of"),
        ({"score__factor": 1e308}, "is greater than the maximum of"),
        ({"config__strategy": {"lam": DEEP}}, "nested deeper than 32 tables and lists"),
        (
            {"tasks__0": "x" * 100_000},
            "tasks[0]: 'xxxxxxxxxxxxxxxxxxxx'.. of 100,000 characters; 50,000 are the most",
        ),
        ({"config__method": "x" * 20_000}, "is too long"),
    ],
)
@pytest.mark.parametrize("command", ["show", "report"])
def test_what_is_out_of_bounds_in_a_result_is_named_in_one_line(command, changes, words):
    line = clbench(command, file_with(**changes)).line
    assert words.replace("\\[", "[").replace("\\]", "]") in line
    assert len(line) < 400


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--stream", "x" * 100_000),
        ("train", "--method", "x" * 100_000),
        ("train", "--set", f"strategy.lam={'9' * 400}"),
        ("train", "--set", f"strategy.lam={'9' * 5000}"),
        ("train", "--set", f"strategy.lam={'[' * 900}"),
        ("train", "--set", 'strategy.lam="\\uD800"'),
        ("train", "--set", "strategy.lam=\udcff"),
        ("train", "--seeds", "9" * 400),
        ("train", "--seed-list", "9" * 400),
        ("train", "--threads", "9" * 400),
        ("train", "--data-root", "~nouser", "--stream", "split-mnist"),
        ("train", "--stream", "split:~nouser/x.npz"),
        ("train", "--config", "~nouser/x.yaml"),
        ("train", "--out", "x" * 100_000, "--dry-run"),
        ("fid", "~nouser/", "~nouser/x.npz"),
        ("report", "~nouser"),
        ("show", "x" * 100_000),
        ("show", "\udcff\n\x1b[31m"),
        ("sweep", "--grid", "strategy.lam=0:1e999999999:1"),
        ("sweep", "--grid", "strategy.lam=1,2001-01-01"),
        ("sweep", "--grid", "strategy.lam=1,!!binary eA=="),
        ("sweep", "--grid", f"strategy.lam={'1,' * 20_000}1"),
        ("sweep", "status", "x" * 100_000),
        ("reproduce", "x" * 100_000),
    ],
)
def test_a_hostile_word_on_the_command_line_is_one_short_line(words):
    line = clbench(*words).line
    assert len(line) < 2000
    assert line.isprintable()
    assert "a fault of clbench" not in line


@pytest.mark.parametrize(
    "options", [{"strategy.lam": "\ud800"}, {"strategy": {"lam": DEEP}}, {"train.epochs": 10**400}]
)
def test_an_option_out_of_bounds_is_one_line_from_python_too(options):
    with pytest.raises(UserError, match=r"^set: strategy|^set: train"):
        train("ewc", "permuted-digits", set=options)


def test_a_file_without_end_is_read_to_its_bound_alone():
    Path("z.yaml").symlink_to("/dev/zero")
    assert "too large: more than 262,144 characters" in clbench("train", "--config", "z.yaml").line


# -- text is text -------------------------------------------------------------------------------------------------

HOSTILE = "\x1b[31m<b>a|b</b>\n=[x](http://y)\u202e"


def hostile_file() -> str:
    return file_with(
        tasks=[HOSTILE, "two", "three"], config__method="=1+2|<i>\n", config__strategy={"a\nb": "\x07c"}
    )


def made(form: str) -> str:
    """The digest is of the configuration, which was changed."""
    from clbench.results.digests import digest

    raw = json.loads(Path(hostile_file()).read_text())
    Path("r.json").write_text(json.dumps({**raw, "digest": digest(raw["config"])}))
    sealed_anew(Path("r.json"))
    return report([Path("r.json")], form)


def test_a_name_stays_in_its_cell_of_a_markdown_table():
    said = made("md")
    assert "\x1b" not in said
    assert "<i>" not in said
    assert r"=1+2\|&lt;i>\n" in said
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert len(rows) == 3  # header, rule, the one result


def test_a_cell_that_a_spreadsheet_would_run_is_text():
    said = made("csv")
    assert "\x1b" not in said
    [row] = csv.DictReader(io.StringIO(said))
    assert row["method"] == r"'=1+2|<i>\n"
    assert float(row["BWT_mean"]) < 0  # a negative number is none


@pytest.mark.parametrize("form", ["md", "csv", "txt"])
@pytest.mark.parametrize("command", ["show", "report"])
def test_a_terminal_obeys_nothing_in_a_file(command, form):
    made("md")
    ran = clbench(command, "r.json", "--format", form)
    assert ran.code == 0, ran
    assert all(line.isprintable() for line in ran.out.split("\n"))


def test_characters_that_act_are_escaped():
    assert printable("a\tb\x1b\r\n\x85\u2028\ud800é") == r"a\tb\x1b\r\n\x85\u2028\ud800é"
    assert printable_lines("a\nb\r") == "a\nb\\r"
    assert message("a\n b\x1b" + "x" * 5000).startswith(r"a b\x1bxx")
    assert len(message("x" * 100_000)) < 2000


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=1", "'=1"),
        ("+x", "'+x"),
        ("@x", "'@x"),
        ("-x", "'-x"),
        ("-1.5", "-1.5"),
        ("-", "-"),
        ("\t=1", r"\t=1"),
        ("\r=1", r"\r=1"),
        (-1.5, -1.5),
        (None, None),
        ("", ""),
        (["=1"], "['=1']"),
    ],
)
def test_cells_of_csv(value, shown):
    assert cell(value) == shown


# -- the short form of `python -m benchmarks fuzz` and `damage` -------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", READERS)
def test_a_reader_refuses_or_reads_whatever_it_is_given(name, tmp_path):
    found = measured(name, 48, "hypothesis", tmp_path / "kept", lambda words: None)
    assert not found.faults
    assert found.executions == found.refused + found.accepted == 48


@pytest.mark.parametrize("name", [name for name in damage.files() if name != "record of a sweep"])
def test_a_file_damaged_anywhere_is_refused_or_says_the_same(name):
    size = len(damage.files()[name][1])
    found = damage.caught(name, every=max(1, size // 60))
    assert not found.faults
    assert found.tried == found.refused + found.same


@pytest.mark.parametrize("name", READERS)
def test_what_is_changed_is_read_before(name, tmp_path):
    for n, content in enumerate(READERS[name].valid()):
        path = tmp_path / f"{n}{READERS[name].suffix}"
        path.write_bytes(content)
        try:
            READERS[name].read(path)
        except UserError as error:
            pytest.fail(f"{name} refuses its valid file {n}: {error}")


def test_a_trained_run_s_checkpoint_is_one_of_the_files():
    assert valid.trained()[1].status == "done"


@pytest.mark.parametrize("axis", [3, "x", {}, {"values": 3}, {"low": 1}, {"low": "a", "high": 2, "log": 1}])
def test_the_space_of_a_record_is_one(axis, tmp_path):
    import json

    from benchmarks.fuzz import seals
    from clbench.results import sweep_record

    raw = json.loads(valid.records()[0])
    raw["plan"]["space"]["strategy.lam"] = axis
    (tmp_path / "sweep.json").write_text(json.dumps(seals.resealed(raw)))
    with pytest.raises(UserError, match="space"):
        sweep_record.load(tmp_path / "sweep.json")


@pytest.mark.parametrize("command", ["check", "reproduce"])
def test_a_number_of_seeds_that_is_whole_but_written_as_a_float(command, tmp_path):
    (tmp_path / "x.yaml").write_text("seeds: 2.0\nruns:\n  - {method: sgd, stream: split-digits}\n")
    more = ("--update",) if command == "check" else ()
    said = clbench(command, tmp_path / "x.yaml", *more, "--out", tmp_path / "runs").line
    assert "seeds must be a number of seeds or a list, got 2.0" in said
