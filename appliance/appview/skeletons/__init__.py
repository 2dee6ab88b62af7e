"""skeletons."""
