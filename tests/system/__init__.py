"""Whole machines: Debians of their own in which Hearth is installed, changed, cut off, removed."""
