"""Records of sweeps hold what was found: by their sha256, their plan, and the results of their own trials."""

import json
import random
import shutil
from pathlib import Path

import pytest
from command_line import clbench

from clbench.errors import UserError
from clbench.results import load as load_result
from clbench.results import sweep_record as records
from clbench.results.digests import digest, seal
from clbench.results.trial_files import compare

HERE = Path(__file__).parent
COMMITTED = HERE.parent / "benchmarks" / "sweeps"
WITH_FILES = COMMITTED / "permuted-mnist" / "sweep-anpyc-407288b9956a.json"  # of schema 1, its trials beside it


@pytest.mark.parametrize("version", [1, 2])
def test_every_version_ever_written_is_read_and_written_in_todays(version, tmp_path):
    kept = HERE / f"schema-{version}"
    found = records.load(kept / "sweep.json")
    raw = json.loads((kept / "sweep.json").read_text())
    assert raw["schema_version"] == version
    assert [trial.scores for trial in found.trials] == [trial["scores"] for trial in raw["trials"]]
    records.save(found, tmp_path / "x.json")
    again = json.loads((tmp_path / "x.json").read_text())
    assert (again["schema_version"], again["sha256"]) == (2, seal(again))
    assert records.load(tmp_path / "x.json") == found
    if version == 2:
        for name in ("train", "pruning"):
            assert load_result(kept / f"{name}.json").schema_version == 2


def test_the_committed_records_agree_with_their_trials():
    for path in COMMITTED.rglob("sweep-*.json"):
        compare(records.load(path), path, COMMITTED)


def test_a_record_of_a_newer_clbench_asks_for_it(tmp_path):
    raw = json.loads((HERE / "schema-2" / "sweep.json").read_text())
    (tmp_path / "x.json").write_text(json.dumps({**raw, "schema_version": 3, "novel": 1}))
    line = clbench("sweep", "best", tmp_path / "x.json").line
    assert "schema_version: 3 was written by a newer clbench (this one reads up to 2); upgrade clbench" in line
    (tmp_path / "x.json").write_text(json.dumps({**raw, "schema_version": 0}))
    assert "not one that clbench ever wrote" in clbench("sweep", "best", tmp_path / "x.json").line


def test_damage_is_an_error_or_changes_nothing(tmp_path):
    content, draw = (HERE / "schema-2" / "sweep.json").read_bytes(), random.Random(0)
    whole, path = records.load(HERE / "schema-2" / "sweep.json"), tmp_path / "x.json"
    lines = []
    for _ in range(400):
        bad = bytearray(content)
        for _ in range(draw.randint(1, 3)):
            bad[draw.randrange(len(bad))] = draw.choice(b'0123456789.e-,"[]{} aZ')
        path.write_bytes(bytes(bad))
        try:
            assert records.load(path) == whole
        except UserError as error:
            lines.append(str(error))
    assert len(lines) > 350
    assert all(str(path) in line and "\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw["plan"].update(validation=0.2), "digest: '519bfa04cc73' is not that of the plan"),
        (lambda raw: raw["trials"][1].update(number=4), r"trials\[1\].number: 4 is not its place"),
        (lambda raw: raw["trials"][0]["values"].update({"strategy.lam": 3}), "3 is none that was searched"),
        (lambda raw: raw["trials"][0].update(values={"strategy.gamma": 1}), "searched are strategy.lam"),
        (lambda raw: raw["trials"][0].update(scores=[]), "scores: of a finished trial, and empty"),
        (lambda raw: raw["trials"].append(raw["trials"][0]), "3, but 2 were planned"),
        (lambda raw: raw["trials"][1].update(status="repeated"), "no trial before has its file"),
        (lambda raw: raw.update(status="running"), "status: 'running', with a winner"),
        (lambda raw: raw["winner"]["values"].update({"strategy.lam": 7}), "winner: is not trial"),
        (lambda raw: raw["winner"].update(validation_ACC=1.0), "winner: is not trial"),
    ],
)
def test_a_record_agrees_with_itself(change, words, tmp_path):
    """Of schema 1, which has no sha256 to say so first."""
    raw = json.loads((HERE / "schema-1" / "sweep.json").read_text())
    change(raw)
    (tmp_path / "x.json").write_text(json.dumps(raw))
    with pytest.raises(UserError, match=words):
        records.load(tmp_path / "x.json")


def test_a_range_holds_its_trials(tmp_path):
    raw = json.loads((HERE / "schema-1" / "sweep.json").read_text())
    raw["plan"]["space"]["strategy.lam"] = {"low": 1, "high": 2000, "log": True, "integer": True}
    raw["digest"] = digest(raw["plan"])
    (tmp_path / "x.json").write_text(json.dumps(raw))
    with pytest.raises(UserError, match=r"trials\[0\].values.strategy.lam: 0 is none that was searched"):
        records.load(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("field", "new"), [("scores", [1.0]), ("spread", [1.0]), ("status", "diverged"), ("status", "stopped")]
)
def test_a_trial_is_what_its_result_file_says(field, new, tmp_path):
    copy = tmp_path / WITH_FILES.parent.name / WITH_FILES.name
    shutil.copytree(WITH_FILES.parent, copy.parent)
    assert clbench("sweep", "best", copy).code == 0
    raw = json.loads(copy.read_text())
    before = raw["trials"][1][field]
    raw["trials"][1][field] = [*before[:-1], *new] if isinstance(new, list) else new
    copy.write_text(json.dumps(raw))
    for command in ("best", "status"):
        line = clbench("sweep", command, copy).line
        assert f"trials[1].{field}" in line
        assert "its result file" in line
