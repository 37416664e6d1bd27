"""What a score costs: every method's mean over the bytes that it keeps and over its seconds."""

from __future__ import annotations

PAGE, HEIGHT = 6.8, 3.1  # inches
BEST, OTHER = "#332288", "#999999"
LEAST = 3  # methods, of fewer there is nothing to choose
NEAR_100 = (0, 50, 80, 90, 95, 97, 98, 99, 99.5, 99.8, 100)  # ticks of a stretched axis
