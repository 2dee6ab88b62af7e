"""Backups: taken while the network runs, encrypted, proven by restoring them, and put back.

- `contents`: what a backup holds, gathered in one folder
- `engine`: restic, which encrypts and keeps it (https://restic.readthedocs.io)
- `take`: one backup, from beginning to end
- `restored`: a backup brought back into a folder and looked at whole
- `schedule`: the running network takes one each night and proves one each week
- `commands`: `hearth backup` and `hearth restore`
"""
