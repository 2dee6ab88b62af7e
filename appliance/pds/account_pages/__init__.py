"""The pages on which members look after their own accounts, under /account.

- door: which page is where and who may see it; visit: one request, as pages see it
- entrance: sign in, prove anew, sign out; home: the overview
- profile, secrets, second_steps, apps, recovery, own_data, leaving: a page each
- archive: everything an account has, as one ZIP file that is made while it is sent

A page asks the parts of the PDS, as XRPC methods do. What touches the account itself is shown
only to who proved anew, within ten minutes, who they are.
"""
