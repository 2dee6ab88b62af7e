"""Ids only, straight from SQL: which posts or accounts a page shows, in order.

Every function takes a position and a limit and gives a Slice (see `slices`); hiding what blocks,
mutes and takedowns hide comes after. In reading order: `slices`, `timelines`, `authors`,
`threads`, `graphs`, `interactions`, `collections`, `notifications`, `queries` and `search`.
"""
