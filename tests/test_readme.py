"""The README is true: its commands run, its examples work, its table is what `clbench report` prints."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest
from command_line import but_for
from typer.testing import CliRunner

from clbench.cli import app
from clbench.report import markdown, report
from clbench.reproduce.experiments import chosen
from clbench.reproduce.verdicts import grid

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
SETS = ("train.epochs=1", "train.batch_size=30", "stream.limit=60", "stream.tasks=2", "network.hidden=16,8")
SMALL = "--seeds 1 --data-root {root} " + " ".join(f"--set {value}" for value in SETS)
EMBEDDED = {"split-mnist": "split-digits", "permuted-mnist": "permuted-digits", "rotated-mnist": "rotated-digits"}


PRUNE = "--dataset digits --limit 60 --epochs 1 --retrain-epochs 1 --batch-size 20 --seeds 1 --workers 1"


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every clbench command of the README, in its order: in blocks and in the table of uses."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    cells = re.findall(r"^\|[^|]*\| `(clbench [^`]*)`", README, flags=re.MULTILINE)
    wanted = [line for line in [*lines, *cells] if "clbench " in line and "pip" not in line]
    return [line.replace(".venv/bin/", "") for line in wanted]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder with the files that the README speaks of."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("readme")
    python = blocks("python")
    (folder / "my_method.py").write_text(python[0])
    (folder / "my_stream.py").write_text(python[1])
    (folder / "experiment.yaml").write_text("method: ewc\nstream: split-digits\ntrain: {epochs: 1}\n")
    rng = np.random.default_rng(0)
    images = {f"x_{s}": rng.integers(0, 256, (80, 6, 6), dtype=np.uint8) for s in ("train", "test")}
    np.savez(folder / "my.npz", **images, y_train=np.arange(80) % 4, y_test=np.arange(80) % 4)
    for n in range(20):
        (folder / "my_images" / f"class {n % 4}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(images["x_train"][n]).save(folder / "my_images" / f"class {n % 4}" / f"{n}.png")
    return folder


def test_there_are_commands_to_run():
    assert len(commands()) >= 15


@pytest.mark.parametrize("command", commands())
def test_commands_run(command, folder, monkeypatch):
    """As printed but smaller: one seed, few tasks and images, and digits where MNIST is not at hand."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    words = shlex.split(command)[1:]
    if words[0] == "reproduce" and "CLBENCH_DATA" not in os.environ:
        pytest.skip("the paper's configurations are of MNIST, which is not here")
    if words[0] in ("train", "sweep"):
        words = but_for(words, SMALL.format(root=os.environ.get("CLBENCH_DATA", folder)).split())
    if words[0] == "sweep":
        fewer = {"0:10:5": "0:10:10", "0:20:10": "0:20:20", "0:10:1": "0:10:10", "0:20:5": "0:20:20"}
        words = [word.replace(grid := word.partition("=")[2], fewer.get(grid, grid)) for word in words]
        words = [word.replace("benchmarks/sweeps", "runs") for word in words]
    if words[0] == "reproduce":
        more = ["--seeds", "2"] if "fig7b" in words else ["--seeds", "1"]
        more += ["--data-root", os.environ.get("CLBENCH_DATA", str(folder))]
        words = but_for(words, [*more, *(word for value in SETS for word in ("--set", value))])
        words = [word.replace("benchmarks/results", "reproduced") for word in words]
    if words[0] == "report":
        words = ["report", "runs"] if "benchmarks/results/split-mnist" in words else words
    if words[0] == "prune-lenet":
        words = but_for(words, PRUNE.split())
    if "--workers" in words:  # more processes import torch, no more is tried
        words[words.index("--workers") + 1] = "1"
    if "CLBENCH_DATA" not in os.environ:
        words = [EMBEDDED.get(word, word).replace("permuted-mnist", "permuted-digits") for word in words]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output, done.exception)


PAGES_OF_FOLDERS = sorted((ROOT / "clbench").rglob("README.md"))


def commands_of(page: Path) -> list[str]:
    """The clbench commands in the blocks of a folder's README."""
    found = re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [line for block in found for line in block.splitlines() if line.startswith("clbench train")]


@pytest.mark.parametrize("command", [line for page in PAGES_OF_FOLDERS for line in commands_of(page)])
def test_commands_of_folders_run(command, tmp_path, monkeypatch):
    """As printed but for a pass over few images."""
    monkeypatch.chdir(tmp_path)
    words = but_for(shlex.split(command)[1:], ["--set", "train.epochs=1", "--set", "stream.limit=60"])
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, (words, done.output, done.exception)


def test_the_method_example_fits_on_thirty_lines():
    assert len(blocks("python")[0].splitlines()) <= 30


def test_the_table_of_results_is_the_report_of_the_committed_runs():
    printed = re.search(r"<!-- results -->\n(.*)<!-- /results -->", README, flags=re.DOTALL)
    assert printed is not None
    folders = [ROOT / "benchmarks" / "results" / stream for stream in ("split-mnist", "permuted-mnist")]
    assert printed[1].strip() == report(folders, "md").strip()


