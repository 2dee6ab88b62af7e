"""The appliance looks after itself: `status` (what roles report), `checkup` (what is amiss)."""
