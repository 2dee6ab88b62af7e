"""The labeler's XRPC methods, a module for each namespace."""
