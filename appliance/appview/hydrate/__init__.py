"""Load, in bulk, what the ids of a skeleton need: one page, some ten indexed reads.

In reading order: `rows` are the shapes of what is loaded, `hydration` is the container views read
from, and the only place that says who and what is hidden; `actors`, `relations`, `posts`, `gates`,
`collections` and `labels` each load one family; `hydrator` decides what a page needs.
"""
