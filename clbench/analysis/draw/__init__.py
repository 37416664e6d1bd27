"""A FILE A PICTURE of an analysis, with one function `draw`: what the analysis gives it -> a figure."""
