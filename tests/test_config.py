"""A configuration comes from five places in a fixed order; what is wrong in one is named with its place."""

import contextlib
import dataclasses
import datetime
from pathlib import Path
from typing import Annotated

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clbench.config.defaults import default_files
from clbench.config.files import Layer, parse_sets, read_file
from clbench.config.options import Absent, Natural, NonNegative
from clbench.config.resolve import SCENARIOS, Config, methods_of, resolve, resolve_stored
from clbench.errors import UserError
from clbench.registry import networks, strategies
from clbench.results import find, load
from clbench.run.prune_lenet import settings as pruning
from clbench.strategies.base import Strategy

quickly = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def written(name: str, text: str) -> Layer:
    Path(name).write_text(text)
    return read_file(Path(name))


def refusal(*args, **kwargs) -> str:
    with pytest.raises(UserError) as error:
        resolve(*args, **kwargs)
    return str(error.value)


# -- which place wins -----------------------------------------------------------------------------------------


def test_the_default_is_anpyc_on_the_embedded_digits():
    config = resolve()
    assert (config.method, config.stream, config.scenario) == ("anpyc", "permuted-digits", "task")
    assert config.seeds == (0,)


def test_each_place_wins_over_the_one_before():
    assert resolve("ewc", "split-cifar10").train.epochs == 5  # the code
    Path("clbench.toml").write_text("[train]\nepochs = 7\n[preset.mine.train]\nepochs = 8\n")
    assert resolve("ewc", "split-cifar10").train.epochs == 7
    assert resolve("ewc", "split-cifar10", preset="mine").train.epochs == 8
    file = written("e.yaml", "train: {epochs: 9}")
    assert resolve("ewc", "split-cifar10", preset="mine", file=file).train.epochs == 9
    assert resolve("ewc", "split-cifar10", preset="mine", file=file, sets=("train.epochs=10",)).train.epochs == 10


def test_flags_win_over_the_file():
    file = written("e.toml", 'method = "si"\nstream = "split-digits"\nseeds = [3, 5]\nscenario = "class"')
    config = resolve(file=file)
    assert (config.method, config.stream, config.seeds, config.scenario) == ("si", "split-digits", (3, 5), "class")
    config = resolve("mas", "permuted-digits", scenario="domain", seeds=(1,), file=file)
    assert (config.method, config.stream, config.seeds) == ("mas", "permuted-digits", (1,))
    assert config.scenario == "domain"


def test_my_clbench_toml_wins_over_the_shipped_one():
    assert resolve("ewc", "split-digits").train.batch_size == 32
    Path("clbench.toml").write_text("[stream.split-digits.train]\nbatch_size = 16\n")
    assert resolve("ewc", "split-digits").train.batch_size == 16
    assert resolve("ewc", "permuted-digits").train.batch_size == 32


def test_yaml_and_toml_say_the_same():
    yaml_file = written("e.yaml", "method: ewc\nstrategy: {ewc: {lam: 1e4}}\nnetwork: {hidden: [32, 16]}")
    toml = 'method = "ewc"\nstrategy.ewc.lam = 1e4\n[network]\nhidden = [32, 16]'
    assert resolve(file=yaml_file) == resolve(file=written("e.toml", toml))


def test_an_option_of_one_method_is_no_matter_to_the_others():
    file = written("e.yaml", "method: [ewc, si]\nstrategy: {ewc: {lam: 7}, si: {xi: 0.5}}")
    assert methods_of(file) == ["ewc", "si"]
    assert resolve("ewc", file=file).strategy_options["lam"] == 7
    assert resolve("si", file=file).strategy_options["xi"] == 0.5
    assert resolve("mas", file=file, sets=("strategy.ewc.lam=3",)) == resolve("mas", file=file)


def test_a_stored_configuration_reads_back_equal():
    config = resolve("ewc", "split-digits", seeds=(2, 1), preset="quick", sets=("network.hidden=5,4",))
    again = resolve_stored(config.as_dict(), Path("x.json"))
    assert again.digest == config.digest
    assert again == config


