"""From a Config to a result file: what is trained, where, in which order, and what survives a kill."""
