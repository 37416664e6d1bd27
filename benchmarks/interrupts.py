"""Press Ctrl-C at random moments of a run, or twice: exit code 130, one line, no seed recorded as failed.

A third of the moments lie in the first second, in which a program imports. After each the same command goes on, in
the same folder, until it has ended once; the next one starts afresh.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.kills.survive import Say
from clbench import results
from clbench.errors import UserError
from clbench.run.interrupt import LINE

FIRST = 1.0  # seconds, of which a third of the moments are
TWICE = 0.5  # the share of tries with a second Ctrl-C
APART = 0.3  # seconds between the two, at most
ENDS = 20.0  # seconds in which a program must have ended


@dataclass(frozen=True)
class Try:
    """One Ctrl-C, or two: when, in seconds since the start, and what became of the program."""

    moment: float
    second: float | None
    code: int | None  # None: it went on
    printed: str
    faults: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        if early(self.code, self.printed):
            return f"ended in Python's own start, before clbench's first line, with {self.code}"
        return {130: "130 with its line", 0: "had ended before"}.get(self.code or 0, f"exit code {self.code}")

    def __str__(self) -> str:
        second = "" if self.second is None else f" and {self.second:.3f} s later"
        return f"at {self.moment:.3f} s{second}: {'; '.join(self.faults) or self.kind}"


def pressed(arguments: list[str], tries: int, seed: int, say: Say, folder: Path | None = None) -> list[Try]:
    """Every try, after saying a line about each."""
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="clbench-interrupts-") as temporary:
            return pressed(arguments, tries, seed, say, Path(temporary))
    whole, done = length(arguments, folder / "reference"), []
    say(f"left alone: {whole:.1f} s")
    for moment, second in moments(whole, tries, random.Random(seed)):
        done.append(one(arguments, folder / "cut", moment, second))
        say(str(done[-1]))
    final = subprocess.run(command(arguments, folder / "cut"), capture_output=True, text=True)
    if final.returncode or matrices(folder / "cut") != matrices(folder / "reference"):
        raise UserError(f"the run does not end as one left alone: {final.stderr.strip()}")
    return done


def moments(whole: float, tries: int, draw: random.Random) -> Iterator[tuple[float, float | None]]:
    for n in range(tries):
        moment = draw.uniform(0, whole) if n % 3 else FIRST * draw.random() ** 2  # the more, the earlier
        yield moment, draw.uniform(0, APART) if draw.random() < TWICE else None


def length(arguments: list[str], out: Path) -> float:
    begun = time.monotonic()
    run = subprocess.run(command(arguments, out), capture_output=True, text=True)
    if run.returncode:
        raise UserError(f"the run fails by itself: {run.stderr.strip()}")
    return time.monotonic() - begun


def command(arguments: list[str], out: Path) -> list[str]:
    return [sys.executable, "-m", "clbench", *arguments, "--out", str(out), "--quiet"]


def one(arguments: list[str], out: Path, moment: float, second: float | None) -> Try:
    force = ["--force"] if finished(out) else []
    process = started([*command(arguments, out), *force])
    for wait in (moment, second):
        if wait is not None:
            time.sleep(wait)
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)
    try:
        _, printed = process.communicate(timeout=ENDS)
        code: int | None = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        code, printed = None, process.communicate()[1]
    return Try(moment, second, code, printed, tuple(faults(code, printed, out)))


def started(words: list[str]) -> subprocess.Popen[str]:
    """With Ctrl-C as in a shell's foreground: what runs in the background ignores it, and so do its children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def faults(code: int | None, printed: str, out: Path) -> Iterator[str]:
    if code not in (130, 0) and not early(code, printed):
        yield f"exit code {code}: {printed.strip()[-300:]}"
    if code == 130 and printed != f"clbench: {LINE}\n":
        yield f"more than its line: {printed.strip()[-300:]}"
    if code == 0 and printed:
        yield f"a finished run printed {printed.strip()[-300:]}"
    for path in results.find([out]) if out.exists() else []:
        yield from (f"{path.name}: seed {r.seed} failed: {r.reason}" for r in results.load(path).runs if r.reason)


def early(code: int | None, printed: str) -> bool:
    """Whether Python was still starting, or importing what sees to Ctrl-C: nothing of clbench has run."""
    return code in (-signal.SIGINT, 1) and not any(words in printed for words in ("clbench: ", "clbench/cli/"))


def finished(out: Path) -> bool:
    return out.exists() and any(results.load(path).status == "done" for path in results.find([out]))


def matrices(out: Path) -> str:
    return json.dumps([[run.matrix for run in results.load(path).runs] for path in results.find([out])])


def table(tries: list[Try]) -> str:
    counts = Counter("; ".join(each.faults) or each.kind for each in tries)
    return "\n".join(f"{count:4} of {len(tries)}: {what}" for what, count in counts.most_common())
