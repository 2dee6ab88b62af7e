"""atproto."""
