"""Moving accounts: into a folder, out of one, from another server to here, from here to another.

`journal` says what is done, `folder` holds what was taken. `taking` fills a folder from a server,
`giving` fills a server from a folder, `identity` changes where the DID points; `courses` put them
in order, `doors` open the servers, `command` is what the command line gives. Servers are spoken to
as any app would.
"""
