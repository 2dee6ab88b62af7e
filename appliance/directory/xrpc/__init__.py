"""What the operator may ask a directory.

- `internal_hearth_upkeep`: status
"""
