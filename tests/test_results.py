"""A result comes back as it was saved, damage is named with its field, a failed save loses nothing."""

import dataclasses
import errno
import json
import os
import random
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results_by_hand import JOINT3, R3, result, run

from clbench.errors import UserError
from clbench.report.compose import report
from clbench.results import Result, Run, digest, find, load, save, settle
from clbench.results.digests import key_of
from clbench.scores import ACCURACY, Score

share = st.one_of(st.none(), st.floats(0, 1))
plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()
)
options = st.dictionaries(st.text(), st.one_of(plain, st.lists(plain), st.dictionaries(st.text(), plain)))


@st.composite
def any_result(draw):
    tasks = draw(st.integers(1, 4))
    seeds = draw(st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True))
    runs = []
    for seed in seeds:
        stages = draw(st.integers(0, tasks + 1))
        row = st.lists(share, min_size=tasks, max_size=tasks)
        rows = draw(st.lists(row, min_size=stages, max_size=stages))
        status = draw(st.sampled_from(["running", "diverged", "failed"]))
        runs.append(run(seed, rows, status=status, samples_per_second=[1.5] * stages, reason=draw(st.text())))
    whole = result(runs=[run(seed) for seed in seeds], strategy=draw(options))
    maker = {**draw(options), "threads": 2, "plugins": {}}
    makers = {**whole.makers, key_of(maker): maker}
    modified = draw(st.booleans())
    tasks = [draw(st.text()) for _ in range(tasks)]
    found = dataclasses.replace(whole, runs=runs, tasks=tasks, makers=makers, modified=modified)
    settle(found)
    return found


