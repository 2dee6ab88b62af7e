"""appview."""
