"""`clbench reproduce`: the paper's tables and figures, each from one committed configuration."""
