"""A web client, served from its own origin, for a network that may have no internet.

What is served is the static export of somebody else's client: a folder. Such clients hold the
addresses of one company's services; here they are replaced by our own (`addresses`), once, in a
copy that is kept ready to be sent (`edition`). What those services would have answered is
answered here, as far as it is true here (`stand_ins`); reads of somebody who has not signed in
are passed to the AppView (`reads`). Whoever signs in talks to the PDS, not to this.
"""
