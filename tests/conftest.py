"""What every test may count on."""

import os
import sys

import pytest

os.environ["CLBENCH_WORKERS"] = "1"  # a test that asks for no number waits for no process to start


@pytest.fixture(autouse=True)
def subnormal_numbers():
    """A run flushes them to zero for the whole process; hypothesis draws floats and needs them back."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)
