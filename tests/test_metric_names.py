"""Every place that takes the name of a metric knows the same ones, and `list metrics` has them all."""

from __future__ import annotations

import json
import re

import pytest
from command_line import clbench, train
from results_by_hand import R3, result, run

from clbench.errors import UserError
from clbench.metrics import METRICS
from clbench.report.build.cells import ALIASES, COSTS, SAMPLES
from clbench.report.build.references import reference_tables
from clbench.report.compose import report
from clbench.results import load, save

LISTED = [one["name"] for one in json.loads(clbench("list", "metrics", "--json").out)["metrics"]]


def test_the_list_names_all_that_may_be_asked_for():
    assert [*METRICS, *(column.name for column in (*COSTS, *SAMPLES)), *ALIASES, "default"] == LISTED
    assert all(one["summary"] for one in json.loads(clbench("list", "metrics", "--json").out)["metrics"])


@pytest.mark.parametrize("name", LISTED)
def test_each_name_may_be_asked_for_and_printed_of_a_paper(name, tmp_path):
    save(result(), tmp_path / "runs" / "0.json")
    assert report([tmp_path / "runs"], metrics=[name])
    table = {"name": "t", "title": "t", "stream": "split-toy", "runs": 1, "rows": {"ewc": {name: [1, None]}}}
    (tmp_path / "n.json").write_text(json.dumps({"source": "S", "tables": [table]}))
    if name in (*ALIASES, "default"):  # of several columns
        with pytest.raises(UserError, match=f"no metric called '{name}'"):
            reference_tables(str(tmp_path / "n.json"))
        return
    [found] = reference_tables(str(tmp_path / "n.json"))
    assert [key.lower() for key in found.rows["ewc"]] == ["acc" if name == "mean" else name.lower()]


def test_a_wrong_name_is_told_all_of_them(tmp_path):
    save(result(), tmp_path / "0.json")
    with pytest.raises(UserError) as error:
        report([tmp_path], metrics=["zzzzzz"])
    told = set(re.split(r": |, ", str(error.value).partition("there are: ")[2]))
    assert told == {*LISTED, "ACC"}


@pytest.mark.parametrize("fmt", ["csv", "json", "html"])
def test_what_has_room_has_seconds_memory_and_stored_bytes(fmt, tmp_path):
    save(result(runs=[run(state_bytes=[0, 800, 1600, 2400])]), tmp_path / "0.json")
    text = report([tmp_path], fmt)
    assert all(name in text for name in ("seconds", "peak_memory", "stored"))
    assert "peak_memory" not in report([tmp_path], fmt, metrics=["mean"])


def test_the_columns_of_costs(tmp_path):
    save(result(runs=[run(state_bytes=[0, 800, 1600, 2400], peak_memory_bytes=3 * 2**20)]), tmp_path / "0.json")
    text = report([tmp_path], metrics=["costs"])
    assert "|   seconds (s) |   peak_memory (MiB) |   stored (kB) |" in text
    assert re.search(r"\| ewc +\| +6\.0 \| +3 \| +2\.4 \|", text)
    save(result(runs=[run(peak_memory_bytes=None)]), tmp_path / "0.json")
    text = report([tmp_path], metrics=["costs"])
    assert "trained before clbench kept how many bytes a method stores" in text
    assert "memory: not to be told" in text


def test_a_training_keeps_and_shows_what_its_method_stores(tmp_path):
    ran = train(tmp_path, "--method", "er", "--stream", "split-digits", "--set", "strategy.memory_size=10")
    assert "stored (kB)" in ran.out
    [path] = tmp_path.rglob("er-*.json")
    [one] = load(path).runs
    assert one.state_bytes[0] > 0
    assert one.state_bytes[-1] == 4 * 10 * 64 + 8 * (
        one.state_parameters[-1] - 10 * 64
    )  # floats; labels and counts


def test_a_file_with_too_few_entries_is_refused(tmp_path):
    save(result(runs=[run(matrix=R3, state_bytes=[1, 2])]), tmp_path / "0.json")
    with pytest.raises(UserError, match=r"state_bytes: 2 entries, but the matrix has 4 stages"):
        load(tmp_path / "0.json")