def test_what_does_not_change_the_numbers_keeps_the_digest():
    assert resolve(sets=("train.lr=0.05",)).digest == resolve().digest  # the default of this stream
    assert resolve(sets=("train.lr=0.06",)).digest != resolve().digest


def test_options_that_are_younger_than_results_leave_their_digests_alone():
    younger = ("stream.pad=1", "stream.first=2", "train.keep_optimizer=true", "train.iterations=3")
    config = resolve("anpyc", "split-digits", sets=(*younger, "strategy.candidates=tensor"))
    for section, options in {
        "stream": ("pad", "first"),
        "train": ("keep_optimizer", "iterations"),
        "strategy": ("candidates",),
    }.items():
        for name in options:
            assert name not in resolve().as_dict()[section]
            assert name in config.as_dict()[section]
    assert resolve_stored(config.as_dict(), Path("x.json")) == config


@pytest.fixture
def older(monkeypatch):
    """A method and a network before they got an option each, and the same with it."""
    options = {"strategies": [("strength", Annotated[NonNegative, "of nothing"], 1.0)], "networks": []}
    new = ("younger", Annotated[Natural, "of nothing", Absent(3)], 5)  # the default is not what was done before

    def register(extra):
        method = dataclasses.make_dataclass("Old", [*options["strategies"], *extra], bases=(Strategy,))
        network = dataclasses.make_dataclass("Net", [("width", Natural, 2), *extra])
        monkeypatch.setitem(strategies.entries, "older", method)
        monkeypatch.setitem(networks.entries, "older", network)

    strategies.fill(), networks.fill()
    register([])
    return lambda: register([new])


