"""The colours of every picture, in files and on the page."""

# Paul Tol's muted scheme, safe for the colour-blind; its two light ones last, since they are faint on white.
COLOURS = ["#332288", "#CC6677", "#117733", "#AA4499", "#999933", "#882255", "#44AA99", "#88CCEE", "#DDCC77"]
