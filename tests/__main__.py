"""The one check command, `python -m tests`: format check, lint, types, tests. CI runs the same.

Of the tests marked long each has its turn every fourth day; `python -m tests --long all` runs every one.
"""

import os
import subprocess
import sys
from pathlib import Path

CHECKS = (
    ["ruff", "format", "--check", "."],
    ["ruff", "check", "."],
    ["mypy"],
    ["pytest", "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--long", "today", *sys.argv[1:]],
)


def main() -> int:
    root = Path(__file__).parent.parent
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # two processes of tests on two cores
    failed = []
    for check in CHECKS:
        print("$ " + " ".join(check), flush=True)
        if subprocess.run([sys.executable, "-m", *check], cwd=root, env=environment).returncode:
            failed.append(check[0])
    print("failed: " + ", ".join(failed) if failed else "all checks passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
