"""The command beside a result leads to its very configuration, whatever the options and the clbench.toml."""

import shlex
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from results_by_hand import result, run
from typer.testing import CliRunner

from clbench.cli import app
from clbench.config.resolve import Config, resolve
from clbench.report.build.command import as_yaml, command_that_made
from clbench.results import PrunedRun, PruningResult, Result, find, load
from clbench.results import digest as digest_of
from clbench.run import schedule as runner
from clbench.run.prune_lenet import settings as study

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def options(found: list[str]) -> dict[str, list[str]]:
    """--name value pairs of a command line, by name."""
    pairs: dict[str, list[str]] = {}
    for name, value in zip(found[2::2], found[3::2], strict=True):
        pairs.setdefault(name.removeprefix("--").replace("-", "_"), []).append(value)
    return pairs


def again(one: Result) -> Config:
    """What the words of a result's command resolve to."""
    given = options(command_that_made(one))
    count, listed = given.get("seeds"), given.get("seed_list")
    seeds = tuple(range(int(count[0]))) if count else tuple(map(int, listed[0].split(",")))
    names = {name: given[name][0] for name in ("method", "stream", "network", "scenario", "score")}
    preset = given.get("preset", [None])[0]
    return resolve(**names, preset=preset, seeds=seeds, sets=tuple(given.get("set", ())))


def stored(config: Config) -> Result:
    return result(runs=[run(seed) for seed in config.seeds], **config.as_dict())


@pytest.mark.parametrize(
    ("names", "sets", "more"),
    [
        (("anpyc", "permuted-digits"), (), {}),
        (("ewc", "split-mnist"), ("strategy.lam=1e-9", "strategy.anchors=online"), {"seeds": (0, 1, 2)}),
        (("hat", "split-digits"), ("network.hidden=[16]", "stream.tasks=null"), {"seeds": (7, 3)}),
        (("xdg-si", "permuted-mnist"), ("stream.validation=0.1", "stream.limit=60"), {"score": "validation"}),
        (("si", "split-digits"), ("train.optimizer=adam", "train.lr=1e16"), {"scenario": "class"}),
        (("derpp", "split-mnist"), ("train.iterations=3", "train.keep_optimizer=true"), {"network": "lenet"}),
        (("mas", "split:my images.npz"), ("stream.pad=2",), {"preset": "quick"}),
        (("anpyc", "split-mnist"), ("strategy.lam=5",), {"preset": "paper"}),
    ],
)
def test_the_words_lead_to_the_same_digest(names, sets, more):
    config = resolve(*names, sets=sets, **more)
    assert again(stored(config)).digest == config.digest
    Path("clbench.toml").write_text(
        "[train]\nepochs = 99\niterations = 5\nwarmup = 3\n[strategy.anpyc]\nlam = 98\ncandidates = 'tensor'\n"
    )
    assert again(stored(config)).digest == config.digest


@pytest.mark.parametrize("path", find([ROOT / "benchmarks" / "results"]), ids=lambda path: path.stem)
def test_committed_results_are_asked_for_again_by_their_command(path):
    assert again(load(path)).digest == load(path).digest


@pytest.mark.parametrize("path", find([ROOT / "benchmarks" / "pruning"]), ids=lambda path: path.stem)
def test_so_are_committed_pruning_studies(path):
    given = {name: values[0] for name, values in options(command_that_made(load(path))).items()}
    seeds = tuple(range(int(given.pop("seeds"))))
    assert study.resolve(seeds=seeds, **given).digest == load(path).digest


def test_a_study_of_a_preset_and_of_odd_seeds():
    asked = study.resolve("quick", (4, 2), importance="mas", rates=(0.5, 1e-5), dataset="digits")
    found = command_that_made(pruned(asked))
    assert found[:4] == ["clbench", "prune-lenet", "--seed-list", "4,2"]
    given = {name: values[0] for name, values in options(found).items()}
    assert given.pop("seed_list") == "4,2"
    assert study.resolve(seeds=(4, 2), **given).digest == asked.digest


def pruned(asked: study.Settings) -> PruningResult:
    whole = asked.as_dict()
    common = {"data": {}, "runs": [PrunedRun(seed) for seed in asked.seeds]}
    return PruningResult(digest=digest_of(whole), config=whole, layers={}, output_parameters=1, **common)


def test_a_shell_reads_the_command_and_the_command_line_takes_it(monkeypatch):
    asked: list[Config] = []
    monkeypatch.setattr(runner, "run_all", lambda configs, *_, **__: asked.extend(configs) or [])
    config = resolve("ewc", "split:it's; rm -rf $HOME.npz", sets=("strategy.lam=1e-7",), seeds=(3,))
    line = shlex.join(command_that_made(stored(config)))
    done = CliRunner().invoke(app, [*shlex.split(line)[1:], "--quiet"])
    assert (done.exit_code, [one.digest for one in asked]) == (0, [config.digest]), done.output


def test_plugins_are_named():
    one = result("my-l2")
    assert "--plugin" not in command_that_made(one)
    one.makers = {"1": {"plugins": {"my_method.py": "ab"}}, "2": {"plugins": {"my_method.py": "ab"}}, "3": {}}
    assert command_that_made(one)[-2:] == ["--plugin", "my_method.py"]
    assert command_that_made(one).count("--plugin") == 1


def test_no_command_where_pasting_it_could_do_harm():
    assert command_that_made(result("ewc\n; reboot")) is None
    assert command_that_made(result("ewc", strategy={"note": "\x1b[2J"})) is not None  # YAML escapes it


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None)
@given(VALUES)
@example(["\x85"])
@example(["a\u2028b\n", 1, None])
def test_values_come_back_from_yaml_as_they_were(value):
    assert yaml.safe_load(as_yaml(value)) == value
