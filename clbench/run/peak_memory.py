"""The largest memory while one run is trained, whatever the process did before."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import torch

OF_PROCESS = Path("/proc/self")  # Linux alone lets a process begin its peak anew


class Peak:
    """Bytes since it was made: torch's allocations on a GPU, else the resident memory of the process."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.begun = device, device.type == "cuda"
        if self.begun:
            torch.cuda.reset_peak_memory_stats(device)
        else:
            with contextlib.suppress(OSError):
                (OF_PROCESS / "clear_refs").write_text("5")  # VmHWM is VmRSS again; see proc(5)
                self.begun = True

    def bytes(self) -> int | None:
        """None where the peak is that of everything since the process began."""
        if not self.begun:
            return None
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        with contextlib.suppress(OSError):
            if found := re.search(r"VmHWM:\s*(\d+) kB", (OF_PROCESS / "status").read_text()):
                return int(found[1]) * 1024
        return None
