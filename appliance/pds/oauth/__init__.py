"""OAuth: what apps may do in a member's name, and how they come to it.

- permissions: all that one app may do; permissions_kinds: the kinds; permissions_syntax: the text
- permission_sets: the sets of permissions that lexicons publish, kept
- consent: what a member is asked, in plain words
"""
