"""What makes a stage of a run: this program, torch, the device, and the plugins that its configuration uses."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from clbench import __version__
from clbench.results import AnyResult

Maker = dict[str, Any]
DECIDING = ("clbench", "torch", "device", "device_name", "instructions")  # a number's last digits


def made_here(threads: int, device: torch.device, plugins: dict[str, str]) -> Maker:
    """What this process is. plugins: file name -> sha256 of those that are used."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "clbench": __version__,
        "commit": commit(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "device": device.type,
        "device_name": name,
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "plugins": plugins,
    }


@functools.cache
def processor() -> str:
    """Its model where the system tells it, else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def made_elsewhere(makers: Iterable[Maker], here: Maker) -> str | None:
    """`torch 2.9.0 (here 2.10.0), device cuda (here cpu)`: what decides digits and is not as here; None: nothing.

    What a maker of an older version does not tell is not compared.
    """
    differing = dict.fromkeys(
        f"{name.replace('_', ' ')} {maker[name]} (here {here[name]})"
        for maker in makers
        for name in DECIDING
        if maker.get(name) not in (None, "", here[name], platform.machine())
    )
    return ", ".join(differing) or None


@functools.cache
def commit() -> str | None:
    """The commit of the source tree this program runs from, '+' if it was changed; None where it is installed.

    As it was at the first call: what is imported does not change with the tree.
    """
    here = Path(__file__).parent.parent
    if not (here.parent / ".git").exists():
        return None
    git = ["git", "--no-optional-locks", "-C", str(here)]  # a killed run leaves no lock in the index
    try:
        head = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "."], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return head + ("+" if changed.stdout.strip() else "")


def other_code(result: AnyResult, plugins: dict[str, str]) -> str | None:
    """How the code that a configuration uses differs from what made stages of its result; None where it does not.

    A plugin counts where the configuration uses it: where it registered, or defines, the method, stream, data set,
    network or model that is named. What else was given with --plugin is no matter, nor what a file is called.
    """
    for key in dict.fromkeys(key for run in result.runs for key in run.made_by):
        made = result.makers[key].get("plugins", {})
        for name, sha256 in plugins.items():
            if sha256 not in made.values():
                then = f"sha256 {made[name][:12]}.. then" if name in made else "which was not there then"
                return f"was made with other code than that of {name} ({then}, {sha256[:12]}.. now)"
    return None
