"""Networks whose features images are compared by: Inception's, a LeNet trained on the same data."""
