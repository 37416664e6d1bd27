"""What every test may count on."""

import sys

import pytest


@pytest.fixture(autouse=True)
def subnormal_numbers():
    """A run flushes them to zero for the whole process; hypothesis draws floats and needs them back."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
