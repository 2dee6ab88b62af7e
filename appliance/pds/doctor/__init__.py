"""What only the PDS can look into of itself: the way in, its accounts' identities, and its mail.

- `public_place`: where strangers find this server
- `mirror`: shows whoever comes by the public name what arrived of their request
- `dns_checks`, `hop`, `tls_checks`, `proxy_checks`, `clock_checks`: one step of the way in each
- `pinned`: a client for our own door, whatever certificate it shows
- `reach`: these steps, in their order
- `identity_checks`: does each identity lead here, and did anybody else change it?
- `identity_rounds`: all of them
- `mail_checks`: could mail be sent? Name, connection, encryption, login, sender, recipient apart
- `pds/mending`: what is damaged on the disk, and where it can be had again
- `doctor`: all of it, for `internal.hearth.pds.examine`
"""
