"""What clbench promises, measured: speed beside a bare loop, forms of the seed axis, runs that are killed."""
