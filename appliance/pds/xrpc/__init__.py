"""The methods of the PDS, one file per namespace; a large namespace is split by a suffix.

`auth` says who is calling, `availability` which repos they may read, `fallback` passes on what is
not served here.
"""
