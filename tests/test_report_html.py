"""The page: whole in one file, whatever a result file says is text on it, and it works in a real browser."""

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from command_line import ROOT
from command_line import clbench as run_clbench
from results_by_hand import JOINT3, R3, result, run, shifted
from test_pruning_report import study

from benchmarks import chromium
from clbench.report.compose import report
from clbench.report.write.page import charts
from clbench.results import save
from clbench.results.digests import key_of

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}--><!--</style>"
browser_needed = pytest.mark.skipif(chromium.FOUND is None, reason="no Chromium on this machine")


class Parts(HTMLParser):
    """Every tag with its attributes, and the text of scripts, styles and everything else."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "": []}
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.inside = tag if tag in self.texts else self.inside

    def handle_endtag(self, tag):
        self.inside = "" if tag == self.inside else self.inside

    def handle_data(self, data):
        self.texts[self.inside].append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts[""]).split())

    @property
    def charts(self):
        return json.loads(self.texts["script"][0])


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "runs"


def page(folder, *results, **more) -> str:
    for n, one in enumerate(results):
        save(one, folder / f"{n}.json")
    return report([folder], "html", **more)


def evil():
    runs = [run(0), run(1, R3[:2], status="failed", reason=EVIL)]
    stream = {"name": EVIL, "tasks": 3, "seed": 0}
    one = result(EVIL, runs=runs, stream=stream, strategy={EVIL: EVIL}, preset=EVIL, data={EVIL: EVIL})
    maker = {EVIL: EVIL, "plugins": {EVIL: EVIL}}
    one.makers |= {key_of(maker): maker}
    one.tasks, one.reason = [EVIL] * 3, EVIL
    return one


def test_whatever_a_result_says_is_text(folder):
    text = page(folder, evil(), study(dataset=EVIL))
    parts = Parts(text)
    assert [tag for tag, _ in parts.tags].count("script") == 2
    assert not [tag for tag, _ in parts.tags if tag in ("img", "iframe", "object", "form")]
    assert not [name for _, attributes in parts.tags for name in attributes if name.startswith("on")]
    assert EVIL in " ".join(parts.texts[""])
    assert EVIL in json.dumps(parts.charts).replace('\\"', '"')
    assert not [text for text in parts.texts["script"][:1] if "<" in text]
    assert "49" not in re.findall(r"\{\{ .*? \}\}", parts.words)


def test_the_page_asks_for_nothing(folder):
    parts = Parts(page(folder, evil(), study()))
    places = [attributes[name] for _, attributes in parts.tags for name in ("src", "href") if attributes.get(name)]
    assert places
    assert all(place.startswith("#") or place == "data:," for place in places)
    assert not re.search(r"@import|url\(", parts.texts["style"][0])
    (policy,) = [a["content"] for _, a in parts.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert not [a for _, a in parts.tags if "style" in a]  # which the policy would not obey


def test_the_page_holds_the_table_the_curves_and_the_matrices(folder):
    parts = Parts(page(folder, result("ewc", [R3, shifted(R3, 0.02)]), result("si"), result("joint", [JOINT3])))
    assert "76.00 ± 1.41" in parts.words
    assert "learns all tasks at once" in parts.words
    (curves,) = parts.charts["curves"]
    ewc, si, joint = curves["series"]
    assert (ewc["label"], ewc["mean"][-1], ewc["std"][-1]) == ("ewc", 7600, 141)
    assert (si["std"], joint["ceiling"]) == (None, True)
    assert ewc["mean"] == [9100, 7600, 7600]  # ACC after 1, 2, 3 tasks: .91, (.71+.81)/2, (.61+.71+.96)/3
    matrix, _, at_once = parts.charts["matrices"]
    assert matrix["mean"][2] == [7100, 8100, 6100]
    assert (at_once["stages"], at_once["std"]) == (["0", "all"], None)


def test_what_was_not_measured_is_null(folder):
    R = [[0.5, None, None], [0.9, None, None], [0.8, 0.9, None], [0.7, 0.8, 0.9]]
    parts = Parts(page(folder, result("ewc", [R, R])))
    assert parts.charts["matrices"][0]["mean"][1] == [9000, None, None]


def test_a_run_tells_its_command_its_configuration_and_why_a_seed_failed(folder):
    runs = [run(0), run(1, R3[:2], status="diverged", reason="loss is not finite", step=7)]
    words = Parts(page(folder, result("ewc", runs=runs, strategy={"lam": 1e-5}))).words
    assert re.search(r"clbench train --method ewc --stream split-toy .* --seeds 2 .*strategy\.lam=1\.0e-05", words)
    assert "loss is not finite (step 7)" in words
    assert "ab" * 32 in words
    assert "done, 1 of 2 seeds finished" in words
    assert "not safe to paste" in Parts(page(folder, result("ew\x1bc"))).words


def test_a_result_without_a_finished_seed_has_a_row_and_no_picture(folder):
    parts = Parts(page(folder, result("ewc", runs=[run(0, [], status="failed", reason="out of memory")])))
    assert "out of memory" in parts.words
    assert (parts.charts["curves"], parts.charts["matrices"]) == ([], [])


def test_pruning_studies_have_their_tables_curves_and_commands(folder):
    parts = Parts(page(folder, study(), study("mas")))
    assert "310550 ± 71" in parts.words
    assert [one["label"] for one in parts.charts["curves"][0]["series"]] == ["entropy", "mas"]
    assert parts.charts["curves"][0]["series"][0]["mean"][1] == 9877
    assert "clbench prune-lenet --seeds 2 --dataset mnist --importance entropy" in parts.words


def test_matrices_that_would_make_the_page_too_large_are_counted_instead(folder, monkeypatch):
    monkeypatch.setattr(charts, "MOST_NUMBERS", 2 * 12)
    parts = Parts(page(folder, result("ewc"), result("si")))
    assert [matrix["label"] for matrix in parts.charts["matrices"]] == ["ewc"]
    assert "1 more are left out" in parts.words


@pytest.fixture(scope="module")
def two_hundred(tmp_path_factory) -> str:
    """The page of five seeds of ten tasks, 200 times."""
    R = [[min(0.9, 0.05 * stage + 0.03 * task) for task in range(10)] for stage in range(11)]
    seeds = [shifted(R, 0.001 * seed) for seed in range(5)]
    every = (result("ewc", seeds, strategy={"lam": n}) for n in range(200))
    return page(tmp_path_factory.mktemp("many"), *every)


def test_a_page_of_two_hundred_runs_is_light(two_hundred):
    assert two_hundred.count('class="run"') == 200
    assert len(two_hundred) < 5e6


def test_a_page_is_written_whole_to_a_file(folder, tmp_path):
    text = page(folder, result())
    done = run_clbench("report", folder, "--format", "html", "--output", tmp_path / "new" / "page.html")
    assert (done.code, done.out, done.err) == (0, "", "")
    assert (tmp_path / "new" / "page.html").read_text("utf-8") == text
    assert "runs: cannot write" in run_clbench("report", folder, "-o", folder).line


def test_the_wheel_has_the_pages_parts():
    listed = subprocess.run(["git", "check-ignore", *(ROOT / "clbench/report/write/page").iterdir()], cwd=ROOT)
    assert listed.returncode == 1  # none ignored, and hatchling packs all of a package that git does not ignore
    assert {"page.html", "page.css", "start.js"} <= {
        p.name for p in (ROOT / "clbench/report/write/page").iterdir()
    }


@pytest.fixture(scope="module")
def browser():
    with chromium.Browser() as found:
        yield found


def opened(browser, tmp_path: Path, text: str, width: int) -> None:
    file = tmp_path / "page.html"
    file.write_text(text, "utf-8")
    browser.complaints.clear()
    browser.open(file, width)
    browser.painted()


@browser_needed
def test_in_a_browser_nothing_is_complained_of_and_nothing_of_a_result_runs(browser, tmp_path, folder):
    opened(browser, tmp_path, page(folder, evil(), study()), 1280)
    assert browser.complaints == []
    assert browser.value("document.querySelectorAll('main img').length") == 0
    assert browser.value("document.querySelectorAll('.curves svg').length") >= 1


@browser_needed
def test_a_page_that_asks_or_fails_is_complained_of(browser, tmp_path):
    """What the other tests rely on: that a fault is heard of."""
    faults = "<img src='http://127.0.0.1:9/x.png'><script>console.warn('hm'); undefined_name</script>"
    opened(browser, tmp_path, faults, 390)
    heard = "\n".join(browser.complaints)
    assert all(words in heard for words in ("asked for http://127.0.0.1:9/x.png", "hm", "undefined_name"))


@browser_needed
def test_a_head_sorts_by_numbers_with_the_keyboard(browser, tmp_path, folder):
    low, high = shifted(R3, -0.3), shifted(R3, 0.03)
    results = [
        result("ewc"),
        result("si", [low]),
        result("mas", [high]),
        result("hat", runs=[run(0, [], status="failed")]),
    ]
    opened(browser, tmp_path, page(folder, *results), 390)
    first = "[...document.querySelectorAll('.sortable tbody th')].map((cell) => cell.textContent)"
    assert browser.value(first) == ["ewc", "si", "mas", "hat"]
    browser.value("document.querySelectorAll('.sortable thead button')[1].focus()")
    browser.press("Enter")
    assert browser.value(first) == ["mas", "ewc", "si", "hat"]
    head = "document.querySelectorAll('.sortable thead th')[1].getAttribute('aria-sort')"
    assert browser.value(head) == "descending"
    browser.press("Enter")
    assert (browser.value(first), browser.value(head)) == (["si", "ewc", "mas", "hat"], "ascending")


@browser_needed
def test_arrow_keys_read_matrices_and_curves(browser, tmp_path, folder):
    opened(browser, tmp_path, page(folder, result("ewc", [R3, shifted(R3, 0.02)])), 1280)
    browser.value("document.querySelector('.matrix').scrollIntoView()")
    browser.painted()
    browser.value("document.querySelector('.matrix td[tabindex=\"0\"]').focus()")
    for key in ("ArrowDown", "ArrowDown", "ArrowRight"):
        browser.press(key)
    tip = "document.getElementById('tip').textContent"
    assert browser.value(tip) == "ewc\nafter 2 tasks, on task 2 (task 2): 81.00 ± 1.41 %"
    browser.press("Escape")
    assert browser.value("document.getElementById('tip').hidden") is True
    browser.value("document.querySelector('.curves svg').focus()")
    browser.press("End")
    assert browser.value(tip) == "after task 3 (%)\newc: 76.00 ± 1.41"


@browser_needed
def test_a_rows_name_leads_to_how_it_was_made(browser, tmp_path, folder):
    opened(browser, tmp_path, page(folder, result("ewc")), 390)
    browser.value("document.querySelector('.sortable tbody a').click()")
    browser.painted()
    assert browser.value(
        "document.querySelector('.run').open && document.querySelector('.run pre').offsetHeight > 0"
    )


@browser_needed
@pytest.mark.parametrize("width", [390, 1280])
def test_two_hundred_runs_can_be_used_and_are_never_wider_than_the_screen(browser, tmp_path, two_hundred, width):
    opened(browser, tmp_path, two_hundred, width)
    assert browser.value("performance.getEntriesByName('usable').length") == 1  # benchmarks/page.py says how soon
    assert browser.value("document.querySelectorAll('.matrix table').length") == 0  # drawn when they are looked at
    browser.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    browser.painted()
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.complaints == []
