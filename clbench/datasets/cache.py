"""Where what was decoded, trained or measured once is kept."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def cache_folder(kind: str = "decoded") -> Path:
    """A folder that may be deleted at any time: what it held is made again. kind: decoded, or fid."""
    return Path(platformdirs.user_cache_dir("clbench")) / kind
