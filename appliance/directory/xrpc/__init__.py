"""What the operator may ask a directory.

- `auth`: the operator's token
- `internal_hearth_upkeep`: status
"""
