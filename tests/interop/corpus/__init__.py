"""Requests that ours and the reference must answer alike, by the lines of `pds-behaviours.md`."""
