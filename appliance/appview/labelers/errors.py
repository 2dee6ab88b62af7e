"""What can go wrong with labelers."""


class NoLabeler(ConnectionError):
    """A DID names no labeler that could be asked."""

    xrpc_name = "UpstreamFailure"
