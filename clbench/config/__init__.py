"""Config, and where each of its values comes from: signatures, files, presets, flags. Imports no torch."""
