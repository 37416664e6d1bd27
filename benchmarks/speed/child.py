"""python -I -S child.py FOLDER COMMAND...: run a command, print its seconds and its peak of memory as JSON.

A process of its own, without any import of a library: the system counts the memory of whoever starts a process in
that process's peak. What the command says goes to FOLDER/out and FOLDER/err.
"""

import json
import os
import sys
import time


def main(folder: str, *command: str) -> None:
    """User and system seconds are those of the command and of all processes that it has waited for."""
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    files = [(os.POSIX_SPAWN_OPEN, n, f"{folder}/{name}", writing, 0o644) for n, name in ((1, "out"), (2, "err"))]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=files)
    _, status, usage = os.wait4(process, 0)
    wall = time.perf_counter() - start
    peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    found = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": peak}
    print(json.dumps({**found, "code": os.waitstatus_to_exitcode(status)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
