"""clbench: a command-line benchmark for continual learning."""

__version__ = "0.1.0"
