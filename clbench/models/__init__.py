"""What a network is trained for, one kind a file: base.py has what a kind says of itself, stacked.py the seeds."""