def test_a_new_option_of_a_method_or_network_orphans_no_earlier_result(older, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = resolve("older", network="older")
    stored = before.as_dict()
    older()
    same = ("strategy.younger=3", "network.younger=3")
    assert resolve("older", network="older", sets=same).path == before.path
    assert resolve("older", network="older").path != before.path
    again = resolve_stored(stored, Path("x.json"))
    assert (again.strategy_options["younger"], again.network_options["younger"]) == (3, 3)
    assert again.as_dict() == stored
    Path("clbench.toml").write_text("[strategy.older]\nyounger = 9\n")  # of today's runs, not of the stored one
    assert resolve("older", network="older").strategy_options["younger"] == 9
    assert resolve_stored(stored, Path("x.json")) == again


def test_a_study_has_younger_options_too(monkeypatch):
    stored = pruning.resolve().as_dict()
    del stored["train"]["momentum"]
    monkeypatch.setattr("clbench.run.prune_lenet.settings.absent_of", lambda *_: {"momentum": 0.25})
    assert pruning.resolve_stored(stored, Path("x.json")).momentum == 0.25


def test_seeds_are_no_part_of_a_configuration_s_identity():
    assert resolve(seeds=(0, 1)).path == resolve(seeds=(7,)).path
    assert pruning.resolve(seeds=(0, 1)).path == pruning.resolve(seeds=(7,)).path
    assert "seeds" not in {**resolve().as_dict(), **pruning.resolve().as_dict()}


def test_every_committed_result_is_found_again_by_its_configuration():
    paths = find([Path(__file__).parent.parent / "benchmarks"])
    assert len(paths) > 40
    for path in paths:
        found = {"train": resolve_stored, "pruning": pruning.resolve_stored}[(result := load(path)).kind]
        assert found(result.config, path).path == Path(path.parent.name, path.name)


def test_long_names_of_streams_still_name_a_folder():
    config = resolve("ewc", f"split:{'long/' * 300}x.npz")
    assert all(len(part) < 200 for part in config.path.parts)


# -- tuned values, and where every value came from ------------------------------------------------------------


@pytest.mark.parametrize("method", sorted(set(strategies) - {"hat", "xdg", "xdg-ewc", "xdg-si"}))
@pytest.mark.parametrize("place", [("domain", "mlp"), ("class", "mlp"), ("task", "lenet")], ids="-".join)
@pytest.mark.parametrize("stream", ["split-mnist", "permuted-mnist", "split-digits", "permuted-digits"])
def test_tuned_values_hold_where_they_were_tuned_and_nowhere_else(method, place, stream):
    scenario, network = place
    found, unknown = (
        resolve(method, name, scenario=scenario, network=network) for name in (stream, "split-fashion-mnist")
    )
    tuned = [came for came in found.origins.values() if "tuned" in came]
    if network in default_files()[0].values["tuned"][stream].get(scenario, {}):
        assert tuned
        assert all(f"(tuned for {scenario}, {network})" in came for came in tuned)
    else:
        assert tuned == []
        assert found.strategy_options == unknown.strategy_options


def test_er_replays_as_many_images_as_its_code_says_in_a_scenario_that_nobody_tuned():
    Path("clbench.toml").write_text("[tuned.split-digits.task.mlp.strategy.er]\nreplay = 7\n")
    assert resolve("er", "split-digits").origins["strategy.replay"].endswith("(tuned for task, mlp)")
    assert resolve("er", "split-digits", scenario="domain").strategy_options["replay"] == 128


def test_tuned_values_are_of_a_network_by_its_name():
    tuned = resolve("ewc", "split-mnist")
    assert tuned.origins["strategy.lam"].endswith("(tuned for task, mlp)")
    assert resolve("ewc", "split-mnist", sets=("network.hidden=8",)).strategy_options == tuned.strategy_options


def test_what_i_write_holds_in_every_scenario_and_what_i_state_as_tuned_in_its_own():
    Path("clbench.toml").write_text(
        "[stream.split-mnist.strategy.ewc]\nlam = 5\n[tuned.split-mnist.class.mlp.strategy.ewc]\nlam = 6\n"
    )
    lam = {s: resolve("ewc", "split-mnist", scenario=s).strategy_options["lam"] for s in SCENARIOS}
    assert lam == {"task": 5, "domain": 5, "class": 6}


def test_network_options_under_a_name_hold_for_that_network_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("clbench.toml").write_text(
        "[network.mlp]\nhidden = [7]\n[stream.split-digits.network.lenet]\nmaps = [3, 4]\n"
    )
    assert resolve("ewc", "split-digits").network_options["hidden"] == (7,)
    assert resolve("ewc", "split-digits", network="lenet").network_options["maps"] == (3, 4)
    assert resolve("ewc", "permuted-digits", network="lenet").network_options["maps"] == (32, 64)
    for network in ("vgg9", "lenet", "resnet32"):
        assert resolve("ewc", "split-mnist", network=network, preset="paper").network == network
    Path("clbench.toml").write_text("[network]\nhidden = [7]\n")
    with pytest.raises(UserError, match=r"clbench\.toml:2: no option network\.hidden"):
        resolve("ewc", "split-digits", network="vgg9")


@pytest.mark.parametrize("network", ["dcgan", "mlp-gan", "conv-vae", "mlp-vae"])
def test_a_network_that_brings_an_optimiser_brings_its_rate_whatever_the_stream(network):
    everywhere = resolve("ewc", "cgan-digits", network=network).train
    for stream in ("split-digits", "permuted-digits"):
        assert resolve("ewc", stream, network=network).train == everywhere
    assert resolve("ewc", "split-digits").train.lr == 0.05
    Path("clbench.toml").write_text(f"[stream.split-digits.network.{network}.train]\nlr = 0.3\n")
    assert resolve("ewc", "split-digits", network=network).train.lr == 0.3


def test_presets_hold_in_every_scenario():
    for scenario in SCENARIOS:
        assert resolve("anpyc", "split-mnist", scenario=scenario, preset="paper").strategy_options["lam"] == 4
        assert resolve("anpyc", "split-mnist", scenario=scenario, preset="quick").train.epochs == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[tuned.split-mnist.taks.mlp.train]\nepochs = 3", 1, "did you mean 'task'"),
        ("[tuned.split-mnist.train]\nepochs = 3", 1, "expected [tuned.STREAM.SCENARIO.NETWORK]"),
        ("[tuned.split-mnist.class.mlp]\nsource = 'x'\nlam = 3", 3, "unknown key 'lam'"),
        ("[tuned.split-mnist]\ntask = 3", 2, "must be a table"),
        ("[tuned.permuted-digits.task.mlp]\ntrain.epoch = 3", 2, "did you mean 'epochs'"),
        ('[tuned."split:my.npz".task.mlp]\n\nlam = 3', 3, "unknown key 'lam'"),
    ],
)
def test_a_fault_in_tuned_values_is_named_with_its_line(text, line, words):
    Path("clbench.toml").write_text(text)
    message = refusal()
    assert message.startswith(f"clbench.toml:{line}: ")
    assert words in message


