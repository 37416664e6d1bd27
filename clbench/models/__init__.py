"""What a network is trained for. A model holds the stacked parameters and says loss, score and likelihood."""
