"""How far two sets of features are apart: FID, KID, precision and recall. Imports no torch."""
