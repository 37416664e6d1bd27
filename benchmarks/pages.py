"""What stands on the pages of results is what commands print of the files beside them.

A page is text of ours with parts between marks, <!-- NAME --> .. <!-- /NAME -->, or all of it is printed. `stale`
names what is not as printed now; `write` puts it right. Pictures are not looked at: --plots of the same commands
draws them.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from typer.testing import CliRunner

from clbench.cli import app
from clbench.errors import UserError
from clbench.report.write import md
from clbench.reproduce.experiments import chosen
from clbench.reproduce.verdicts import counted, table
from clbench.results import load
from clbench.results.atomic import write_whole
from clbench.run.store import FINISHED

ROOT = Path(__file__).parent.parent
RESULTS, FIGURES = Path("benchmarks/results"), Path("benchmarks/results/figures")
TUNED = ("split-mnist", "permuted-mnist")  # whose searches have the same budget for all methods
README, BENCHMARKS = Path("README.md"), Path("benchmarks/README.md")
READINGS, SEARCHES = Path("benchmarks/readings/README.md"), RESULTS / "searches.md"
OTHER = Path("benchmarks/other-data")
SCENARIOS = Path("benchmarks/scenarios")
PERMUTED = (  # beside them an older search, of three epochs, which is nearer to what ANPyC's retraining shows
    "report",
    str(RESULTS / "permuted-mnist"),
    *("--beside", f"three epochs={RESULTS / 'three-epochs' / 'permuted-mnist'}"),
    *("--metrics", "mean,BWT,FWT,SMT,forward"),
)
ON_OTHERS = ("--beside", f"tuned on Fashion-MNIST={OTHER / 'split-mnist'}")
ON_MNIST = ("--beside", f"tuned on MNIST={RESULTS / 'split-mnist'}")
IN_SCENARIOS = (
    "report",
    *(str(folder / "split-mnist") for folder in (RESULTS, SCENARIOS)),
    "--across",
    "scenario",
)
PICTURE = re.compile(r"!\[.*\n?")

OF_TUNED = ("fig7a", "fig7b", "fig7c", "fig8a", "fig9", "fig10", "table4")  # listed in benchmarks/README.md
QUICK = ("table3", "fig3", "fig4", "fig5", "fig6", "fig8b", "fig8c", "fig11")  # shown at a size that fits a laptop
OWN = ("class-cifar10", "cgan-changes", "vae-changes", "critic")  # questions of ours
FROM_NUMBERS = ("fig9", "fig10")  # the checkpoints behind these are too large to commit


@dataclass(frozen=True)
class Reproduced:
    """What `clbench reproduce` is asked for."""

    names: tuple[str, ...]
    out: Path = RESULTS
    preset: str | None = None
    seeds: int | None = None

    def text(self) -> str:
        """What it prints; UserError where it would have to train first."""
        with contextlib.chdir(ROOT):
            for one in chosen(self.names):
                for experiment in one.experiments(self.preset, tuple(range(self.seeds or 0)), {}):
                    require_finished(self.out / experiment.config.path, experiment.config.seeds)
        return clbench(*self.words)

    @property
    def words(self) -> tuple[str, ...]:
        preset = ("--preset", self.preset) if self.preset else ()
        seeds = ("--seeds", str(self.seeds)) if self.seeds else ()
        return ("reproduce", *self.names, *preset, *seeds, "--out", str(self.out))


FIGURE_PAGES = {
    "fig7a": Reproduced(("fig7a",)),
    **{name: Reproduced((name,), FIGURES) for name in ("fig7b", "fig7c", "fig8a")},
    "table4": Reproduced(("table4",), Path("benchmarks/pruning")),
    **{name: Reproduced((name,), preset="quick") for name in QUICK},
    **{name: Reproduced((f"benchmarks/{name}.yaml",)) for name in OWN},
}
TABLES = Reproduced(("table1", "table2"))
AS_PRINTED = Reproduced(("table1",), RESULTS / "printed", "paper", 3)
REPRODUCED = (TABLES, AS_PRINTED, *FIGURE_PAGES.values())


@dataclass(frozen=True)
class Part:
    """A part of a page. renewed: the whole text of the page -> the same with this part as it is printed now."""

    page: Path
    name: str
    renewed: Callable[[str], str]

    def __str__(self) -> str:
        return f"{self.page}: {self.name}"


def clbench(*words: str) -> str:
    """What the command prints, run in the root of the project."""
    with contextlib.chdir(ROOT):
        done = CliRunner().invoke(app, words)
    if done.exit_code:
        said = done.output.strip().splitlines() or [str(done.exception)]
        raise UserError(f"clbench {' '.join(words)}: {said[-1]}")
    return done.stdout.strip()


def require_finished(path: Path, seeds: Sequence[int]) -> None:
    done = {run.seed for run in load(path).runs if run.status in FINISHED} if path.exists() else set()
    if left := sorted(set(seeds) - done):
        raise UserError(f"{path}: not trained: seeds {', '.join(map(str, left))}; a page is of finished results")


def between(mark: str, made: Callable[[], str], text: str) -> str:
    """The text with what is between the marks made anew."""
    pattern = re.compile(rf"(<!-- {mark} -->\n).*(\n<!-- /{mark} -->)", re.DOTALL)
    if not pattern.search(text):
        raise UserError(f"no marks <!-- {mark} --> and <!-- /{mark} -->")
    return pattern.sub(lambda found: found[1] + made().strip() + found[2], text)


def beside_the_paper() -> str:
    """Of tables I and II what is set beside the paper: numbers and claims."""
    blocks = re.split(r"(?m)^(?=##+ )", TABLES.text())
    found = [b.strip() for b in blocks if re.match(r"### .*(: ACC \(%\) beside|the paper's claims)", b)]
    if len(found) != 2 * len(TABLES.names):
        raise UserError(f"{' '.join(TABLES.words)}: not ACC and claims of each, but {len(found)} parts")
    return "\n\n".join(found)


def versus(folder: Path) -> str:
    """Of `clbench report --versus` the tables of ANPyC beside every other method."""
    blocks = re.split(r"(?m)^(?=### )", clbench("report", str(folder), "--versus", "anpyc", "--format", "md"))
    return "\n\n".join(b.strip() for b in blocks if "of anpyc beside every other" in b.partition("\n")[0])


def pruning() -> str:
    """All measures; the paper's; the first round with more retraining."""
    tables = clbench("report", "benchmarks/pruning", "--format", "md").split("### ")
    return "".join(f"### {each}" for each in (tables[1], tables[2], tables[-1]))


