"""A cache of the test's own, and LeNets of a second."""

import pytest
from embedded_digits import QUICK

from clbench.models.features import lenet


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where the commands keep what they made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "clbench" / "fid"


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(lenet, "GREY", QUICK)
    monkeypatch.setattr(lenet, "COLOUR", QUICK)
