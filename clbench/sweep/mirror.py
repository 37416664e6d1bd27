"""--out as a URL: a folder of the cache stands for it, and what is written there is copied to it (fsspec)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import platformdirs

from clbench.errors import MachineFault, UserError
from clbench.results.atomic import write_whole


def is_url(out: str) -> bool:
    return "://" in out


class Mirror:
    """A folder at a URL and its copy here. JSON alone is copied: checkpoints stay where they are made."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.copied: dict[str, int] = {}  # file -> when what was copied last had been written
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        self.folder = Path(platformdirs.user_cache_dir("clbench")) / "mirrors" / name
        try:
            self.fs, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise UserError(f"--out {url}: {' '.join(str(error).split())}") from None

    def pull(self) -> None:
        """What is there already, so that finished trials are not run again."""
        with refused(self.url):
            for remote in self.fs.find(self.root):
                if remote.endswith(".json"):
                    local = self.folder / remote.removeprefix(self.root).lstrip("/")
                    write_whole(local, self.fs.cat_file(remote))

    def push(self, *_: Any) -> None:
        """Copy every JSON file that is new or has changed since it was copied."""
        with refused(self.url):
            for local in sorted(self.folder.rglob("*.json")):
                written, name = local.stat().st_mtime_ns, local.relative_to(self.folder).as_posix()
                if self.copied.get(name) != written:
                    remote = f"{self.root.rstrip('/')}/{name}"
                    self.fs.makedirs(remote.rpartition("/")[0], exist_ok=True)
                    self.fs.pipe_file(remote, local.read_bytes())
                    self.copied[name] = written


@contextmanager
def refused(url: str) -> Iterator[None]:
    """Whatever a file system of any kind raises is one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise MachineFault(f"--out {url}: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from None
