"""`clbench prune-lenet`: how far an importance measure lets LeNet shrink (paper, appendix B and table IV)."""
