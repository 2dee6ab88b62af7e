"""The appliance looks after itself.

`status` (what roles report), `operator_access` (who may ask), `checkup` (what is amiss, and what
to do about it).
"""
