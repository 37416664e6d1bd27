"""One architecture a file: a plain nn.Module for one seed, lifted over the seed axis in models/lift.py."""
