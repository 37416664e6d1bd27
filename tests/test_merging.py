"""clbench merge: two machines' seeds of one configuration become one file, and nothing else does."""

import dataclasses
import json
from pathlib import Path

import pytest
from command_line import clbench, train
from results_by_hand import MAKER, R3, result, run, sealed_anew, shifted

from clbench.results import load, save
from clbench.results.digests import key_of

SCHEMA_1 = Path(__file__).parent / "schema-1"
OTHER = {**MAKER, "torch": "2.10.0"}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def seeds(*numbers, maker=MAKER, by=0.01, **config):
    """A result of these seeds, every one a little better than the one before."""
    runs = [run(n, shifted(R3, by * n), together=list(numbers), made_by=[key_of(maker)] * 4) for n in numbers]
    return dataclasses.replace(result(runs=runs, **config), makers={key_of(maker): maker})


def put(name, one):
    save(one, Path(name))
    return name


def changed(one, **fields):
    return dataclasses.replace(one, **fields)


def test_files_of_different_seeds_become_one_that_says_who_made_what():
    put("a.json", changed(seeds(0, 1), started="2026-01-02"))
    put("b.json", changed(seeds(2, 4, maker=OTHER), finished="2026-01-03"))
    done = clbench("merge", "b.json", "a.json", "-o", "both.json")
    assert (done.code, done.out) == (0, "both.json: seeds [0,1,2,4] of 2 files\n")
    both = load(Path("both.json"))
    assert (both.seeds, both.status, both.modified) == ([0, 1, 2, 4], "done", False)
    assert [r.matrix for r in both.runs] == [shifted(R3, 0.01 * n) for n in both.seeds]
    assert [r.together for r in both.runs] == [[0, 1], [0, 1], [2, 4], [2, 4]]
    assert set(both.makers) == {key_of(MAKER), key_of(OTHER)}
    assert (both.started, both.finished) == ("2026-01-01T00:00:00Z", "2026-01-03")
    table = clbench("report", "both.json").out
    assert "seeds [0,1]: made with torch 2.9.0" in table
    assert "seeds [2,4]: made with torch 2.10.0" in table


def test_a_seed_that_stands_in_both_must_be_the_same_but_for_what_it_cost():
    put("a.json", seeds(0, 1))
    slower = seeds(1, 2)
    slower.runs[0].seconds[1] = 99.0
    put("b.json", slower)
    assert clbench("merge", "a.json", "b.json", "-o", "both.json").code == 0
    assert load(Path("both.json")).runs[1].seconds[1] == 1.0  # the first file's
    put("b.json", seeds(1, 2, by=0.02))
    line = clbench("merge", "a.json", "b.json", "-o", "never.json").line
    assert "b.json: seed 1 is not the one in a.json: matrix differ" in line
    assert not Path("never.json").exists()


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            seeds(1, train={"epochs": 2, "lr": 0.1}),
            "of another configuration than a.json: they differ in train.epochs",
        ),
        (seeds(1, data={"toy.bin": "cd" * 32}), "was made of other data than a.json: toy.bin differ"),
        (changed(seeds(1), tasks=["x", "y", "z"]), "has another tasks than a.json"),
        (seeds(1, maker={**MAKER, "plugins": {"my.py": "b" * 64}}), "other code of a plugin than a.json (my.py)"),
    ],
)
def test_what_is_not_alike_is_refused_in_a_line(other, words):
    put("a.json", seeds(0, maker={**MAKER, "plugins": {"my.py": "a" * 64}}))
    put("b.json", other)
    line = clbench("merge", "a.json", "b.json", "-o", "both.json").line
    assert "b.json: " in line
    assert words in line
    assert not Path("both.json").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("a.json",), "say where to: --output FILE"),
        (("a.json", "-o", "b.json", "--into", "runs"), "say where to"),
        (("a.json", "-o", "b.json"), "b.json: is there already, and none of the files to merge"),
        (("nowhere.json", "-o", "c.json"), "nowhere.json: no such file or folder"),
        (("empty", "-o", "c.json"), "no results in empty"),
        (("spoilt.json", "-o", "c.json"), "spoilt.json: sha256"),
    ],
)
def test_a_mistake_is_one_line(words, expected):
    put("a.json", seeds(0))
    put("b.json", seeds(1))
    put("spoilt.json", seeds(2))
    Path("spoilt.json").write_text(Path("spoilt.json").read_text().replace("0.97", "0.96"))
    Path("empty").mkdir()
    assert expected in clbench("merge", *words).line


def test_what_was_changed_by_hand_stays_marked():
    put("a.json", seeds(0))
    put("b.json", seeds(1))
    Path("b.json").write_text(Path("b.json").read_text().replace("0.96", "0.97"))
    assert clbench("merge", "a.json", "b.json", "-o", "both.json", "--accept-modified").code == 0
    assert load(Path("both.json")).modified
    assert "changed outside clbench" in clbench("report", "both.json").out


def test_into_a_folder_every_configuration_goes_under_its_name_to_what_is_there():
    Path("there").mkdir()
    put("there/one.json", seeds(3))
    put("there/two.json", seeds(5, method="si"))
    here = Path("runs") / seeds(0).path
    save(seeds(0), here)
    done = clbench("merge", "there", "--into", "runs", "--json")
    assert [(m["file"], m["seeds"]) for m in json.loads(done.out)] == [
        (str(here), [0, 3]),
        (str(Path("runs") / seeds(0, method="si").path), [5]),
    ]
    assert load(here).seeds == [0, 3]


def test_files_of_schema_1_move_to_their_new_names():
    done = clbench("merge", SCHEMA_1, "--into", "runs")
    assert done.code == 0, done
    for old in ("train", "pruning"):
        found = load(SCHEMA_1 / f"{old}.json")
        assert load(Path("runs") / found.path) == found


def test_a_merged_training_is_found_and_its_checkpoints_stay_where_they_are():
    for name, number in (("one", 0), ("two", 1)):
        assert train(Path(name), "--method", "finetuning", "--seed-list", str(number), "-q").code == 0
    [path] = Path("one").rglob("*.json")
    done = clbench("merge", "one", "two", "--into", "runs")
    merged = Path("runs") / path.relative_to("one")
    assert f"checkpoints stay in {path.with_suffix('')}" in done.out
    assert load(merged).seeds == [0, 1]
    found = train(Path("runs"), "--method", "finetuning", "--seeds", "2")
    assert (found.code, "finished before" in found.err) == (0, True)
    line = clbench("evaluate", merged).line
    assert "no checkpoint of seed 0 is kept beside it" in line
    assert "merge leaves checkpoints where they were made" in line


def test_a_damaged_key_of_a_maker_is_named():
    put("a.json", seeds(0))
    raw = json.loads(Path("a.json").read_text())
    raw["makers"][key_of(MAKER)]["torch"] = "3"
    Path("a.json").write_text(json.dumps(raw))
    sealed_anew(Path("a.json"))
    assert "is not the key of what it says" in clbench("merge", "a.json", "-o", "b.json").line
