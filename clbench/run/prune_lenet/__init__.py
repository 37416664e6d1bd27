"""`clbench prune-lenet`: how far an importance measure lets LeNet shrink (paper, appendix B and table IV)."""

from clbench.run.prune_lenet.command import run
from clbench.run.prune_lenet.settings import Settings, resolve

__all__ = ["Settings", "resolve", "run"]
