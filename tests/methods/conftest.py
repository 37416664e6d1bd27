"""No defaults file of a user's, one thread, and the digits read once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
import torch


@pytest.fixture(autouse=True)
def alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.set_num_threads(1)
    monkeypatch.setattr("clbench.config.defaults.default_files", list)
    monkeypatch.setattr("clbench.run.train.load", lambda name, *args, **options: tiny.digits())
    yield
    torch.set_flush_denormal(False)  # Machine.prepare sets it for the process; hypothesis minds


@pytest.fixture
def lenets_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """LeNets that read digits are kept from test to test; pictures lie in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path_factory.getbasetemp() / "fid"
    monkeypatch.setattr("clbench.models.generator.cache_folder", lambda kind: folder)
