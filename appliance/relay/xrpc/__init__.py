"""The relay's XRPC methods, one file per namespace."""