def figures() -> str:
    """A line a page: its title, and how many claims hold."""
    lines = []
    for name in OF_TUNED:
        title = (ROOT / FIGURES / f"{name}.md").read_text().partition("\n")[0].removeprefix("## ")
        lines.append(f"- [{title}](results/figures/{name}.md): {counted(verdicts_on(name))}")
    return "\n".join(lines)


def verdicts_on(name: str) -> list[bool | None]:
    """Those that stand on the page of a figure."""
    page = (ROOT / FIGURES / f"{name}.md").read_text()
    found = re.findall(r"\| (holds|does not hold|undecided)(?: \(uncorrected\))? +\|", page)
    return [{"holds": True, "does not hold": False}.get(words) for words in found]


def listed(text: str) -> str:
    """benchmarks/results/README.md with the number of claims that hold of every page that it lists."""
    for name in (*QUICK, *OWN):
        pattern = re.compile(rf"(\(figures/{name}\.md\): )[^|]*( \|)")
        if not pattern.search(text):
            raise UserError(f"benchmarks/results/README.md: {name} is not listed")
        text = pattern.sub(rf"\g<1>{counted(verdicts_on(name))}\g<2>", text)
    return text


def all_but_pictures(shown: Reproduced, text: str) -> str:
    """What reproduce prints, then the pictures that the page has."""
    pictures = "\n\n".join(line.strip() for line in PICTURE.findall(text))
    return "\n\n".join(filter(None, (shown.text(), pictures))) + "\n"


