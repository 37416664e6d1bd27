"""The command line: a command reads options, calls one function, prints. No torch is imported at the top."""

from clbench.cli.entry import app, main

__all__ = ["app", "main"]
