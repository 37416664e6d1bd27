"""`clbench fid`: how far two sets of images are apart, wherever they lie."""
