"""How large the page of many runs is, and how soon it can be used in a real browser."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from tabulate import tabulate

from benchmarks.chromium import FOUND, Browser
from clbench.errors import UserError
from clbench.report.compose import report
from clbench.results import digest, load, save

USABLE = "performance.getEntriesByName('usable')[0].startTime"  # start.js marks it when all has been set up
WIDTHS = (1280, 390)  # CSS pixels


def measured(result: Path, runs: list[int], repeats: int) -> list[dict[str, Any]]:
    """Of pages of so many copies of one result, an option apart: bytes, and milliseconds as medians."""
    if FOUND is None:
        raise UserError("no Chromium on this machine; install chromium, or google-chrome, to measure the page")
    with (
        tempfile.TemporaryDirectory(prefix="clbench-page-") as folder,
        Browser() as browser,
    ):
        return [of_page(browser, page(result, count, Path(folder)), count, repeats) for count in runs]


def page(result: Path, count: int, folder: Path) -> Path:
    """The page of `count` results that differ in a strategy's option."""
    whole, copies = load(result), folder / str(count)
    for n in range(count):
        config = {**whole.config, "strategy": {**whole.config["strategy"], "lam": n}}
        save(replace(whole, config=config, digest=digest(config)), copies / f"{n}.json")
    file = folder / f"{count}.html"
    file.write_text(report([copies], "html"), "utf-8")
    return file


def of_page(browser: Browser, file: Path, count: int, repeats: int) -> dict[str, Any]:
    line: dict[str, Any] = {"runs": count, "bytes": file.stat().st_size}
    for width in WIDTHS:
        times = []
        for _ in range(repeats):
            browser.open(file, width)
            browser.painted()
            times.append(browser.value(USABLE))
        line[f"usable at {width} px (ms)"] = round(median(times))
    return {**line, "complaints": len(browser.complaints)}


def table(found: list[dict[str, Any]]) -> str:
    return tabulate(found, headers="keys", tablefmt="github")
