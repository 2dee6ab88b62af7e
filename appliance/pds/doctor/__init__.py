"""What only the PDS can look into of itself: its accounts' identities, and its mail.

- `identity_checks`: does each identity lead here, and did anybody else change it?
- `mail_checks`: could mail be sent? Name, connection, encryption, login, sender apart
- `doctor`: both, for `internal.hearth.pds.examine`
"""
