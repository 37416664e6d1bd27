"""One stream a file: which images make which task. assemble.py makes a Stream of what they return."""
