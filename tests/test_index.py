"""The index of names and options says what the registries say, and is read only while that is sure."""

import json
import os
import shutil
import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from command_line import ROOT
from pydantic import Field, TypeAdapter, ValidationError

from clbench.cli.index import built
from clbench.config import index
from clbench.config.options import Absent, Adjustable, Bounds, Count, NonNegative, convert


def test_the_file_is_what_the_registries_say():
    same = json.loads(index.FILE.read_text()) == json.loads(json.dumps(built()))
    assert same, "a source has changed: python -m clbench.cli.index writes the index anew"


@pytest.mark.parametrize(
    "annotation",
    [
        NonNegative,
        Annotated[Count | None, "help", Absent(None)],
        Annotated[tuple[Count, ...], "help", Adjustable],
        Annotated[tuple[int, float], Absent((1, 2.0))],
        Literal["a", 1, None],
        str | None,
        Any,
        bool,
    ],
)
def test_types_survive(annotation):
    again = index.decoded(json.loads(json.dumps(index.encoded(annotation))))
    assert index.encoded(again) == index.encoded(annotation)
    for value in (3, -1, 0.5, "a", None, True, (1, 2), float("inf")):
        assert outcome(again, value) == outcome(annotation, value)


def outcome(annotation: Any, value: Any) -> Any:
    try:
        return convert(value, annotation, "x")
    except Exception as error:
        return str(error)


@pytest.mark.parametrize("value", [-1, 0, 3, 4, 2.5, float("nan"), float("inf"), "x", None])
@pytest.mark.parametrize("bounds", [{"ge": 0, "lt": 4}, {"gt": 0, "le": 3}, {"ge": 0, "allow_inf_nan": False}])
def test_bounds_are_those_of_pydantics_field(bounds, value):
    def message(annotation: Any) -> Any:
        try:
            return repr(TypeAdapter(annotation).validate_python(value))
        except ValidationError as error:
            return error.errors()[0]["msg"]

    assert message(Annotated[float, Bounds(**bounds)]) == message(Annotated[float, Field(**bounds)])


def test_a_type_that_it_cannot_hold_is_refused():
    with pytest.raises(TypeError, match="no way to write"):
        index.encoded(dict[str, int])


def asked(folder, *words: str, path: str = str(ROOT)) -> tuple[str, bool]:
    """What a command prints in a fresh process, and whether torch was imported."""
    code = f"""
import sys
from clbench.cli import main
sys.argv = ["clbench", *{words!r}]
try:
    main()
finally:
    print("torch" in sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        capture_output=True,
    )
    *lines, torch = done.stderr.splitlines()
    return done.stdout + "\n".join(lines), torch == "True"


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["list", "methods", "--long"],
        ["list", "metrik"],
        ["train", "--method", "ewcc"],
        ["train", "--stream", "x"],
        ["train", "--network", "x"],
        ["train", "--scenario", "x"],
        ["train", "--preset", "x"],
        ["train", "--device", "x"],
        ["train", "--set", "train.lrr=1"],
        ["train", "--set", "train.lr=-1"],
        ["train", "--method", "ewc", "--set", "strategy.lamb=1"],
        ["sweep", "--method", "ewcc", "--grid", "strategy.lam=1,2"],
        ["sweep", "--grid", "strategy.lamb=1,2"],
        ["prune-lenet", "--importance", "entropi"],
        ["reproduce", "tabel1"],
        ["report", "--format", "x"],
        ["data", "verify", "mnst"],
        ["evaluate", "nothing.json", "--device", "x"],
    ],
    ids=" ".join,
)
def test_names_wait_for_no_torch(words, tmp_path):
    said, torch = asked(tmp_path, *words)
    assert said
    assert not torch


def test_mistakes_of_names_wait_for_no_pydantic(tmp_path):
    code = """
import sys
from clbench import UserError, train
try:
    train("ewcc")
except UserError:
    pass
assert not [name for name in ("torch", "numpy", "pydantic", "importlib.metadata") if name in sys.modules]
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)


@pytest.fixture
def copy(tmp_path):
    """The package, to be changed."""
    shutil.copytree(ROOT / "clbench", tmp_path / "clbench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "clbench.toml", tmp_path)
    return tmp_path


def test_a_changed_source_is_believed_and_not_the_index(copy):
    file = copy / "clbench" / "strategies" / "ewc.py"
    file.write_text(file.read_text().replace('register("ewc")', 'register("ewc2")'))
    said, torch = asked(copy, "list", "methods", path=str(copy))
    assert "  ewc2 " in said
    assert torch


METHOD = """
from dataclasses import dataclass
from clbench.registry import strategies
from clbench.strategies.base import Strategy

@strategies.register("mine")
@dataclass
class Mine(Strategy):
    '''Of my own.'''
    much: float = 1.0
"""


@pytest.mark.long
def test_a_new_method_is_one_file(copy):
    (copy / "clbench" / "strategies" / "mine.py").write_text(METHOD)
    said, _ = asked(copy, "train", "--method", "mine", "--set", "strategy.muhc=1", path=str(copy))
    assert "did you mean 'much'?" in said


@pytest.mark.long
def test_an_installed_package_is_asked(tmp_path):
    folder = tmp_path / "site"
    about = folder / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[clbench.strategies]\ntheirs = theirs:Theirs\n")
    (folder / "theirs.py").write_text(
        METHOD.replace('@strategies.register("mine")\n', "").replace("Mine", "Theirs")
    )
    said, torch = asked(tmp_path, "list", "methods", path=f"{ROOT}{os.pathsep}{folder}")
    assert "  theirs " in said
    assert torch


@pytest.mark.long
def test_what_a_script_registers_is_known_at_once(tmp_path):
    code = f"""{METHOD}
import clbench
assert "mine" in strategies and "ewc" in strategies
small = {{"stream.limit": 60, "stream.tasks": 2, "train.epochs": 1, "network.hidden": 8}}
result = clbench.train("mine", "split-digits", quiet=True, set={{"strategy.much": 2, **small}})
assert result.config["strategy"] == {{"much": 2.0}}
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
