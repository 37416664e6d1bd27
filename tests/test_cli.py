"""What a user types, and what a user mistypes: one line, exit code 2, no traceback."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import ROOT, TINY, clbench, clbench_json, process, train
from typer.main import get_command

from clbench.cli import app
from clbench.report.write import names
from clbench.results import load
from clbench.results.digests import seal


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """An empty folder, no data sets and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLBENCH_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Results of two methods, two seeds, every checkpoint kept. Not to be changed: see `copy`."""
    out = tmp_path_factory.mktemp("trained")
    words = ["--method", "ewc,joint", "--stream", "split-digits", "--seeds", "2", "--checkpoints", "all"]
    ran = train(out, *words, "--json")
    return out, ran


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained[0], tmp_path / "copy")
    return next((tmp_path / "copy").rglob("ewc-*.json"))


def checkpoint_of(path: Path, stage: int = 2) -> Path:
    return next(path.with_suffix("").glob(f"stage-00{stage}-*"))


# -- train ----------------------------------------------------------------------------------------------------


def test_train_without_words_is_anpyc_on_the_embedded_digits(tmp_path):
    ran = clbench("train", *TINY)
    assert ran.code == 0, ran
    assert "permuted-digits" in ran.out
    (path,) = Path("runs").rglob("*.json")
    assert path.name.startswith("anpyc-")
    assert f"results: {path}" in ran.out
    assert all(" anpyc on permuted-digits, seed 0: " in line for line in ran.err.splitlines())
    assert "about" in ran.err
    assert "s left" in ran.err


def test_json_is_all_of_stdout(trained):
    _, ran = trained
    assert (ran.code, ran.err) == (0, "")
    found = json.loads(ran.out)
    assert [row["method"] for row in found["rows"]] == ["ewc", "joint"]
    assert all(Path(file).is_file() for file in found["files"])


def test_quiet_prints_nothing(tmp_path):
    ran = train(tmp_path, "--method", "sgd, finetuning", "--seed-list", "3,5", "--quiet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert [load(p).seeds for p in tmp_path.rglob("*.json")] == [[3, 5], [3, 5]]


def test_set_reaches_every_section(tmp_path):
    words = ["stream.seed=4", "network.dropout=0.1", "train.optimizer=adam", "train.lr=0.01", "strategy.ewc.lam=7"]
    ran = train(tmp_path, "--method", "ewc", "--quiet", *(w for word in words for w in ("--set", word)))
    assert ran.code == 0, ran
    config = load(next(tmp_path.rglob("*.json"))).config
    assert (config["stream"]["seed"], config["network"]["dropout"], config["strategy"]["lam"]) == (4, 0.1, 7)
    assert (config["train"]["optimizer"], config["train"]["lr"]) == ("adam", 0.01)


def test_a_config_file_of_several_methods(tmp_path):
    Path("e.toml").write_text('method = ["sgd", "sgd-f"]\nstream = "split-digits"\nscenario = "domain"\nseeds = 2')
    ran = train(tmp_path, "--config", "e.toml", "--quiet")
    assert ran.code == 0, ran
    found = [load(p) for p in tmp_path.rglob("*.json")]
    assert sorted(r.config["method"] for r in found) == ["sgd", "sgd-f"]
    assert {(r.config["scenario"], len(r.runs)) for r in found} == {("domain", 2)}


@pytest.mark.parametrize("scenario", ["domain", "class"])
def test_scenarios(scenario, tmp_path):
    assert train(tmp_path, "--scenario", scenario, "--stream", "split-digits", "-q").code == 0


def test_a_finished_configuration_says_so(trained):
    out, _ = trained
    words = ["--method", "ewc", "--stream", "split-digits", "--seeds", "2"]
    ran = train(out, *words)
    assert ran.code == 0
    assert ran.err.startswith("ewc: finished before, in ")


def test_an_option_of_several_values_accumulates(tmp_path):
    words = ["--method", "sgd", "--method", "finetuning,sgd-f", "--seed-list", "3", "--seed-list", "5,4"]
    assert train(tmp_path, *words, "--quiet").code == 0
    found = {r.config["method"]: sorted(run.seed for run in r.runs) for r in map(load, tmp_path.rglob("*.json"))}
    assert found == {name: [3, 4, 5] for name in ("sgd", "finetuning", "sgd-f")}
    told = clbench("report", tmp_path, "--metrics", "ACC", "--metrics", "BWT,seconds", "--format", "csv").out
    assert all(f"{name}_mean" in told for name in ("ACC", "BWT", "seconds"))
    told = clbench("analyze", tmp_path, "--what", "growth", "--what", "tasks").out
    assert told == clbench("analyze", tmp_path, "--what", "growth,tasks").out
    words = ["--dataset", "digits", "--importance", "random", "--importance", "magnitude", "--dry-run", "--json"]
    measures = [one["values"]["pruning.importance"]["value"] for one in clbench_json("prune-lenet", *words)]
    assert measures == ["random", "magnitude"]


def every_option():
    """(words of the command, option) of every option of every command that takes one value, or none."""
    whole = get_command(app)
    below = {"data": whole.commands["data"].commands}
    commands = {(): whole, **{(name,): one for name, one in whole.commands.items()}}
    commands |= {(group, name): one for group, each in below.items() for name, one in each.items()}
    for words, command in commands.items():
        for param in command.params:
            if param.param_type_name == "option" and not param.multiple and param.name != "debug":
                yield pytest.param(words, param, id=" ".join([*words, param.opts[0]]))


@pytest.mark.long
@pytest.mark.parametrize(("words", "param"), list(every_option()))
def test_an_option_of_one_value_is_given_once(words, param):
    value = [] if param.is_flag else ["1"]
    again = (param.secondary_opts or param.opts)[-1]
    line = clbench(*words, param.opts[0], *value, again, *value).line
    assert param.opts[0] in line
    assert "is given 2 times" in line


def test_the_same_name_set_twice_is_refused(tmp_path):
    words = ["--set", "train.lr=1", "--set", " train.lr =2"]
    for command in ("train", "sweep", "reproduce"):
        assert "train.lr was set before" in clbench(command, *words).line


# -- what would run, and with which values --------------------------------------------------------------------


def resealed(path, raw):
    """Written as clbench would write it."""
    path.write_text(json.dumps({**raw, "sha256": seal(raw)}))


def below(folder: Path) -> list[tuple[Path, int]]:
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_a_dry_run_says_what_would_run_and_writes_nothing(tmp_path):
    out, words = tmp_path / "runs", ["--method", "ewc,er", "--scenario", "domain", "--seeds", "2", "--dry-run"]
    before = below(tmp_path)
    ran = train(out, *words, "--stream", "split-digits")
    assert (ran.code, ran.err) == (0, "")
    assert below(tmp_path) == before
    assert not out.exists()
    for line in (
        "ewc on split-digits: would be trained",
        "er on split-digits: would be trained",
        "work: 2 stages of training, task 1 to task 2, 120 images shown to every seed",
    ):
        assert line in ran.out.splitlines()
    assert re.search(r"^strategy.replay +128 +code$", ran.out, re.MULTILINE)
    assert re.search(r"^train.batch_size +32 +shipped clbench.toml:\d+$", ran.out, re.MULTILINE)
    assert re.search(r"^train.epochs +1 +--set$", ran.out, re.MULTILINE)
    for one in clbench_json("train", "--out", out, *TINY, *words, "--stream", "split-digits", "--json"):
        assert (one["state"], one["left"], sum(one["samples"])) == ("new", [0, 1], 120)
        assert one["values"]["scenario"] == {"value": "domain", "origin": "--scenario"}
        assert Path(one["file"]).parent == out / "split-digits"
    assert below(tmp_path) == before


def test_a_dry_run_knows_what_is_finished_and_what_is_begun(copy):
    def words(*more):
        return ["train", "--out", copy.parent.parent, *TINY, "--method", "ewc", "--stream", "split-digits", *more]

    def dry(*more):
        [one] = clbench_json(*words("--seeds", "2", "--dry-run", "--json", *more))
        return one

    before = below(copy.parent)
    one = dry()
    assert (one["state"], one["left"], one["file"]) == ("finished", [], str(copy))
    assert dry("--force")["state"] == "afresh"
    assert "finished, nothing is left to do" in clbench(*words("--seeds", "2", "--dry-run")).out
    assert below(copy.parent) == before
    raw = json.loads(copy.read_text())
    raw["status"], raw["finished"], raw["runs"][1]["status"] = "running", None, "running"
    resealed(copy, raw)
    one = dry()
    assert (one["state"], one["left"]) == ("begun", [1])
    copy.write_text("{")
    assert "not valid JSON" in clbench(*words("--seeds", "2", "--dry-run")).line


def test_a_dry_run_refuses_what_a_run_refuses_and_downloads_nothing(monkeypatch):
    line = clbench("train", "--method", "hat", "--stream", "split-digits", "--scenario", "class", "--dry-run").line
    assert "hat needs to know the task of a test image" in line
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("it asked the network"))
    [one] = clbench_json("train", "--method", "ewc", "--stream", "split-mnist", "--dry-run", "--json")
    assert one["samples"] is None
    assert "mnist is not here" in one["lacking"]
    assert one["values"]["strategy.lam"]["origin"].endswith("(tuned for task, mlp)")
    [one] = clbench_json("prune-lenet", "--dry-run", "--json", "--preset", "quick")
    assert one["values"]["limit"]["origin"].endswith("(preset quick)")
    assert not list(Path().rglob("*"))


def test_the_origin_of_the_method_is_the_file_that_names_it():
    Path("e.toml").write_text('stream = "split-digits"\nmethod = ["sgd", "ewc"]')
    words = ("train", "--config", "e.toml", "--dry-run", "--json")
    assert {one["values"]["method"]["origin"] for one in clbench_json(*words)} == {"e.toml:2"}
    [one] = clbench_json("train", "--dry-run", "--json")
    assert one["values"]["method"] == {"value": "anpyc", "origin": "code"}
    Path("e.toml").write_text('\nmethod = ["sgd", "ewcc"]')
    assert clbench("train", "--config", "e.toml").line.startswith("clbench: e.toml:2: no method called 'ewcc'")


# -- show -----------------------------------------------------------------------------------------------------


def test_show_says_every_value_with_its_origin_and_what_made_it(copy):
    ran = clbench("show", copy)
    assert (ran.code, ran.err) == (0, "")
    for words in (
        r"^status +done$",
        r"^tasks +2: 0/1, 2/3$",
        r"^seed 1 +done, 3 stages, ACC [\d.]+ after task 2, ",
        r"^made by .*torch.*2\.",
        r"^data: digits.csv.gz +[0-9a-f]{64}$",
        r"^method +ewc +--method$",
        r"^network.hidden +\[8\] +--set$",
        r"^strategy.fisher +true +code$",
        r"^strategy.lam +[\d.]+ +shipped clbench.toml:\d+ \(tuned for task, mlp\)$",
    ):
        assert re.search(words, ran.out, re.MULTILINE), words
    [found] = clbench_json("show", copy, "--json")
    assert found["values"]["train.epochs"] == {"value": 1, "origin": "--set"}
    assert found["digest"] in copy.name


def test_show_of_a_result_without_origins_says_so(copy):
    raw = json.loads(copy.read_text())
    resealed(copy, {**raw, "origins": None})
    assert "Where the values came from is not stored" in clbench("show", copy).out
    [found] = clbench_json("show", copy, "--json")
    assert found["values"]["train.epochs"] == {"value": 1, "origin": None}


def test_show_of_a_study_and_of_a_sweep(tmp_path):
    words = ["--dataset", "digits", "--limit", "40", "--epochs", "1", "--retrain-epochs", "0", "--rates", "0.5"]
    assert clbench("prune-lenet", *words, "--importance", "random", "--quiet").code == 0
    [path] = Path("runs").rglob("*.json")
    assert re.search(r"^pruning.rates +\[0.5\] +--rates$", clbench("show", path).out, re.MULTILINE)
    assert re.search(r"^train.lr +0.01 +code$", clbench("show", path).out, re.MULTILINE)
    words = ["--method", "ewc", "--stream", "split-digits", "--grid", "strategy.lam=1,10", "--quiet"]
    assert clbench("sweep", *TINY, *words, "--out", "swept").code == 0
    [path] = Path("swept").rglob("sweep-*.json")
    told = clbench("show", path).out
    assert re.search(r"^searched: strategy.lam +values=\[1,10\]$", told, re.MULTILINE)
    assert re.search(r"^stream.name +split-digits +--stream$", told, re.MULTILINE)
    assert "strategy.lam" in json.dumps(clbench_json("show", path, "--json"))
    winner = Path("swept", next(one["winner"]["file"] for one in clbench_json("show", path, "--json")))
    assert re.search(r"^strategy.lam +\d+.0 +sweep$", clbench("show", winner).out, re.MULTILINE)


def test_show_of_nothing():
    assert "none.json: cannot read" in clbench("show", "none.json").line
    Path("x.json").write_text("[]")
    assert "x.json: not a result" in clbench("show", "x.json").line


MISTAKES = {
    "--method ewcc": "did you mean 'ewc'",
    "--method ewc,,mas": "a name is empty",
    "--method ''": "a name is empty",
    "--stream split-minst": "did you mean 'split-mnist'",
    "--stream ''": "no stream called ''",
    "--stream split:x.txt": "is an .npz",
    "--stream nothing:x.npz": "no stream form called 'nothing'",
    "--stream split:none.npz": "none.npz: no such file",
    "--network mpl": "did you mean 'mlp'",
    "--scenario doman": "did you mean 'domain'",
    "--score tests": "did you mean 'test'",
    "--score validation": "stream.validation",
    "--score validation --set stream.validation=0.0001": "no validation image",
    "--set train.patience=1 --set train.stop_on=validation": "stream.validation",
    "--preset papr": "did you mean 'paper'",
    "--device gpu": "did you mean 'cuda'",
    "--checkpoints some": "all, last, none",
    "--seeds 2 --seed-list 1": "exclude each other",
    "--seeds 1000000000": "1 to 1000",
    "--seed-list 1,x": "whole numbers such as",
    "--seed-list 1,1": "twice",
    "--seed-list -1": "from 0 up",
    "--set train.optimizer=sgdd": "did you mean 'sgd'",
    "--set train.epochs=0": "greater than or equal to 1",
    "--set stream.tasks=1000000": "less than or equal to 1000",
    "--set network.hidden=1000000000": "out of memory",
    "--method ewc,si --set strategy.xi=1": "no option strategy.xi for ewc",
    "--stream split-digits --set stream.tasks=9": "too few for 9 tasks",
    "--out /dev/null": "/dev/null",
    "--config none.yaml": "none.yaml",
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_mistake_is_one_line(words, tmp_path):
    mistake = [word.strip("'") for word in words.split()]
    line = train(tmp_path / "runs", *mistake).line
    assert MISTAKES[words] in line
    assert len(line) < 400
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("words", ["--seeds abc", "--seeds 0", "--nonsense", "--workers 0"])
def test_usage_errors_exit_with_2(words):
    ran = clbench("train", *words.split())
    assert ran.code == 2
    assert "Traceback" not in ran.err


def test_no_data_and_no_network_is_one_line_with_what_to_do(tmp_path, monkeypatch):
    def down(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr("urllib.request.urlopen", down)
    line = train(tmp_path / "runs", "--stream", "split-mnist").line
    for words in ("train-images-idx3-ubyte", "MNIST/raw", "split-digits", str(tmp_path / "cache")):
        assert words in line
    assert "split-digits" in clbench("data", "fetch", "mnist").line


def test_a_file_of_mine_and_its_relative_path(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    arrays = {"x_train": rng.integers(0, 256, (80, 5, 5), np.uint8), "y_train": np.arange(80) % 4}
    np.savez("my.npz", **arrays, x_test=arrays["x_train"][:40], y_test=arrays["y_train"][:40])
    ran = train(tmp_path / "runs", "--stream", "split:my.npz", "--method", "finetuning", "-q")
    assert ran.code == 0, ran
    assert clbench("evaluate", "runs").code == 0
    assert train(tmp_path / "runs", "--stream", "split:my.npz", "--method", "finetuning", "-q").code == 0
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    line = clbench("evaluate", "../runs").line
    assert "my.npz: no such file" in line
    assert "runs" in line
    np.savez("my.npz", **arrays, x_test=arrays["x_train"][:20], y_test=arrays["y_train"][:20])
    assert "sha256 differs" in clbench("evaluate", "../runs").line
    Path("my.npz").rename("../my.npz")
    monkeypatch.chdir("..")
    again = train(tmp_path / "runs", "--stream", "split:my.npz", "--method", "finetuning", "-q")
    assert "was begun on other data (my.npz have changed); --force" in again.line


# -- evaluate -------------------------------------------------------------------------------------------------


def test_evaluate_finds_what_is_stored(trained):
    out, _ = trained
    for stage in ([], ["--stage", "0"], ["--stage", "1"], ["--stage", "2"]):
        ran = clbench("evaluate", out, *stage)
        assert ran.code == 0, ran
        assert "0 of 8 scores differ" in ran.out
    assert len(json.loads(clbench("evaluate", out, "--json").out)) == 8


def test_evaluate_exits_with_1_where_the_stored_matrix_differs(copy):
    raw = json.loads(copy.read_text())
    raw["runs"][1]["matrix"][2][0] = 0.123
    resealed(copy, raw)
    ran = clbench("evaluate", copy)
    assert ran.code == 1
    assert "1 of 4 scores differ" in ran.out


def test_evaluate_without_the_stage(copy):
    assert "stage 3 is not in the result" in clbench("evaluate", copy, "--stage", "3").line
    checkpoint_of(copy, 1).unlink()
    assert "no checkpoint of stage 1 (kept: 2)" in clbench("evaluate", copy, "--stage", "1").line
    shutil.rmtree(copy.with_suffix(""))
    assert "is kept beside it" in clbench("evaluate", copy).line
    Path("empty").mkdir()
    assert "no results in empty" in clbench("evaluate", "empty").line


@pytest.mark.parametrize(
    "damage", ["empty", "truncated", "flipped", "flipped record", "pickle", "stage", "method"]
)
def test_evaluate_names_a_checkpoint_that_is_not_this_run_s(damage, copy):
    path = checkpoint_of(copy)
    content = path.read_bytes()
    middle = len(content) - 100 if damage == "flipped" else content.index(b'seconds\\":') + 14
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes(
        {
            "empty": b"",
            "truncated": content[: len(content) // 2],
            "flipped": flipped,
            "flipped record": flipped,
            "pickle": b"cos\nsystem\n(S'touch pwned'\ntR.",
            "stage": checkpoint_of(copy, 1).read_bytes(),
            "method": checkpoint_of(next(copy.parent.glob("joint-*.json"))).read_bytes(),
        }[damage]
    )
    line = clbench("evaluate", copy).line
    assert str(path) in line
    assert "unusable checkpoint" in line
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"ewc"', '"mas"', "digest"),
        ('"schema_version": 2', '"schema_version": 99', "newer clbench"),
        ('"together"', '"togehter"', "'together' is a required"),
        ('"step": null', '"step": NaN', "NaN"),
        ("{", "[", "not valid JSON"),
    ],
)
def test_a_tampered_result_is_named(old, new, words, copy):
    copy.write_text(copy.read_text().replace(old, new))
    for command in ("evaluate", "report"):
        line = clbench(command, copy).line
        assert str(copy) in line
        assert words in line


def test_a_truncated_or_binary_result_is_named(copy):
    for content in (copy.read_bytes()[:-30], b"", bytes(range(256))):
        copy.write_bytes(content)
        assert str(copy) in clbench("evaluate", copy).line


# -- report, list, data ---------------------------------------------------------------------------------------


def test_report_in_every_format_and_plots(trained):
    out, _ = trained
    for form in names():
        ran = clbench("report", out, "--format", form, "--metrics", "ACC,parameters,seconds")
        assert (ran.code, ran.err) == (0, "")
        assert "ewc" in ran.out
    assert clbench("report", out, "--plots", "plots").code == 0
    assert {p.suffix for p in Path("plots").iterdir()} == {".png", ".svg"}


def test_mistakes_of_a_report(trained):
    out, _ = trained
    assert "no metric called 'nonsense'; there are: ACC" in clbench("report", out, "--metrics", "nonsense").line
    assert "did you mean 'forgetting'" in clbench("report", out, "--metrics", "ACC,forgeting").line
    assert "no report format" in clbench("report", out, "--format", "pdf").line
    assert "runs: no such file or folder" in clbench("report").line
    Path("empty").mkdir()
    assert "`clbench train` and `clbench prune-lenet` write them" in clbench("report", "empty").line
    Path("file").write_text("x")
    assert "file: cannot write" in clbench("report", out, "--plots", "file").line


@pytest.mark.parametrize("kind", ["methods", "streams", "networks", "metrics"])
def test_lists_have_a_line_for_everything(kind):
    found = json.loads(clbench("list", kind, "--json").out)
    assert list(found) == [kind]
    text = clbench("list", kind).out
    for entry in found[kind]:
        assert entry["summary"]
        assert entry["name"] in text
        assert all(option["help"] for option in entry["options"])


def test_list_of_nothing():
    assert "did you mean 'methods'" in clbench("list", "method").line


def test_data(tmp_path):
    found = {row["name"]: row for row in json.loads(clbench("data", "list", "--json").out)}
    assert found["digits"]["status"] == "embedded"
    assert found["mnist"]["status"] == "absent"
    assert "digits" in clbench("data", "list").out
    assert clbench("data", "verify", "digits").code == 0
    ran = clbench("data", "verify", "mnist")
    assert ran.code == 1
    assert ran.out.count("missing") == 4
    assert "did you mean 'mnist'?" in clbench("data", "fetch", "mnits").line
    assert "did you mean 'mnist'?" in clbench("data", "verify", "mnits").line


# -- errors and the process around them -----------------------------------------------------------------------


def test_debug_shows_the_traceback_wherever_it_stands():
    for words in (["--debug", "train", "--method", "ewcc"], ["train", "--method", "ewcc", "--debug"]):
        ran = clbench(*words)
        assert ran.code == 2
        assert "Traceback" in ran.err
        assert ran.err.splitlines()[-1].startswith("clbench: ")


def test_a_fault_of_clbench_is_one_line_too(monkeypatch):
    def broken(*_):
        raise KeyError("lost")

    monkeypatch.setattr("clbench.cli.catalogue.listing", broken)
    assert "KeyError: 'lost' (a fault of clbench" in clbench("list").line


def test_ctrl_c_outside_of_training(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("clbench.cli.catalogue.listing", interrupted)
    ran = clbench("list")
    assert ran.code == 130
    assert "interrupted" in ran.line


def test_a_reader_that_goes_away_is_no_error(trained):
    ran = process("report", trained[0])
    ran.stdout.close()
    assert ran.stderr.read() == ""
    assert ran.wait() == 0
    ran.stderr.close()


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_terminal_without_unicode(locale, trained):
    command = [sys.executable, "-m", "clbench", "report", str(trained[0])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **locale}
    ran = subprocess.run(command, capture_output=True, env=environment)
    assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.long
def test_bars_on_a_terminal(tmp_path):
    ours, theirs = pty.openpty()
    ran = process("train", "--out", tmp_path, *TINY, "--method", "finetuning", stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += (piece := os.read(ours, 4096))
        except OSError:  # how Linux says that nobody writes any more
            break
        if not piece:
            break
    os.close(ours)
    out = ran.communicate()[0]
    assert ran.returncode == 0
    assert "\x1b" not in out
    for words in ("finetuning on permuted-digits", "100%", "after task 2"):
        assert words.encode() in shown


def test_list_methods_at_length_says_paper_storage_and_support():
    text = clbench("list", "methods", "--long").out
    hat = text[text.index("\n  hat ") :]
    assert "paper: Serrà et al. 2018" in hat
    assert "stores between tasks: 4 bytes a hidden unit and task + 4 bytes a hidden unit (0.03 MB" in hat
    assert "scenarios: task; networks: those that take gates" in hat
    assert "paper:" not in clbench("list", "methods").out
    found = json.loads(clbench("list", "methods", "--long", "--json").out)["methods"]
    ewc = next(method for method in found if method["name"] == "ewc")
    assert ewc["stores_example"]["bytes"] == 8 * (784 * 512 + 512 + 512 * 256 + 256)
    assert ewc["scenarios"] == ["task", "domain", "class"]


def test_a_scenario_that_a_method_cannot_do_is_refused_before_anything_is_written(tmp_path):
    ran = train(tmp_path, "--method", "sgd,hat", "--stream", "split-digits", "--scenario", "class")
    assert ran.line == "clbench: hat needs to know the task of a test image: --scenario task, not class"
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["trian"], "No such command 'trian'"),
        (["train", "--sed", "3"], "No such option"),
        (["train", "--seeds", "x"], "--seeds"),
        (["train", "--seeds", "0"], "--seeds"),
        (["report", "--format"], "--format"),
        (["data", "fetch"], "clbench data fetch --help"),
        (["train", "more"], "clbench train --help"),
    ],
)
def test_a_command_line_that_cannot_be_read_is_one_line_too(words, told):
    assert told in clbench(*words).line


def test_help_names_the_defaults():
    assert "[default: anpyc]" in clbench("train", "--help").out
    assert clbench("data").code == 2
    assert "fetch" in clbench("data").err + clbench("data").out
