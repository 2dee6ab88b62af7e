"""The pages: each function is given a `Visit` and answers it.

- `entrance`: claim the network, sign in, sign out
- `setup`: the wizard after the claim
- `home`: how everything is doing
- `people`: the list of members, and a new one
- `person`: one member, and what can be done for or against them
- `invites`, `mail`: codes that let people join, and letters that wait to be handed over
"""
