"""One file a picture, drawn with matplotlib."""
