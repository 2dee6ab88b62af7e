"""xrpc."""
