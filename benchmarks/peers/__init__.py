"""clbench beside programs that can be installed: the same weights and batches, their own code."""
