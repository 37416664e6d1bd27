"""One file a format that documents are written in."""
