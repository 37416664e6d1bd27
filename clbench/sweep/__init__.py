"""`clbench sweep`: many trials, chosen on validation data alone; the winner is trained anew and tested once."""
