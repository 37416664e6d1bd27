"""`python -m clbench.cli.index` writes the index of what is registered, clbench/config/index.json, anew."""

from __future__ import annotations

import json

from clbench.cli.catalogue import measured_at_length, metrics
from clbench.config.index import FILE, Raw, sources
from clbench.registry import INDEXED, strategies
from clbench.results.atomic import write_whole


def built() -> Raw:
    """What the file should hold; of this package alone."""
    kinds: Raw = {}
    for registry in INDEXED:
        registry.fill()
        own = [name for name in registry if registry[name].__module__.startswith("clbench.")]
        kinds[registry.kind] = {name: registry.described(name).encoded() for name in own}
    kinds["at length"] = {name: measured_at_length(name) for name in kinds[strategies.kind]}
    kinds["metrics"] = metrics()
    return {"written by": "python -m clbench.cli.index", "sources": sources(), "kinds": kinds}


if __name__ == "__main__":
    write_whole(FILE, (json.dumps(built(), indent=1, ensure_ascii=False) + "\n").encode())
