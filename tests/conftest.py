"""What every test may count on."""

import os
import sys
import zlib
from datetime import date

import pytest

os.environ["CLBENCH_WORKERS"] = "1"  # a test that asks for no number waits for no process to start


@pytest.fixture(autouse=True)
def subnormal_numbers():
    """A run flushes them to zero for the whole process; hypothesis draws floats and needs them back."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_flush_denormal(False)


# -- long tests ---------------------------------------------------------------------------------------------------

DAYS = 4  # in which each long test has its turn


def pytest_addoption(parser):
    parser.addoption(
        "--long",
        default="all",
        metavar="DAY",
        help=f"which tests marked long run: all, or one of {DAYS} parts: that of today or of a date",
    )


def pytest_configure(config):
    if config.option.long == "today":
        config.option.long = date.today().isoformat()
    if config.option.long != "all":
        day_of(config)


def day_of(config) -> int:
    try:
        return date.fromisoformat(config.option.long).toordinal() % DAYS
    except ValueError as error:
        raise pytest.UsageError(f"--long takes all, today or a date, not {config.option.long!r}") from error


def turn(test: str) -> int:
    """The same on every machine; the cases of a parametrized test have turns of their own."""
    return zlib.crc32(test.encode()) % DAYS


def pytest_collection_modifyitems(config, items):
    if config.option.long == "all":
        return
    day = day_of(config)
    now, later = [], []
    for item in items:
        waits = item.get_closest_marker("long") and turn(item.nodeid) != day
        (later if waits else now).append(item)
    config.hook.pytest_deselected(items=later)
    items[:] = now


def pytest_report_header(config):
    which = config.option.long
    return "long tests: all" if which == "all" else f"long tests: those of {which}; --long all runs every one"
