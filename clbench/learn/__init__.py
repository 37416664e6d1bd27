"""What happens to weights: THE loop, its batches and optimisers, and what methods measure, prune and remember."""
