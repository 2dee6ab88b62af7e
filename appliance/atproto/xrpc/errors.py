"""What an XRPC client may be told.

- XrpcError: status, name and message of an answer that is an error
    - InvalidRequest (400), InvalidToken (400), ExpiredToken (400)
    - AuthRequired (401), Forbidden (403), NotFound (404)
    - PayloadTooLarge (413), UnsupportedEncoding (415), RateLimitExceeded (429)
    - MethodNotImplemented (501), UpstreamFailure (502), ServiceUnavailable (503)

Errors of the domain are not of this tree: they carry a class attribute `xrpc_name`, and the server
answers them with that name.
"""

from collections.abc import Mapping
from typing import Final

# The names that are not answered with 400 when an error of the domain carries them.
STATUS_OF_NAME: Final[Mapping[str, int]] = {
    "AuthFactorTokenRequired": 401,
    "AuthMissing": 401,
    "AuthenticationRequired": 401,
    "AccountDeactivated": 401,
    "AccountTakedown": 401,
    "Forbidden": 403,
    "PayloadTooLarge": 413,
    "RateLimitExceeded": 429,
    "InternalServerError": 500,
    "MethodNotImplemented": 501,
    "UpstreamFailure": 502,
    "NotEnoughResources": 503,
    "ServiceUnavailable": 503,
}


class XrpcError(Exception):
    """An answer that is an error: HTTP status, name for programs, message for people."""

    def __init__(
        self,
        status: int,
        name: str,
        message: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{name}: {message}" if message else name)
        self.status = status
        self.name = name
        self.message = message
        self.headers: Mapping[str, str] = headers or {}


class InvalidRequest(XrpcError):
    """The request is not what the method takes; the name may be one of the method's own errors."""

    def __init__(self, message: str, name: str = "InvalidRequest") -> None:
        super().__init__(400, name, message)


class InvalidToken(XrpcError):
    """The bearer token is malformed, forged, or not for this."""

    def __init__(self, message: str = "Token could not be verified") -> None:
        super().__init__(400, "InvalidToken", message)


class ExpiredToken(XrpcError):
    """The bearer token was good once; clients refresh on exactly this name."""

    def __init__(self, message: str = "Token has expired") -> None:
        super().__init__(400, "ExpiredToken", message)


class AuthRequired(XrpcError):
    """No credentials, or wrong ones."""

    def __init__(
        self,
        message: str = "Authentication Required",
        name: str = "AuthMissing",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(401, name, message, headers)


class Forbidden(XrpcError):
    """The caller is known and may not do this."""

    def __init__(self, message: str, name: str = "Forbidden") -> None:
        super().__init__(403, name, message)


class NotFound(XrpcError):
    """There is no such thing."""

    def __init__(self, message: str, name: str = "NotFound") -> None:
        super().__init__(404, name, message)


class PayloadTooLarge(XrpcError):
    """The body is larger than the method takes, perhaps only after decompression."""

    def __init__(self, limit: int) -> None:
        super().__init__(413, "PayloadTooLarge", f"The body may have at most {limit} bytes")


class UnsupportedEncoding(XrpcError):
    """The body is compressed in a way this server does not read."""

    def __init__(self, encoding: str) -> None:
        super().__init__(415, "UnsupportedMediaType", f"Unsupported content encoding: {encoding}")


class RateLimitExceeded(XrpcError):
    """The caller has used up what it may do in a time; headers say when to come back."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(429, "RateLimitExceeded", "Rate Limit Exceeded", headers)


class MethodNotImplemented(XrpcError):
    """This service does not have the method."""

    def __init__(self, message: str = "Method Not Implemented") -> None:
        super().__init__(501, "MethodNotImplemented", message)


class UpstreamFailure(XrpcError):
    """A service this one had to ask did not answer, or not as it should."""

    def __init__(self, message: str = "Upstream service failed") -> None:
        super().__init__(502, "UpstreamFailure", message)


class ServiceUnavailable(XrpcError):
    """The service cannot answer now; later it may."""

    def __init__(self, message: str = "Service Unavailable") -> None:
        super().__init__(503, "ServiceUnavailable", message)
