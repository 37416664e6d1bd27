"""A headless Chromium, the installed one, driven by Playwright: what a page logs, answers and looks like."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

FOUND = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
FLAGS = ["--disable-gpu", "--disable-dev-shm-usage"]


class Browser:
    """One page at a time. `complaints`: errors and warnings of its console, and what it asked for elsewhere."""

    def __init__(self) -> None:
        from playwright.sync_api import sync_playwright  # of the extra for tests

        self.playwright = sync_playwright().start()
        self.browser = self.playwright.chromium.launch(
            executable_path=FOUND, args=FLAGS, chromium_sandbox=False, headless=True
        )
        self.complaints: list[str] = []

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.browser.close()
        self.playwright.stop()

    def open(self, page: Path, width: int, height: int = 900) -> None:
        """Load a file and wait until its load event; width and height in CSS pixels."""
        for context in self.browser.contexts:
            context.close()
        screen: Any = {"width": width, "height": height}
        self.page = self.browser.new_context(viewport=screen, is_mobile=width < 600).new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda line: self.complain(line.type in ("error", "warning", "assert"), line.text))
        self.page.on("request", lambda asked: self.complain(not is_here(asked.url), f"asked for {asked.url}"))
        self.page.on("requestfailed", lambda asked: self.complain(True, f"did not load {asked.url}"))
        self.page.goto(page.as_uri())

    def complain(self, bad: bool, words: str) -> None:
        if bad:
            self.complaints.append(words)

    def value(self, script: str) -> Any:
        """What a JavaScript expression gives, awaited."""
        return self.page.evaluate(script)

    def painted(self) -> None:
        """Two frames later: observers have been told what is in view, and have drawn it."""
        frame = (
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"
        )
        self.value(frame)

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def picture(self, path: Path, whole: bool = False) -> None:
        self.page.screenshot(path=path, full_page=whole)


def is_here(url: str) -> bool:
    return url.startswith(("file:", "data:", "about:"))
