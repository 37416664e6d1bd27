"""The READMEs are true: their commands run, their examples work, their tables are what clbench prints."""

import functools
import json
import os
import re
import shlex
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from command_line import but_for, plugins_forgotten
from typer.testing import CliRunner

import clbench
from benchmarks import pages
from benchmarks.__main__ import app as benchmarks
from benchmarks.methods import page as page_of_methods
from clbench.cli import app
from clbench.errors import UserError
from clbench.registry import strategies

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "benchmarks" / "results"
BENCHMARKS = ROOT / "benchmarks" / "README.md"  # its commands find what is committed
FID = ROOT / "clbench" / "scores" / "fid" / "README.md"  # its commands run in tests/fid
CI = ROOT / "benchmarks" / "ci" / "README.md"
PAGES = [ROOT / "README.md", BENCHMARKS, CI, *sorted((ROOT / "clbench").rglob("README.md"))]  # their commands run
WRITTEN = [*PAGES, ROOT / "CHANGELOG.md", *sorted(set((ROOT / "benchmarks").rglob("*.md")) - {BENCHMARKS, CI})]
SETS = ("train.epochs=1", "train.batch_size=30", "stream.limit=60", "stream.tasks=2", "network.hidden=16,8")
SMALL = "--seeds 1 --data-root {root} " + " ".join(f"--set {value}" for value in SETS)
QUICKER = ["--set", "train.epochs=1", "--set", "stream.limit=60"]  # of examples that are small already
EMBEDDED = {"split-mnist": "split-digits", "permuted-mnist": "permuted-digits", "rotated-mnist": "rotated-digits"}
EMBEDDED |= {"split-fashion-mnist": "split:like_digits.npz"}
PRUNE = "--dataset digits --limit 60 --epochs 1 --retrain-epochs 1 --batch-size 20 --seeds 1 --workers 1"


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, kind: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [text for language, text in fenced if language == kind]


def commands(page: Path) -> list[str]:
    """Every clbench command of a page, in its order: in blocks, and in tables of uses."""
    lines = [
        part.strip() for block in blocks(page, "sh") for line in block.splitlines() for part in line.split("&&")
    ]
    cells = re.findall(r"^\|[^|]*\| `(clbench [^`]*)`", page.read_text(), flags=re.MULTILINE)
    plain = [line.removeprefix(".venv/bin/") for line in [*lines, *cells]]
    return [line for line in plain if line.startswith("clbench ")]


