"""python -m clbench."""

from clbench.cli import main

main()
