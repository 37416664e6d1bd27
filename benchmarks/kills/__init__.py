"""`python -m benchmarks kills`: runs that are killed at random moments end as those that were left alone."""