def test_tuned_values_of_a_file_of_mine():
    Path("clbench.toml").write_text('[tuned."split:my.npz".class.mlp.strategy.ewc]\nlam = 6\n')
    config = resolve("ewc", "split:my.npz", scenario="class")
    assert config.origins["strategy.lam"] == "clbench.toml:2 (tuned for class, mlp)"


def test_a_method_has_its_own_training():
    Path("clbench.toml").write_text(
        "[train]\nlr = 0.5\nepochs = 7\n[strategy.ewc.train]\nlr = 0.25\n"
        "[stream.permuted-digits.train]\nlr = 0.125\n"
        "[tuned.split-digits.task.mlp.train]\nlr = 0.4\nmomentum = 0.3\n"
        "[tuned.split-digits.task.mlp.strategy.ewc]\nlam = 3\n"
        "[tuned.split-digits.task.mlp.strategy.ewc.train]\nlr = 0.2\n"
    )
    rates = {
        (stream, method): resolve(method, stream).train.lr
        for stream in ("split-mnist", "permuted-digits", "split-digits")
        for method in ("ewc", "si")
    }
    assert list(rates.values())[2:] == [0.125, 0.125, 0.2, 0.4]  # the later section wins, as of other values
    assert resolve("ewc", "rotated-digits").train.lr == 0.25
    assert resolve("si", "rotated-digits").train.lr == 0.5
    config = resolve("ewc", "split-digits")
    assert (config.train.momentum, config.strategy_options["lam"]) == (0.3, 3)
    assert config.origins["train.lr"] == "clbench.toml:14 (tuned for task, mlp)"
    assert config.origins["train.momentum"] == "clbench.toml:10 (tuned for task, mlp)"
    assert config.origins["strategy.lam"] == "clbench.toml:12 (tuned for task, mlp)"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[strategy.anpyc.train]\nlr_stp = 3", 2, "no option train.lr_stp; did you mean 'lr_step'"),
        ("[strategy.anpyc]\ntrain = 3", 2, "train must be a table"),
        ("[strategy.anpyc.train]\n\nepochs = 'x'", 3, "train.epochs: should be a valid integer"),
    ],
)
def test_a_fault_in_a_method_s_own_training_is_named_with_its_line(text, line, words):
    Path("clbench.toml").write_text(text)
    message = refusal()
    assert message.startswith(f"clbench.toml:{line}: ")
    assert words in message


def test_every_value_has_its_origin():
    Path("clbench.toml").write_text("[train]\nlr_gamma = 0.5\n[preset.mine.train]\nmomentum = 0.8\n")
    file = written("e.yaml", "method: ewc\nstream: {name: split-mnist, tasks: 3}\n")
    config = resolve(file=file, preset="mine", scenario="task", seeds=(1,), sets=("strategy.ewc.anchors=online",))
    toml = (Path(__file__).parent.parent / "clbench.toml").read_text().splitlines()
    begun = toml.index("[tuned.split-mnist.task.mlp.strategy.ewc]")
    lam = next(n for n in range(begun, len(toml)) if toml[n].startswith("lam = ")) + 1
    assert toml[lam - 1].startswith("lam = ")
    assert {
        "method": "e.yaml:1",
        "stream.name": "e.yaml:2",
        "stream.tasks": "e.yaml:2",
        "stream.seed": "code",
        "network.name": "code",
        "network.hidden": "code",
        "preset": "--preset",
        "scenario": "--scenario",
        "seeds": "--seeds",
        "score": "code",
        "strategy.lam": f"shipped clbench.toml:{lam} (tuned for task, mlp)",
        "strategy.anchors": "--set",
        "train.lr_gamma": "clbench.toml:2",
        "train.momentum": "clbench.toml:4 (preset mine)",
    }.items() <= config.origins.items()
    assert config.origins.keys() == config.values().keys()