def claims_by_numbers(name: str, text: str) -> str:
    """The claims of a page, judged by the numbers of every seed that lie beside it."""
    [figure] = chosen([name])
    [numbers] = json.loads((ROOT / FIGURES / f"{name}.json").read_text())
    judged = table([claim.judged(numbers["lines"]) for claim in figure.claims], figure.title)
    here = re.compile(r"### [^\n]*: the paper's claims\n.*?(?=\n\n!\[|\n\n###|\Z)", re.DOTALL)
    if not here.search(text):
        raise UserError(f"{FIGURES / name}.md: there is no table of the paper's claims")
    return here.sub(lambda _: md.table(judged).strip(), text)


def part(page: Path, mark: str, made: Callable[[], str]) -> Part:
    return Part(page, mark, partial(between, mark, made))


def printed(page: Path, mark: str, *words: str) -> Part:
    return part(page, mark, partial(clbench, *words))


def parts() -> list[Part]:
    """Of all pages; lists of claims come after the pages that they count."""
    from benchmarks.printed import implied
    from benchmarks.printed import text as implications

    return [
        printed(README, "results", *PERMUTED, "--format", "md"),
        printed(BENCHMARKS, "results", "report", str(RESULTS / "split-mnist"), *ON_OTHERS, "--format", "md"),
        part(BENCHMARKS, "paper", beside_the_paper),
        part(BENCHMARKS, "pruning", pruning),
        *(part(BENCHMARKS, f"versus {stream}", partial(versus, RESULTS / stream)) for stream in TUNED),
        printed(
            SEARCHES, "searches", "sweep", "compare", *(str(RESULTS / name) for name in TUNED), "--format", "md"
        ),
        printed(READINGS, "table", "report", "benchmarks/readings/split-mnist", "--metrics", "mean,BWT,SMT"),
        printed(READINGS, "searches", "sweep", "compare", "benchmarks/readings", "--format", "md"),
        printed(OTHER / "README.md", "results", "report", str(OTHER / "split-mnist"), *ON_MNIST, "--format", "md"),
        printed(OTHER / "README.md", "searches", "sweep", "compare", str(OTHER), "--format", "md"),
        printed(SCENARIOS / "README.md", "results", *IN_SCENARIOS, "--format", "md"),
        printed(SCENARIOS / "README.md", "values", "report", str(SCENARIOS / "split-mnist"), "--format", "md"),
        part(SCENARIOS / "README.md", "versus", partial(versus, SCENARIOS / "split-mnist")),
        printed(SCENARIOS / "README.md", "searches", "sweep", "compare", str(SCENARIOS), "--format", "md"),
        part(Path("benchmarks/paper/README.md"), "printed", lambda: implications(implied())),
        Part(RESULTS / "printed" / "table1.md", "all", partial(all_but_pictures, AS_PRINTED)),
        *(Part(FIGURES / f"{n}.md", "all", partial(all_but_pictures, one)) for n, one in FIGURE_PAGES.items()),
        *(Part(FIGURES / f"{n}.md", "claims", partial(claims_by_numbers, n)) for n in FROM_NUMBERS),
        part(BENCHMARKS, "figures", figures),
        Part(RESULTS / "README.md", "claims that hold", listed),
    ]


def stale(found: Sequence[Part]) -> list[Part]:
    """What of these is not as it is printed now."""
    return [one for one in found if one.renewed(text := (ROOT / one.page).read_text()) != text]


def write(found: Sequence[Part]) -> list[Part]:
    """Put these right; what was not."""
    changed = []
    for one in found:
        before = (ROOT / one.page).read_text()
        if (after := one.renewed(before)) != before:
            write_whole(ROOT / one.page, after.encode())
            changed.append(one)
    return changed
