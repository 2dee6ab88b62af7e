"""What can go wrong when an identity is looked up or changed.

- IdentityNotFound: it does not exist, or is malformed at its source
    - DidNotFound (also DocumentUnreadable), HandleNotFound
- IdentityUnreachable: nobody who would know answers; try again later
- InvalidOperation: a did:plc operation is malformed, or may not be applied
    - OperationRefused: the directory says so
"""

from typing import Final


class IdentityNotFound(LookupError):
    """There is no such identity."""

    xrpc_name = "DidNotFound"


class DidNotFound(IdentityNotFound):
    """The DID has no usable document, or was tombstoned."""

    xrpc_name = "DidNotFound"


class DocumentUnreadable(DidNotFound):
    """Something is where the document should be, but none that can be read."""


class HandleNotFound(IdentityNotFound):
    """The handle leads to no DID."""

    xrpc_name = "HandleNotFound"


class IdentityUnreachable(ConnectionError):
    """The source of an identity gives no usable answer at the moment."""

    xrpc_name: Final = "UpstreamFailure"


class InvalidOperation(ValueError):
    """A did:plc operation is malformed, or may not be applied."""

    xrpc_name: Final = "InvalidRequest"


class OperationRefused(InvalidOperation):
    """The directory did not take an operation; the text is the directory's reason."""
