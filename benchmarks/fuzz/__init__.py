"""Damaged and hostile files: every reader of clbench refuses them in one line, or reads them, and never fails."""
