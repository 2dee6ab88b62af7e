"""The appliance looks after itself.

`status` and `metrics` (what roles report), `operator_access` (who may ask), `checkup` (what is
amiss, and what to do about it).
"""
