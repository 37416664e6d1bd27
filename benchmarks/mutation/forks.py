"""A process that has imported torch, but nothing of clbench, and forks for each run of pytest.

`python forks.py` in a copy of the tree reads lines of pytest's arguments in JSON; to each it writes a line with
the exit code (null: no end within the limit) and what was printed. Importing torch takes longer than most mutants
live.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time

LIMIT = 400  # seconds; tests that take longer hang
PRELOADED = (
    "torch",
    "torchvision",
    "numpy",
    "scipy.stats",
    "sklearn",
    "matplotlib.pyplot",
    "hypothesis",
    "pydantic",
)


def pytest_in_a_fork(arguments: list[str]) -> tuple[int | None, str]:
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if not child:
            os.setsid()
            os.dup2(printed.fileno(), 1)
            os.dup2(printed.fileno(), 2)
            import pytest

            os._exit(int(pytest.main(arguments)))
        code = ended(child)
        printed.seek(0)
        return code, printed.read()


def ended(child: int) -> int | None:
    """Its exit code; None where it had to be killed, with all that it started."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


if __name__ == "__main__":
    for module in PRELOADED:
        __import__(module)
    for line in sys.stdin:
        print(json.dumps(pytest_in_a_fork(json.loads(line))), flush=True)
