"""`hearth feed`: the feeds that this network offers, in words."""
