"""clbench, a benchmark for continual learning. From Python: `train`, `load`, `load_all`, `table`.

`import clbench` is cheap: what a name needs is imported when it is first used, torch when something is trained.
"""

from __future__ import annotations

from importlib import import_module

from clbench.errors import UserError

TYPE_CHECKING = False  # typing's own takes as long to import as Python to start, and Ctrl-C is not seen to by then
if TYPE_CHECKING:
    from typing import Any

    from clbench.report.view import View as View
    from clbench.results.result import Result as Result
    from clbench.run.api import load as load
    from clbench.run.api import load_all as load_all
    from clbench.run.api import table as table
    from clbench.run.api import train as train

__version__ = "0.1.0"
__all__ = ["Result", "UserError", "View", "__version__", "load", "load_all", "table", "train"]

HOMES = {"Result": "clbench.results.result", "View": "clbench.report.view"}
HOMES |= dict.fromkeys(("load", "load_all", "table", "train"), "clbench.run.api")


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *HOMES})
