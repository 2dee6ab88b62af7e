"""One module per family of records: how they become rows, and go away again.

Start with `record_index` (what a family provides) and `subjects` (interned URIs and their counts).
`pairs` is shared by likes, follows and blocks; `posts` uses `post_content` (pure) and `replies`
(threads), and both use `gates`. `likes_reposts`, `graph`, `lists`, `profiles` and `feeds` stand
alone.
"""