def examples(page: Path) -> dict[str, str]:
    """Python files of a page: the name that the paragraph before a block gives it, and the block."""
    text, found = page.read_text(), {}
    for block in re.finditer(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        paragraph = text[: block.start()].rstrip().rpartition("\n\n")[2]
        names = re.findall(r"`(my_\w+\.py)`", paragraph)
        found[names[0] if names else f"example-{len(found)}.py"] = block[1]
    return found


def furnish(folder: Path, page: Path) -> None:
    """Put the files that the pages speak of into a working folder."""
    import numpy as np
    from PIL import Image

    shown = {ROOT / "README.md", page} if page == CI else {page}  # its check is of the method of the first page
    for name, code in ((name, code) for each in shown for name, code in examples(each).items()):
        (folder / name).write_text(code)
    for block in blocks(page, "yaml"):  # a file whose first line is its name
        if name := re.match(r"# (\w+\.yaml)\n", block):
            (folder / name[1]).write_text(block)
    (folder / "experiment.yaml").write_text(blocks(ROOT / "clbench" / "config" / "README.md", "yaml")[0])
    rng = np.random.default_rng(0)
    images = {f"x_{s}": rng.integers(0, 256, (80, 6, 6), dtype=np.uint8) for s in ("train", "test")}
    np.savez(folder / "my.npz", **images, y_train=np.arange(80) % 4, y_test=np.arange(80) % 4)
    digits = {f"x_{s}": rng.integers(0, 256, (80, 8, 8), dtype=np.uint8) for s in ("train", "test")}
    np.savez(folder / "like_digits.npz", **digits, y_train=np.arange(80) % 10, y_test=np.arange(80) % 10)
    for n in range(20):
        (folder / "my_images" / f"class {n % 4}").mkdir(parents=True, exist_ok=True)
        Image.fromarray(images["x_train"][n]).save(folder / "my_images" / f"class {n % 4}" / f"{n}.png")


def smaller(words: list[str], folder: Path) -> list[str]:
    """A command as printed but smaller: one seed, few tasks and images, and digits where MNIST is not at hand."""
    root = os.environ.get("CLBENCH_DATA", str(folder))
    if words[0] in ("train", "sweep"):
        digits = any("digits" in word for word in words)
        words = but_for(words, QUICKER if digits else SMALL.format(root=root).split())
    if any("cgan" in word for word in words):
        words = [*words, "--set", "stream.tasks=2", "--set", "network.samples=40"]
    if words[0] == "sweep":
        fewer = {"0:10:5": "0:10:10", "0:20:10": "0:20:20"}
        words = [word.replace(grid := word.partition("=")[2], fewer.get(grid, grid)) for word in words]
    if words[0] == "reproduce":
        more = ["--seeds", "2"] if "fig7b" in words else ["--seeds", "1"]
        words = but_for(words, [*more, "--data-root", root, *(w for value in SETS for w in ("--set", value))])
    if words[0] == "prune-lenet":
        words = but_for(words, PRUNE.split())
    if words[0] in ("train", "sweep", "reproduce"):  # more processes import torch, no more is tried
        words = but_for(words, ["--workers", "1"])
    if "CLBENCH_DATA" not in os.environ or "--tune-on" in words:  # few have Fashion-MNIST where MNIST is
        words = [EMBEDDED.get(word, word).replace("permuted-mnist", "permuted-digits") for word in words]
    return words


@pytest.mark.parametrize("page", [page for page in PAGES if page not in (BENCHMARKS, FID)], ids=named)
def test_the_commands_and_examples_of_a_page_run(page, tmp_path, monkeypatch):
    furnish(tmp_path, page)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with plugins_forgotten():
        for command in commands(page):
            words = shlex.split(command)[1:]
            if words[0] == "reproduce" and "CLBENCH_DATA" not in os.environ:
                continue  # the paper's configurations are of MNIST, which is not here
            done = CliRunner().invoke(app, smaller(words, tmp_path))
            assert done.exit_code == 0, (words, done.output, done.exception)
        for name, code in examples(page).items():
            if name.startswith("example-"):
                exec(compile(code, name, "exec"), {})


def test_there_are_commands_to_run():
    assert len([command for page in PAGES for command in commands(page)]) >= 60
    assert {name for page in PAGES for name in examples(page)} >= {"my_method.py", "my_stream.py", "my_network.py"}


@pytest.mark.parametrize("command", [*commands(BENCHMARKS), *commands(ROOT / "benchmarks/scenarios/README.md")])
def test_what_the_results_are_from_finds_them_finished(command, tmp_path, monkeypatch):
    """As printed: train and prune-lenet would run nothing, a sweep ends at once. Other tests print `reproduce`."""
    monkeypatch.chdir(ROOT)
    words = shlex.split(command)[1:]
    if words[0] == "sweep":
        shutil.copytree(ROOT / "benchmarks" / "sweeps" / "split-mnist", tmp_path / "split-mnist")
        words = but_for(words, ["--out", str(tmp_path), "--plots", str(tmp_path)])
        if "CLBENCH_DATA" not in os.environ:  # the images are not here: what the record says
            words = ["sweep", "status", str(next((tmp_path / "split-mnist").glob("sweep-*")))]
        done = CliRunner().invoke(app, words)
        assert "55 of 55 trials ended" in done.output, done.output
        assert "finished before" in done.output or "status" in words
    elif words[0] == "reproduce":
        assert tuple(words) in {one.words for one in pages.REPRODUCED}
    else:
        done = CliRunner().invoke(app, [*words, "--dry-run", "--json"])
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert {one["state"] for one in found} == {"finished"}, [one["title"] for one in found]


@functools.cache
def options(program: str, words: tuple[str, ...]) -> set[str]:
    """Those of the command that the first words name, in groups within groups."""
    command: Any = typer.main.get_command({"clbench": app, "python -m benchmarks": benchmarks}[program])
    for word in words:
        if hasattr(command, "commands"):
            assert word in command.commands, f"no command {word!r} among {sorted(command.commands)}"
            command = command.commands[word]
    return {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_commands_in_passing_have_the_options_they_name(page):
    """Those within a sentence, and in blocks that are not run: clusters, data and weights that are not here."""
    for program in ("clbench", "python -m benchmarks"):
        inline = re.findall(rf"`{program} (--help|[a-z][^`]*)`", page.read_text())
        fenced = [line for block in blocks(page, "") for line in re.findall(rf"\b{program} ([a-z].*)", block)]
        for line in [*inline, *fenced]:
            words = shlex.split(line)
            known = options(program, tuple(word for word in words[:2] if word[0] not in "-"))
            unknown = [word for word in words if re.match(r"--?[a-z]", word) and word not in known]
            assert not unknown, line


def anchors(page: Path) -> set[str]:
    """What a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", WRITTEN, ids=named)
def test_links_and_pictures_lead_somewhere(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = [*re.findall(r"\]\(<?([^)>]+)>?\)", text), *re.findall(r'src="([^"]+)"', text)]
    for target in targets:
        path, _, anchor = target.partition("#")
        if path.startswith("http"):
            continue
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150
    assert all(len(code.splitlines()) <= 30 for page in PAGES for code in examples(page).values())


def test_ci_does_what_the_readme_tells_a_newcomer_to_do():
    [line] = [
        line for block in blocks(ROOT / "README.md", "sh") for line in block.splitlines() if "-m tests" in line
    ]
    ci = (ROOT / ".ci" / "run").read_text().replace(" --quiet", "")
    assert all(part in ci for part in line.split(" && "))


def test_the_citation_and_the_changes_are_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert citation["version"] == project["version"] == clbench.__version__
    assert citation["license"] == project["license"]
    assert f"\n## {clbench.__version__}" in (ROOT / "CHANGELOG.md").read_text()
    assert (
        citation["references"][0]["doi"]
        in (RESULTS.parent / "../clbench/report/reference/peng2021.json").read_text()
    )


def test_the_page_of_methods_is_printed_from_the_code():
    """`python -m benchmarks methods --write` puts it right."""
    page = ROOT / "clbench" / "strategies" / "README.md"
    assert page.read_text() == page_of_methods()
    kinds = page.read_text().partition("\n\n`clbench list")[0]
    with plugins_forgotten():
        own = [name for name in strategies if strategies[name].__module__.startswith("clbench.strategies.")]
    assert set(own) <= set(re.findall(r"`([\w-]+)`", kinds))


@pytest.mark.parametrize("part", pages.parts(), ids=str)
def test_what_a_page_shows_of_results_is_what_is_printed_of_them(part):
    """`python -m benchmarks pages --write` puts it right."""
    assert pages.stale([part]) == []
    shown = (ROOT / part.page).read_text()
    assert all((ROOT / part.page).parent.joinpath(name).is_file() for name in re.findall(r"\(<(.*?)>\)", shown))


def test_the_claims_about_parameters_are_judged_by_enough_seeds():
    for name in pages.FROM_NUMBERS:
        [numbers] = json.loads((ROOT / pages.FIGURES / f"{name}.json").read_text())
        assert len({line["seed"] for line in numbers["lines"]}) >= 3


def test_a_page_that_is_not_as_printed_is_named_and_put_right(tmp_path, monkeypatch):
    (tmp_path / "page.md").write_text("Ours.\n<!-- x -->\nold\n<!-- /x -->\nOurs.\n")
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    part = pages.part(Path("page.md"), "x", lambda: "new\n")
    assert pages.stale([part]) == [part] == pages.write([part])
    assert (tmp_path / "page.md").read_text() == "Ours.\n<!-- x -->\nnew\n<!-- /x -->\nOurs.\n"
    assert pages.stale([part]) == [] == pages.write([part])
    with pytest.raises(UserError, match="no marks <!-- y -->"):
        pages.stale([pages.part(Path("page.md"), "y", lambda: "new")])


def test_a_page_is_of_results_that_are_there(tmp_path):
    with pytest.raises(UserError, match="not trained: seeds 0, 1"):
        pages.Reproduced(("table1",), tmp_path, "quick", 2).text()
    with pytest.raises(UserError, match=f"clbench report {tmp_path}: .*no result"):
        pages.clbench("report", str(tmp_path))


def test_every_room_is_on_the_map():
    inside = sorted((ROOT / "clbench").glob("[a-z]*"))
    rooms = [f"`{path.name}/`" for path in inside if (path / "__init__.py").exists()]
    loose = [path.name for path in inside if path.suffix == ".py"]
    assert not [name for name in [*rooms, *(f"`{name}`" for name in loose)] if name not in README]
    assert set(loose) == {"errors.py", "metrics.py", "registry.py"}
