"""The panel: the owner's pages, over XRPC.

It has no powers of its own over accounts: it is an XRPC client that holds the operator token.
What is its own are the owner's password, the sessions of the panel, and the settings file.

Reading order:
- `owner`: the file that says whose network this is
- `throttle`, `claim`, `session`: who may come in, and how
- `clients`: the local roles, as the operator sees them
- `people`: members, invites and mail, over the PDS
- `wards`: who is looked after, over the PDS
- `hosts`: whom the relay follows, over the relay
- `network`: who sees us, bans, what was not passed on; over the relay
- `offers`: feeds and labels, over AppView and labeler
- `figures`, `overview`: how everything is doing
- `checkup`: what the doctor finds, and how far he is
- `settings_desk`: the settings the wizard may change
- `strings`: every word a person reads
- `panel`: the parts above, built once
- `guard`, `visit`: what each request has to pass, and what a page is given
- `pages/`: one module for each group of pages
- `app`: which page is where
"""
