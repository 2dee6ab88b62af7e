"""The personal data server: accounts and their repos.

The whole: `role` (the parts, built once), `app` (its HTTP side), `xrpc` (the methods).

People: `accounts`, `signup` and `lifecycle` (opened, deactivated, taken down, deleted),
`credentials`, `sessions`, `app_passwords`, `invites`, `email_tokens` with `letters` and `mailer`,
`preferences`, `reports`. Identity: `handles`, `identities`, `signing_keys`.

Repos: `writes` (what is asked, checked), `repos` (the only writer), `records`, `blobs` with
`blob_files`, `exports`, `transfer` (a repo that moves in), `takedowns`.

Others: `proxy` (what is not ours), `crawl_requests` (telling relays).
"""