@given(whole=any_result())
@settings(max_examples=60, deadline=None)
def test_a_result_comes_back_as_it_was_saved(whole, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    save(whole, folder / "a.json")
    again = load(folder / "a.json")
    assert again == whole
    save(again, folder / "b.json")
    assert (folder / "a.json").read_bytes() == (folder / "b.json").read_bytes()


def test_equal_results_give_equal_bytes_and_a_row_keeps_to_a_line(tmp_path):
    one = result(strategy={"lam": 1.0, "online": True})
    save(one, tmp_path / "new folder" / "a.json")
    save(dataclasses.replace(one, config=dict(reversed(one.config.items()))), tmp_path / "b.json")
    text = (tmp_path / "b.json").read_text()
    assert text == (tmp_path / "new folder" / "a.json").read_text()
    assert "[0.9, 0.4, 0.5],\n" in text


def test_digest_is_of_the_canonical_json():
    assert digest({"b": 1, "a": [1.0]}) == digest({"a": [1.0], "b": 1}) == "538bef2b3b7a"
    with pytest.raises(UserError, match="not finite"):
        digest({"lam": float("inf")})


def test_a_joint_run_is_done_after_one_stage(tmp_path):
    save(result("joint", [JOINT3]), tmp_path / "a.json")
    assert load(tmp_path / "a.json").runs[0].matrix == JOINT3


def put(path, value):
    """A change of one field, `runs.0.seed` written as a path."""

    def change(raw):
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        target = raw
        for part in parents:
            target = target[part]
        target[last] = value

    return change


def drop(name):
    return lambda raw: raw.pop(name)


DAMAGE = [
    (
        put("runs.0.matrix.2.1", 1.7),
        r"runs\[0\]\.matrix\[2\]\[1\]: 1\.7 is greater than the maximum of 1, that",
    ),
    (
        put("runs.0.matrix.2.1", -0.1),
        r"runs\[0\]\.matrix\[2\]\[1\]: -0\.1 is less than the minimum of 0, that",
    ),
    (put("runs.0.matrix.2.1", "high"), r"runs\[0\]\.matrix\[2\]\[1\]: 'high' is not of type"),
    (put("runs.0.matrix.2.1", None), r"runs\[0\]\.matrix\[2\]\[1\]: null in a finished run"),
    (put("runs.0.matrix.2", [0.1]), r"runs\[0\]\.matrix\[2\]: 1 entries for 3 tasks"),
    (put("runs.0.matrix", R3[:2]), r"runs\[0\]\.matrix: 2 rows, but a finished run has 4"),
    (put("runs.0.matrix", R3 + R3), r"runs\[0\]\.matrix: 8 rows are too many for 3 tasks"),
    (put("runs.0.seconds", [0.0]), r"runs\[0\]\.seconds: 1 entries, but the matrix has 4 stages"),
    (
        put("runs.0.state_parameters", [1.5] * 4),
        r"runs\[0\]\.state_parameters\[0\]: 1\.5 is not of type 'integer'",
    ),
    (put("runs.0.status", "asleep"), r"runs\[0\]\.status: 'asleep' is not one of"),
    (put("runs.0.seed", 1), r"runs: a seed occurs twice: \[1, 1\]"),
    (put("runs.0.seed", 7), r"runs\[0\]\.together: seed 0 is not in the file"),
    (put("runs.0.together", [1]), r"runs\[0\]\.together: a group has each of its seeds once, and 0 is of it"),
    (put("runs.0.together", [0, 1, 0]), r"runs\[0\]\.together: a group has each of its seeds once"),
    (put("status", "running"), r"status: 'running' does not follow from the runs, which make it 'done'"),
    (put("runs.1.status", "failed"), r"status: 'done' does not follow from the runs, which make it 'failed'"),
    (put("config.seeds", [0, 1]), r"config\.seeds: \[0, 1\] are not those of the runs, \[0, 1\]"),
    (put("score.low", 0.45), r"runs\[0\]\.matrix\[1\]\[1\]: 0\.4 is less than the minimum of 0\.45"),
    (put("score.better", "older"), r"score\.better: 'older' is not one of"),
    (put("runs.0.made_by.0", "abcdef01"), r"runs\[0\]\.made_by: 'abcdef01' is none of the makers"),
    (put("runs.0.made_by", []), r"runs\[0\]\.made_by: 0 entries, but the matrix has 4 stages"),
    (put("makers.abcdef01", {}), r"makers\.abcdef01: is not the key of what it says"),
    (put("sha256", "ab" * 32), r"sha256: its contents do not agree with it"),
    (put("runs.0.matrix.2.1", 0.81), r"sha256: its contents do not agree with it.*--accept-modified"),
    (put("runs.0.seconds.1", 0.1), r"sha256: its contents do not agree with it"),
    (put("runs.0.extra", 7), r"runs\[0\]: Additional properties are not allowed \('extra'"),
    (put("runs", []), r"runs: \[\] should be non-empty"),
    (put("config.scenario", "easy"), r"config\.scenario: 'easy' is not one of \['task', 'domain', 'class'\]"),
    (put("config.stream", {}), r"config\.stream: 'name' is a required property"),
    (put("config.train.lr", 0.2), r"digest: '[0-9a-f]{12}' is not that of the config \('[0-9a-f]{12}'\)"),
    (put("digest", "abc"), r"digest: 'abc' does not match"),
    (put("tasks", "three"), r"tasks: 'three' is not of type 'array'"),
    (drop("runs"), r"'runs' is a required property"),
    (put("kind", "speed"), r"kind: 'speed' is none of train"),
    (put("kind", ["train"]), r"kind: \['train'\] is none of train"),
    (drop("kind"), r"kind: None is none of train"),
    (put("schema_version", 3), r"schema_version: 3 was written by a newer clbench"),
    (put("schema_version", 0), r"schema_version: 0 is not one that clbench ever wrote"),
    (put("schema_version", "2"), r"schema_version: 2 was expected"),
]


@pytest.mark.parametrize(("change", "message"), DAMAGE)
def test_damage_is_named_by_file_and_field(change, message, tmp_path):
    path = tmp_path / "x.json"
    save(result(matrices=[R3, R3]), path)
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


NOT_RESULTS = [
    ("", "the file is empty"),
    ('{"kind": "train", ', "not valid JSON"),
    ("[1, 2]", "a JSON object was expected, not list"),
    ('{"kind": NaN}', "NaN is not a JSON number"),
    ('{"kind": -Infinity}', "-Infinity is not a JSON number"),
    ('{"kind": 1e999}', "1e999 is not a JSON number"),
    ("[" * 100_000, "nested deeper than 32"),
]


@pytest.mark.parametrize(("text", "message"), NOT_RESULTS)
def test_what_is_no_result_is_refused(text, message, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_a_missing_file_and_bytes_are_no_results(tmp_path):
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path, tmp_path / "missing.json", tmp_path / "bytes.json"):
        with pytest.raises(UserError, match=str(path)):
            load(path)


KEPT = Path(__file__).parent / "schema-1"  # files as clbench wrote them once, which are read for ever


def test_a_training_of_schema_1_is_read_as_accuracy_of_one_maker():
    found = load(KEPT / "train.json")
    raw = json.loads((KEPT / "train.json").read_text())
    assert (found.score, found.schema_version, found.modified) == (ACCURACY, 2, False)
    assert [run.matrix for run in found.runs] == [run["matrix"] for run in raw["runs"]]
    assert found.seeds == raw["config"]["seeds"] == [0, 1, 2]
    assert found.config == {name: value for name, value in raw["config"].items() if name != "seeds"}
    assert found.digest == digest(found.config) != raw["digest"]
    [(key, maker)] = found.makers.items()
    assert maker == raw["environment"]
    assert all(run.made_by == [key] * len(run.matrix) for run in found.runs)
    assert {run.peak_memory_bytes for run in found.runs} == {None}  # it was not the run's own


def test_a_pruning_study_of_schema_1_is_read():
    found = load(KEPT / "pruning.json")
    raw = json.loads((KEPT / "pruning.json").read_text())
    assert [run.accuracy for run in found.runs] == [run["accuracy"] for run in raw["runs"]]
    assert (found.seeds, "seeds" in found.config) == (raw["config"]["seeds"], False)
    assert all(len(run.made_by) == len(run.accuracy) for run in found.runs)


@pytest.mark.parametrize("name", ["train", "pruning"])
def test_a_file_of_schema_1_is_written_in_todays(name, tmp_path):
    found = load(KEPT / f"{name}.json")
    save(found, tmp_path / "x.json")
    assert load(tmp_path / "x.json") == found
    assert json.loads((tmp_path / "x.json").read_text())["schema_version"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("runs.0.matrix.1.1", 1.5), r"runs\[0\]\.matrix\[1\]\[1\]: 1\.5 is greater"),
        (put("config.seeds", [0, 1, 3]), r"config\.seeds: \[0, 1, 3\] are not those of the runs, \[0, 1, 2\]"),
        (put("config.train.lr", 0.2), r"digest: '[0-9a-f]{12}' is not that of the config"),
        (put("environment.threads", 0), r"environment\.threads: 0 is less"),
        (drop("environment"), "'environment' is a required property"),
        (put("environment.plugins", "none"), None),
    ],
)
def test_a_file_of_schema_1_is_held_to_its_own_schema(change, message, tmp_path):
    raw = json.loads((KEPT / "train.json").read_text())
    change(raw)
    if message and message.startswith("digest") is False and "config" in message:
        raw["digest"] = digest(raw["config"])
    (tmp_path / "x.json").write_text(json.dumps(raw))
    if message is None:
        assert load(tmp_path / "x.json").makers
        return
    with pytest.raises(UserError, match=message):
        load(tmp_path / "x.json")


