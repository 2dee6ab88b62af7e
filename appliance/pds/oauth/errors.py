"""What an app is told when it is not let in: the error codes of OAuth."""


class OAuthError(ValueError):
    """A refusal; `error` is its code in OAuth, for programs."""

    xrpc_name = "InvalidRequest"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class DpopRefused(OAuthError):
    """The proof of the key is missing, damaged, for something else, or was here before."""

    xrpc_name = "InvalidToken"

    def __init__(self, description: str) -> None:
        super().__init__("invalid_dpop_proof", description)


class NonceWanted(OAuthError):
    """The proof lacks a fresh nonce of ours; its maker should try again with the newest."""

    xrpc_name = "use_dpop_nonce"

    def __init__(self) -> None:
        super().__init__("use_dpop_nonce", "The proof needs the server's current nonce")


class InvalidGrant(OAuthError):
    """A code or refresh token that is unknown, used up, too old, or somebody else's."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_grant", description)


class InvalidClient(OAuthError):
    """The client did not prove that it is the one it says."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", description)


class InvalidClientMetadata(OAuthError):
    """What a client says of itself breaks the rules of the profile."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client_metadata", description)


class ClientUnreachable(InvalidClientMetadata):
    """What a client says of itself cannot be fetched now."""


class InvalidToken(OAuthError):
    """An access token that is not ours, too old, revoked, or bound to another key."""

    xrpc_name = "InvalidToken"

    def __init__(self, description: str) -> None:
        super().__init__("invalid_token", description)
