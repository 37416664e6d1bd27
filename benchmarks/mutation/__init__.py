"""`python -m benchmarks mutation`: changes to the code that tests should see."""
