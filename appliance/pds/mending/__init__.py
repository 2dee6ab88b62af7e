"""What is damaged on our own disk, and where the same bytes may be had again.

- `damage`: records and blobs that are not what their CID says, and what the signed tree names
- `places`: whoever may have the same bytes: our own logs and AppView, servers outside
- `mending`: all of it, for the doctor
"""