def test_what_stands_beside_the_paper_is_what_reproduce_prints():
    printed = re.search(r"<!-- paper -->\n(.*)<!-- /paper -->", README, flags=re.DOTALL)
    assert printed is not None
    out = str(ROOT / "benchmarks" / "results")
    done = CliRunner().invoke(app, ["reproduce", "table1", "table2", "--out", out])
    blocks = re.split(r"(?m)^(?=##+ )", done.stdout)
    shown = [b.strip() for b in blocks if re.match(r"### .*(: ACC \(%\) beside|the paper's claims)", b)]
    assert len(shown) == 4
    assert printed[1].strip() == "\n\n".join(shown)


QUICK = ("fig3", "fig4", "fig6", "fig8b", "fig8c", "fig11")  # figures shown at a size that fits a laptop
OWN = ("class-cifar10", "cgan-changes")  # questions of ours
FIGURES = ROOT / "benchmarks" / "results" / "figures"
RESULTS = FIGURES.parent
PAGES: dict[str, tuple[Path, tuple[str, ...]]] = {  # where the runs of a page lie, and the words that show them
    "fig7a": (RESULTS, ("fig7a",)),
    **{name: (FIGURES, (name,)) for name in ("fig7b", "fig7c", "fig8a")},
    "table4": (ROOT / "benchmarks" / "pruning", ("table4",)),
    **{name: (RESULTS, (name, "--preset", "quick")) for name in QUICK},
    **{name: (RESULTS, (f"benchmarks/{name}.yaml",)) for name in OWN},
}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_a_figure_is_what_reproduce_prints(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder, words = PAGES[name]
    done = CliRunner().invoke(app, ["reproduce", *words, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    page = (FIGURES / f"{name}.md").read_text()
    assert re.sub(r"!\[.*\n?", "", page).strip() == done.stdout.strip()
    assert all((FIGURES / picture).is_file() for picture in re.findall(r"\(<(.*?)>\)", page))


def test_the_page_of_the_printed_settings_is_what_reproduce_prints():
    folder = FIGURES.parent / "printed"
    words = ["reproduce", "table1", "--preset", "paper", "--seeds", "3", "--out", str(folder)]
    assert CliRunner().invoke(app, words).stdout.strip() == (folder / "table1.md").read_text().strip()


@pytest.mark.parametrize("name", ["fig9", "fig10"])
def test_the_claims_about_parameters_are_judged_by_the_committed_numbers(name):
    """The checkpoints behind these numbers are too large to commit."""
    [figure] = chosen([name])
    [numbers] = json.loads((FIGURES / f"{name}.json").read_text())
    verdicts = [claim.judged(numbers["lines"]) for claim in figure.claims]
    assert len({line["seed"] for line in numbers["lines"]}) >= 3
    assert markdown.write([], [grid(verdicts, figure.title)]).strip() in (FIGURES / f"{name}.md").read_text()


def test_the_readme_counts_the_claims_that_hold():
    listed = re.search(r"<!-- figures -->\n(.*)<!-- /figures -->", README, flags=re.DOTALL)
    assert listed is not None
    lines = []
    for name in ("fig7a", "fig7b", "fig7c", "fig8a", "fig9", "fig10", "table4"):
        page = (FIGURES / f"{name}.md").read_text()
        title = page.partition("\n")[0].removeprefix("## ")
        found = re.findall(r"\| (holds|does not hold|undecided)( \(close\))? +\|", page)
        hold = sum(words == "holds" for words, _ in found)
        lines.append(f"- [{title}](benchmarks/results/figures/{name}.md): {hold} of {len(found)} claims hold")
    assert listed[1].strip() == "\n".join(lines)


def test_the_list_of_results_counts_the_claims_that_hold():
    listed = (RESULTS / "README.md").read_text()
    for name in (*QUICK, *OWN):
        found = re.findall(
            r"\| (holds|does not hold|undecided)( \(close\))? +\|", (FIGURES / f"{name}.md").read_text()
        )
        hold = sum(words == "holds" for words, _ in found)
        assert f"(figures/{name}.md): {hold} of {len(found)} claims hold" in listed, name


def test_the_pruning_tables_are_from_the_report_of_the_committed_runs():
    printed = re.search(r"<!-- pruning -->\n(.*)<!-- /pruning -->", README, flags=re.DOTALL)
    assert printed is not None
    tables = report([ROOT / "benchmarks" / "pruning"], "md").split("### ")
    shown = [tables[1], tables[2], tables[-1]]  # all measures; the paper's; the first round with more retraining
    assert printed[1].strip() == "".join(f"### {table}" for table in shown).strip()


def test_every_room_is_in_the_picture_of_the_tree():
    inside = sorted((ROOT / "clbench").glob("[a-z]*"))
    rooms = [f"  {path.name}/ " for path in inside if (path / "__init__.py").exists()]
    loose = [path.name for path in inside if path.suffix == ".py"]
    assert not [name for name in [*rooms, *loose] if name not in README]
    assert set(loose) == {"errors.py", "metrics.py", "registry.py"}
