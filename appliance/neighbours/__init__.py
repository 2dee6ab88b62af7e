"""Other Hearths nearby: they are seen, paired by a code on both screens, and followed directly.

- `keys`: who this house is: a key, its certificate, and what only two houses know of each other
- `pairing`: two owners compare six digits; nothing but states and arithmetic
- `store`: the paired ones, and the identities of their members
- `line`, `passing`: the one way to a paired house, and what goes over it
- `announce`, `sightings`: multicast DNS: we tell, and we listen
- `introductions`, `company`: what happens by itself until a pair is made, and after
- `peer_app`: what a neighbour may ask of us; `gates`: what our roles may ask of a neighbour
"""
