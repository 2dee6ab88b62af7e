"""Repositories as pure values: the Merkle search tree, its signed head, and the two joined.

- `mst_node`: one tree node, its canonical block and the checks a stranger's block must pass
- `mst`: the tree; immutable, so an older one stays whole while a newer one is made
- `commit`: the signed head
- `repo`: apply writes -> the next repo and its commit slice
- `proof`: check a commit slice by undoing its operations

https://atproto.com/specs/repository
"""