def test_a_value_that_was_given_and_is_the_default_says_so():
    assert resolve(sets=("train.momentum=0.9",)).origins["train.momentum"] == "--set, as code"


def test_origins_are_no_part_of_what_a_configuration_is():
    config, same = resolve("ewc"), resolve(file=written("e.yaml", "method: ewc"))
    assert config.origins != same.origins
    assert (config, hash(config.digest)) == (same, hash(same.digest))
    assert "origins" not in config.as_dict()


def test_a_key_that_stands_twice_in_yaml_is_refused():
    with pytest.raises(UserError, match=r"e\.yaml:4: lr stands twice"):
        written("e.yaml", "method: ewc\ntrain:\n  lr: 1\n  lr: 2")


# -- what is refused, and how ---------------------------------------------------------------------------------

FAULTS = [
    ("method: ewc\nstrem: split-digits", 2, "'stream'"),
    ("train:\n  epochs: 3\n  rate: 1", 3, "no option train.rate"),
    ("train:\n\n  epochs: many", 3, "train.epochs: should be a valid integer"),
    ("train:\n  epochs: 0", 2, "greater than or equal to 1, got 0"),
    ("train:\n  epochs: true", 2, "expected a number"),
    ("stream:\n  name: split-digits\n  tasks: yes", 3, "expected a number"),
    ("network:\n  hidden: [8, yes]", 2, "expected a number"),
    ("strategy: {}\ntrain: 3", 2, "train must be a table"),
    ("strategy: ewc", 1, "strategy must be a table"),
    ("method: ewc\nstrategy:\n  ewc:\n    lamb: 3", 4, "did you mean 'lam'"),
    ("method: ewc\nstrategy:\n  1: 3", 3, "no option strategy.1"),
    ("# one\nmethod: ewcc", 2, "did you mean 'ewc'"),
    ("scenario: doman", 1, "did you mean 'domain'"),
    ("score: tests", 1, "did you mean 'test'"),
    ("preset: quik", 1, "did you mean 'quick'"),
    ("stream: split-minst", 1, "did you mean 'split-mnist'"),
    ("network: mpl", 1, "did you mean 'mlp'"),
    ("seeds: 0", 1, "there can be 1 to"),
    ("seeds: 1000000000", 1, "there can be 1 to"),
    ("seeds: [1, 1]", 1, "twice"),
    ("seeds: [-1]", 1, "from 0 up"),
    ("seeds: many", 1, "a number of seeds or a list"),
    ("stream: [a]", 1, "must be a name"),
    ("x: &a [*a]\nmethod: *a", 1, "refers to itself"),
    ("train: &a\n  epochs: &b [*b]", 2, "refers to itself"),
]


