"""No defaults file of a user's, one thread, and the digits read once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import tiny
import torch


@pytest.fixture(autouse=True)
def alike_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch.set_num_threads(1)
    monkeypatch.setattr("clbench.defaults.default_files", list)
    monkeypatch.setattr("clbench.learning.load", lambda name, *args, **options: tiny.digits())
    yield
    torch.set_flush_denormal(False)  # Machine.prepare sets it for the process; hypothesis minds
