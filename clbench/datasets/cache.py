"""Where what was decoded once is kept."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """A folder that may be deleted at any time: what it held is made again."""
    return Path(platformdirs.user_cache_dir("clbench")) / "decoded"