def test_a_result_changed_by_hand_is_read_if_accepted_and_stays_marked(tmp_path):
    path = tmp_path / "x.json"
    save(result(), path)
    path.write_text(path.read_text().replace("0.95", "0.96"))
    with pytest.raises(UserError, match="--accept-modified"):
        load(path)
    found = load(path, accept_modified=True)
    assert (found.modified, found.runs[0].matrix[3][2]) == (True, 0.96)
    save(found, path)
    assert load(path).modified
    assert "changed outside clbench" in report([path])


def test_a_score_comes_back_and_bounds_its_matrix(tmp_path):
    error = Score("FID", "FID", "lower", low=0.0)
    save(dataclasses.replace(result(), score=error, runs=[run(0, [[300.0, 250.5, 1e4]] * 4)]), tmp_path / "a.json")
    assert load(tmp_path / "a.json").score == error
    words = load(tmp_path / "a.json").news(load(tmp_path / "a.json").runs)
    assert words == "FID 3516.83 after task 3"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_earlier_file(call, tmp_path, monkeypatch):
    path = tmp_path / "x.json"
    save(result("ewc"), path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(UserError, match="No space left on device") as caught:
            save(result("mas"), path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way_is_a_user_error(tmp_path):
    (tmp_path / "x.json").mkdir()
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "x.json", tmp_path / "file" / "y.json"):
        with pytest.raises(UserError, match=path.name):
            save(result(), path)


def test_random_damage_raises_nothing_but_user_errors(tmp_path):
    path = tmp_path / "x.json"
    save(result(matrices=[R3, R3], strategy={"lam": 4.0}), path)
    good, draw = path.read_bytes(), random.Random(0)
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 3)):
            bad[draw.randrange(len(bad))] = draw.randrange(256)
        path.write_bytes(bytes(bad[: draw.randrange(len(bad))] if draw.random() < 0.3 else bad))
        try:
            load(path)
        except UserError as error:
            assert str(error).startswith(f"{path}: ")  # noqa: PT017


def test_find_takes_files_as_given_and_results_from_folders(tmp_path):
    for name in ("b/deep/1.json", "a/2.json"):
        save(result(), tmp_path / name)
    (tmp_path / "a" / "targets.json").write_text('{"kind": "targets"}')
    (tmp_path / "a" / "list.json").write_text("[]")
    (tmp_path / "a" / "broken.json").write_text("{")
    cut = tmp_path / "a" / "cut.json"
    cut.write_bytes((tmp_path / "a" / "2.json").read_bytes()[:-9])
    named = tmp_path / "a" / "list.json"
    assert find([tmp_path]) == [tmp_path / "a/2.json", cut, tmp_path / "b/deep/1.json"]
    assert find([named, tmp_path / "b", tmp_path / "b" / "deep"]) == [named, tmp_path / "b/deep/1.json"]
    with pytest.raises(UserError, match=r"nowhere: no such file or folder"):
        find([tmp_path / "nowhere"])


def test_the_published_schema_names_the_fields_of_the_records():
    schema = json.loads((files("clbench.results") / "schema" / "result.json").read_text("utf-8"))
    for record, described in ((Result, schema), (Run, schema["$defs"]["run"]), (Score, schema["$defs"]["score"])):
        names = {field.name for field in dataclasses.fields(record)}
        names |= {"sha256"} if record is Result else set()
        assert names == set(described["properties"])
        younger = {"samples", "state_bytes", "passes"} if record is Run else set()  # than files of this version
        assert names == set(described["required"]) | younger
    jsonschema.Draft202012Validator.check_schema(schema)