@pytest.mark.parametrize(("text", "line", "words"), FAULTS)
def test_a_fault_in_a_file_is_named_with_its_line(text, line, words):
    with pytest.raises(UserError) as error:
        resolve(file=written("e.yaml", text))
    assert str(error.value).startswith(f"e.yaml:{line}: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("[train]\nepochs = 3\nrate = 1", 3),
        ("train.epochs = 3\ntrain.rate = 1", 2),
        ("[train]\nepochs = 'x'", 2),
        ("train = {rate = 1}", 1),
        ("[stream]\nname = 'split-digits'\n[strategy]\n[strategy.anpyc]\nlamb = 3", 5),
    ],
)
def test_a_fault_in_toml_is_named_with_its_line(text, line):
    with pytest.raises(UserError, match=rf"^e\.toml:{line}: "):
        resolve(file=written("e.toml", text))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[train]\nepoch = 3", 2, "did you mean 'epochs'"),
        ("[trian]\nepochs = 3", 1, "unknown section"),
        ("train = 3", 1, "must be a table"),
        ("[strategy]\nlam = 3", 2, "must be a table"),
        ("[stream]\ntasks = 3", 2, "must be a table"),
        ("[stream.permuted-digits]\ntask = 3", 2, "did you mean 'tasks'"),
        ("[stream.permuted-digits.train]\nepochs = -1", 2, "greater than"),
        ("[strategy.anpyc]\nlam = -3", 2, "strategy.lam"),
        ("[train]\nepochs = 3\n[stream.permuted-digits.strategy.anpyc]\nlam = -3", 4, "strategy.lam"),
        ("[preset.quick]\ntrain = 3", 2, "must be a table"),
    ],
)
def test_a_fault_in_my_clbench_toml_is_named_with_its_line(text, line, words):
    Path("clbench.toml").write_text(text)
    message = refusal(preset="quick")
    assert message.startswith(f"clbench.toml:{line}: ")
    assert words in message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("e.yaml", b"a: [1", "not valid YAML"),
        ("e.yaml", b"\x00\xff\xfe", "not a text file"),
        ("e.toml", bytes(range(256)), "not a text file"),
        ("e.toml", b"a = ", "not valid TOML"),
        ("e.toml", b"a = " + b"[" * 5000, ":1: nested deeper than 32"),
        ("e.toml", b"train.lr = " + b"{a = " * 900 + b"1" + b"}" * 900, ":1: nested deeper than 32"),
        ("e.toml", b"a = " + b"9" * 5000, ":1: a number of 5,000 digits; 100 are the most"),
        ("e.toml", b"\n" + b"a." * 50_000 + b"a = 1", ":2: a key of more than 16 parts"),
        ("e.toml", b"[" + b"a." * 50_000 + b"a]", ":1: a key of more than 16 parts"),
        ("e.toml", b"a = 1\n" * 100_000, "too large: more than 262,144 characters"),
        (
            "e.toml",
            b"method = '" + b"x" * 100_000 + b"'",
            "method: 'xxxxxxxxxxxxxxxxxxxx'.. of 100,000 characters",
        ),
        ("e.yaml", b"method: " + b"x" * 100_000, "method: 'xxxxxxxxxxxxxxxxxxxx'.. of 100,000 characters"),
        ("e.yaml", b"train: {lr: " + b"9" * 5000 + b"}", ":1: a number of 5,000 digits"),
        ("e.yaml", b"train:\n  epochs: " + b"9" * 400, ":2: a number of 400 digits"),
        ("e.yaml", b"train: {lr: " + b"[" * 900 + b"]" * 900 + b"}", "nested deeper than 32"),
        ("e.yaml", b"train: {lr: " + b"[" * 40 + b"]" * 40 + b"}", ":1: nested deeper than 32"),
        (
            "e.yaml",
            b'train: {lr: [1, "\\uD800"]}',
            r"train\.lr\[1\]: no text: it holds '\\ud800', a lone surrogate",
        ),
        ("e.yaml", b"[" * 1500, "nested deeper than 32"),
        ("e.yaml", b"a: !!int ''", "not valid YAML"),
        ("e.yaml", b"a: !!bool x", "not valid YAML"),
        ("e.yaml", b"a: !!timestamp x", "not valid YAML"),
        ("e.yaml", b"a: " + b"1:" * 300 + b"1.0", "a number of 603 digits"),
        ("e.yaml", b"a: !!python/object/apply:os.system [true]", "not valid YAML"),
        ("e.yaml", b"", "expected keys and values"),
        ("e.yaml", b"- a", "expected keys and values"),
        ("e.yaml", b"1: 2", "expected keys and values"),
        ("e.yaml", b"? [a]\n: b", "not valid YAML"),
        ("e.json", b"{}", "ends in .yaml"),
    ],
)
def test_a_broken_file_is_one_line(name, content, words):
    Path(name).write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        read_file(Path(name))
    assert str(error.value).startswith(name)


def test_texts_and_comments_of_toml_may_hold_dots_brackets_and_digits():
    long = "." * 40 + "[" * 40 + "9" * 200
    words = f"# {long}\nmethod = 'ewc'  # {long}\n[strategy]\na = \"{long}\"\nb = '{long}'\n"
    words += f'c = """\\"""\n{long}"""\nd = \'\'\'\n{long}\'\'\'\n'
    assert written("e.toml", words).values["strategy"]["c"] == f'"""\n{long}'


