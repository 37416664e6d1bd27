"""Ctrl-C ends the program with one line and exit code 130, whenever it comes: in imports, at work, twice.

Python raises KeyboardInterrupt wherever it stands. An import may take it for its own failure, and what is called
from C drops it. So a program that imports is left at once: what is on the disk is then as a kill leaves it, whole.
Elsewhere it is raised, and raised again where it went lost; while it ends the program, no other is.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # see clbench/__init__.py
if TYPE_CHECKING:
    from typing import Any

LINE = "interrupted; what was finished is kept, the same command goes on from there"
AGAIN = 0.2  # seconds after which one that went lost is raised again
WATCHED = hasattr(signal, "setitimer")

came = False  # whether anybody pressed it in this process


def begin() -> None:
    """From here on, in the main thread; not where Ctrl-C is ignored, as it is in the background of a shell."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    sys.unraisablehook = _quiet
    if WATCHED:
        signal.signal(signal.SIGALRM, _on_signal)
    signal.signal(signal.SIGINT, _on_signal)


def end() -> None:
    """The program has its last word to say: it says that undisturbed."""
    if signal.getsignal(signal.SIGINT) is _on_signal:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if WATCHED:
            signal.setitimer(signal.ITIMER_REAL, 0)


def leave() -> None:
    """Where it came, with 130: one that Python met in an eval() it takes for unhandled, whatever came of it."""
    if came:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(130)


def behind(error: BaseException | None) -> bool:
    """Whether an error is a Ctrl-C, or what became of one."""
    return came or _among(error)


def _on_signal(number: int, frame: Any) -> None:
    global came
    came = True
    if WATCHED:
        signal.setitimer(signal.ITIMER_REAL, AGAIN)
    if _importing(frame):
        _leave()
    if not _among(sys.exc_info()[1]):
        raise KeyboardInterrupt


def _among(error: BaseException | None) -> bool:
    """Whether it, its cause or what it was raised in is a KeyboardInterrupt."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _importing(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _leave() -> None:
    """Workers end with it, those too that still import; a terminal has its cursor back."""
    if processes := sys.modules.get("multiprocessing"):
        for worker in processes.active_children():
            worker.kill()
    shown = "\r\x1b[?25h" if os.isatty(2) else ""
    os.write(2, f"{shown}clbench: {LINE}\n".encode())
    os._exit(130)


def _quiet(lost: Any) -> None:
    if not isinstance(lost.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
