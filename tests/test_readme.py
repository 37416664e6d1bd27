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
from benchmarks.__main__ import app as benchmarks
from benchmarks.methods import page as page_of_methods
from clbench.cli import app
from clbench.registry import strategies
from clbench.report.compose import report
from clbench.report.write import md
from clbench.reproduce.experiments import chosen
from clbench.reproduce.verdicts import counted, table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = ROOT / "benchmarks" / "results"
BENCHMARKS = ROOT / "benchmarks" / "README.md"  # its commands find what is committed
FID = ROOT / "clbench" / "scores" / "fid" / "README.md"  # its commands run in tests/fid
CI = ROOT / "benchmarks" / "ci" / "README.md"
PAGES = [ROOT / "README.md", BENCHMARKS, CI, *sorted((ROOT / "clbench").rglob("README.md"))]
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


@pytest.mark.parametrize("command", commands(BENCHMARKS))
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
        assert command in REPRODUCED
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


@pytest.mark.parametrize("page", [*PAGES, RESULTS / "README.md", ROOT / "CHANGELOG.md"], ids=named)
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


@pytest.mark.parametrize("page", [*PAGES, RESULTS / "README.md", ROOT / "CHANGELOG.md"], ids=named)
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


def marked(name: str, page: Path) -> str:
    """What stands between the marks of that name."""
    printed = re.search(rf"<!-- {name} -->\n(.*)<!-- /{name} -->", page.read_text(), flags=re.DOTALL)
    assert printed is not None, name
    return printed[1].strip()


@pytest.mark.parametrize(("page", "stream"), [(PAGES[0], "permuted-mnist"), (BENCHMARKS, "split-mnist")], ids=str)
def test_the_table_of_results_is_the_report_of_the_committed_runs(page, stream):
    assert marked("results", page) == report([RESULTS / stream], "md").strip()


def test_the_page_of_equal_budgets_is_what_is_printed_of_its_records(monkeypatch):
    monkeypatch.chdir(ROOT)
    for name, words in (
        ("table", ["report", "benchmarks/budgets/split-mnist", "--format", "md"]),
        ("searches", ["sweep", "compare", "benchmarks/budgets", "--format", "md"]),
    ):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        assert marked(name, ROOT / "benchmarks" / "budgets" / "README.md") == done.stdout.strip()


def test_what_the_printed_tables_imply_is_what_is_printed_of_them():
    done = CliRunner().invoke(benchmarks, ["printed"])
    assert marked("printed", ROOT / "benchmarks" / "paper" / "README.md") == done.stdout.strip()


def test_what_stands_beside_the_paper_is_what_reproduce_prints():
    done = CliRunner().invoke(app, ["reproduce", "table1", "table2", "--out", str(RESULTS)])
    blocks = re.split(r"(?m)^(?=##+ )", done.stdout)
    shown = [b.strip() for b in blocks if re.match(r"### .*(: ACC \(%\) beside|the paper's claims)", b)]
    assert len(shown) == 4
    assert marked("paper", BENCHMARKS) == "\n\n".join(shown)


REPRODUCED = (  # commands of benchmarks/README.md that the tests around this run
    "clbench reproduce table1 table2 --out benchmarks/results",
    "clbench reproduce table1 --preset paper --seeds 3 --out benchmarks/results/printed",
)
QUICK = ("table3", "fig3", "fig4", "fig5", "fig6", "fig8b", "fig8c", "fig11")  # shown at a size that fits a laptop
OWN = ("class-cifar10", "cgan-changes", "vae-changes", "critic")  # questions of ours
FIGURES = RESULTS / "figures"
FIGURE_PAGES: dict[
    str, tuple[Path, tuple[str, ...]]
] = {  # where the runs of a page lie, and the words that show them
    "fig7a": (RESULTS, ("fig7a",)),
    **{name: (FIGURES, (name,)) for name in ("fig7b", "fig7c", "fig8a")},
    "table4": (ROOT / "benchmarks" / "pruning", ("table4",)),
    **{name: (RESULTS, (name, "--preset", "quick")) for name in QUICK},
    **{name: (RESULTS, (f"benchmarks/{name}.yaml",)) for name in OWN},
}


@pytest.mark.parametrize("name", FIGURE_PAGES)
def test_the_page_of_a_figure_is_what_reproduce_prints(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    folder, words = FIGURE_PAGES[name]
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
    assert md.table(table(verdicts, figure.title)).strip() in (FIGURES / f"{name}.md").read_text()


def verdicts_on(name: str) -> list[bool | None]:
    """Those that stand on the page of a figure."""
    page = (FIGURES / f"{name}.md").read_text()
    found = re.findall(r"\| (holds|does not hold|undecided)(?: \(uncorrected\))? +\|", page)
    return [{"holds": True, "does not hold": False}.get(words) for words in found]


def test_the_page_of_results_counts_the_claims_that_hold():
    lines = []
    for name in ("fig7a", "fig7b", "fig7c", "fig8a", "fig9", "fig10", "table4"):
        title = (FIGURES / f"{name}.md").read_text().partition("\n")[0].removeprefix("## ")
        lines.append(f"- [{title}](results/figures/{name}.md): {counted(verdicts_on(name))}")
    assert marked("figures", BENCHMARKS) == "\n".join(lines)


def test_the_list_of_results_counts_the_claims_that_hold():
    listed = (RESULTS / "README.md").read_text()
    for name in (*QUICK, *OWN):
        assert f"(figures/{name}.md): {counted(verdicts_on(name))} |" in listed, name


def test_the_pruning_tables_are_from_the_report_of_the_committed_runs():
    tables = report([ROOT / "benchmarks" / "pruning"], "md").split("### ")
    shown = [tables[1], tables[2], tables[-1]]  # all measures; the paper's; the first round with more retraining
    assert marked("pruning", BENCHMARKS) == "".join(f"### {table}" for table in shown).strip()


def test_every_room_is_on_the_map():
    inside = sorted((ROOT / "clbench").glob("[a-z]*"))
    rooms = [f"`{path.name}/`" for path in inside if (path / "__init__.py").exists()]
    loose = [path.name for path in inside if path.suffix == ".py"]
    assert not [name for name in [*rooms, *(f"`{name}`" for name in loose)] if name not in README]
    assert set(loose) == {"errors.py", "metrics.py", "registry.py"}
