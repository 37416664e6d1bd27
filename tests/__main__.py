"""The one check command, `python -m tests`: format check, lint, types, tests. CI runs the same."""

import subprocess
import sys
from pathlib import Path

CHECKS = (
    ["ruff", "format", "--check", "."],
    ["ruff", "check", "."],
    ["mypy"],
    ["pytest", *sys.argv[1:]],
)


def main() -> int:
    root = Path(__file__).parent.parent
    failed = []
    for check in CHECKS:
        print("$ " + " ".join(check), flush=True)
        if subprocess.run([sys.executable, "-m", *check], cwd=root).returncode:
            failed.append(check[0])
    print("failed: " + ", ".join(failed) if failed else "all checks passed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