def test_anchors_that_make_more_values_than_memory_holds_are_refused():
    laughs = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{y}: &{y} [{','.join([f'*{x}'] * 9)}]\n" for x, y in zip("abcdefgh", "bcdefghi", strict=True)
    )
    text = "train:\n" + "".join(f"  {line}\n" for line in laughs.splitlines()) + "  epochs: *i"
    with pytest.raises(UserError, match=":6: more than 50,000 values"):
        written("e.yaml", text)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        ("train.epochs", "expected one of"),
        ("epochs=3", "expected one of"),
        ("trian.epochs=3", "expected one of"),
        ("train..epochs=3", "expected one of"),
        ("train.epochs=", "a value is missing"),
        ("train.epochs=[", "--set 'train.epochs=\\['"),
        ("train.epochs=!!int ''", "--set"),
        ("train.epochs=2001-01-01", "valid integer"),
        ("train.epochs=99999999999", "less than or equal"),
        ("train.lr=nan", "finite"),
        ("train.lr=.inf", "finite"),
        ("train.epochs={a: 1}", "valid integer"),
        ("stream.name=split-digits", "--stream"),
        ("stream.tasks=0", "greater than or equal to 1"),
        ("stream.validation=1", "less than 1"),
        ("network.hidden=8,x", "valid integer"),
        ("strategy.lamb=1", "for anpyc; did you mean 'lam'"),
        ("strategy.nobody.lam=1", "no option strategy.nobody"),
    ],
)
def test_a_fault_in_set_names_it(sets, words):
    with pytest.raises(UserError, match=words) as error:
        resolve(sets=(sets,))
    assert str(error.value).startswith("--set")


def test_set_does_not_go_into_a_value():
    with pytest.raises(UserError, match="lam was set to 1 before"):
        parse_sets(("strategy.lam=1", "strategy.lam.x=2"))


def test_a_value_that_json_cannot_hold_is_refused(monkeypatch):
    config = resolve()
    with pytest.raises(UserError, match="JSON"):
        Config(**{**vars(config), "strategy_options": {"day": datetime.date(2001, 1, 1)}}).digest  # noqa: B018


def test_scoring_on_validation_needs_some():
    assert "stream.validation" in refusal(score="validation")
    assert resolve(score="validation", sets=("stream.validation=0.1",)).score == "validation"


# -- whatever is in the file, it is a Config or a UserError ---------------------------------------------------

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.dates()
KEYS = ("method", "stream", "network", "strategy", "train", "seeds", "scenario", "epochs", "name", "hidden", "ewc")
keys = st.sampled_from([*KEYS, "lam", "tasks"])
values = st.recursive(
    plain | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys | plain, inner, max_size=4),
    max_leaves=12,
)


def config_or_user_error(path: Path) -> None:
    with contextlib.suppress(UserError):
        layer = read_file(path)
        for method in methods_of(layer):
            assert isinstance(resolve(method, file=layer).digest, str)


@quickly
@given(st.dictionaries(keys, values, max_size=5))
def test_any_nested_values_in_yaml(tmp_path, table):
    path = tmp_path / "any.yaml"
    path.write_text(yaml.safe_dump(table), encoding="utf-8")
    config_or_user_error(path)


@quickly
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes(tmp_path, content):
    for name in ("any.yaml", "any.toml"):
        (tmp_path / name).write_bytes(content)
        config_or_user_error(tmp_path / name)


@quickly
@given(st.text(alphabet="[]{}:&*!<>|-?,=.\"'# \n\tabe1_mthod", max_size=60))
def test_any_text_of_yaml_and_toml(tmp_path, text):
    for name in ("any.yaml", "any.toml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        config_or_user_error(tmp_path / name)


@quickly
@given(st.lists(st.tuples(st.sampled_from(["train.lr", "strategy.lam", "network.hidden", "a", ""]), st.text())))
def test_any_text_in_set(pairs):
    with contextlib.suppress(UserError):
        resolve("ewc", sets=tuple(f"{path}={value}" for path, value in pairs))


def test_a_name_that_yaml_reads_as_a_truth_value():
    assert resolve("ewc", sets=("strategy.fisher=true",)).strategy_options["fisher"] == "true"
    with pytest.raises(UserError, match="expected a number or a name, got False"):
        resolve("ewc", sets=("strategy.fisher=false",))
