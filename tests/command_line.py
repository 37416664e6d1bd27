"""The command line as a user meets it: in this process, since importing torch takes seconds."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from clbench import cli
from clbench.registry import REGISTRIES

ROOT = Path(__file__).parent.parent
SMALL = ("stream.limit=60", "train.epochs=1", "network.hidden=8", "stream.tasks=2")
TINY = [word for option in SMALL for word in ("--set", option)]


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that an error is: exit code 2 or 130, `clbench: ` in front, nothing on stdout."""
        lines = self.err.splitlines()
        assert self.code in (2, 130), self
        assert len(lines) == 1, self
        assert lines[0].startswith("clbench: "), self
        assert not self.out, self
        return lines[0]


def clbench(*words: str | Path) -> Ran:
    """`clbench WORDS`, through the entry point."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["clbench", *map(str, words)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
    return Ran(code, out.getvalue(), err.getvalue())


def train(out: Path, *words: str | Path) -> Ran:
    """A training of a second; what it takes can be set otherwise."""
    where = [] if "--out" in words else ["--out", out]
    return clbench("train", *where, *but_for(TINY, [str(word) for word in words]))


def but_for(words: list[str], more: list[str]) -> list[str]:
    """The words without the options that `more` gives anew: each is given once, --set once a name."""

    def name(option: str, value: str) -> str:
        return f"{option} {value.partition('=')[0]}" if option == "--set" else option

    again = {name(more[n], more[n + 1]) for n in range(len(more) - 1) if more[n].startswith("--")}
    kept, rest = [], list(words)
    while rest:
        option, value = rest[0], rest[1] if len(rest) > 1 else ""
        gone = option.startswith("--") and name(option, value) in again
        kept += [] if gone else [option]
        rest = rest[2:] if gone else rest[1:]
    return [*kept, *more]


def process(*words: str | Path, **more) -> subprocess.Popen[str]:
    """A real process, leader of its own group, as a shell makes one."""
    command = [sys.executable, "-m", "clbench", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment}
    # a shell that starts the tests in the background has them ignore Ctrl-C, which processes inherit
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, start_new_session=True, **{**pipes, **more})
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def plugins_forgotten():
    """Whatever a plugin registers inside is unknown again afterwards."""
    for registry in REGISTRIES:
        registry.fill()
    before = [dict(registry.entries) for registry in REGISTRIES]
    try:
        yield
    finally:
        for registry, entries in zip(REGISTRIES, before, strict=True):
            registry.entries = entries
        for name in [name for name in sys.modules if name.startswith("clbench_plugin_")]:
            del sys.modules[name]


def clbench_json(*words):
    ran = clbench(*words)
    assert (ran.code, ran.err) == (0, ""), ran
    return json.loads(ran.out)
