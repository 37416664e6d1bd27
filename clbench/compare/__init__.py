"""`clbench compare` and `clbench check`: is what a method reaches today worse than what it reached before."""
