"""The names of clients, and where they may have members sent back to: judged as text alone.

A client is named by the URL of what it says of itself. `http://localhost` names one in development,
which says everything in the name. https://atproto.com/specs/oauth#clients
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from appliance.pds.oauth.errors import InvalidClientMetadata, OAuthError

LONGEST_ID: Final = 2048
LOCAL_ORIGIN: Final = "http://localhost"
DEFAULT_REDIRECTS: Final = ("http://127.0.0.1/", "http://[::1]/")
_LOOPBACK: Final = re.compile(r"(127\.0\.0\.1|\[::1\])(:\d{1,5})?")
_LOCAL_BEGINNINGS: Final = (f"{LOCAL_ORIGIN}/", f"{LOCAL_ORIGIN}?")
_LOCAL_FIELDS: Final = frozenset(("redirect_uri", "scope"))


class InvalidClientId(OAuthError):
    """A text that names no client."""

    def __init__(self, description: str) -> None:
        super().__init__("invalid_client", f"client_id: {description}")


def is_local(client_id: str) -> bool:
    """Whether the name is one of a client in development."""
    return client_id == LOCAL_ORIGIN or client_id.startswith(_LOCAL_BEGINNINGS)


def local_fields(client_id: str) -> tuple[tuple[str, ...], str]:
    """The redirect URIs and the scope that the name of a client in development says.

    Raises InvalidClientId, InvalidClientMetadata.
    """
    parts = _split(client_id)
    if parts.path not in ("", "/") or "#" in client_id:
        raise InvalidClientId("http://localhost takes no path")
    try:
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise InvalidClientId("the query is damaged") from None
    if not {name for name, _ in given} <= _LOCAL_FIELDS:
        raise InvalidClientId("http://localhost takes redirect_uri and scope only")
    scopes = [text for name, text in given if name == "scope"]
    if len(scopes) > 1:
        raise InvalidClientId("scope is given twice")
    redirects = tuple(text for name, text in given if name == "redirect_uri")
    for uri in redirects:
        if not _is_loopback(_redirect(uri)):
            raise InvalidClientMetadata(f"not a redirect URI for development: {uri}")
    return redirects or DEFAULT_REDIRECTS, scopes[0] if scopes else "atproto"


def check_client_id(client_id: str) -> str:
    """Check the name of a published client; return its host. Raises InvalidClientId."""
    parts = _split(client_id)
    host = parts.hostname or ""
    if parts.scheme != "https":
        raise InvalidClientId("it has to begin with https://")
    if parts.netloc != host:
        raise InvalidClientId("it may have no port, no user, and no capitals in its host")
    if "." not in host or _is_address(host):
        raise InvalidClientId("its host has to be a domain name")
    if "#" in client_id or parts.path in ("", "/"):
        raise InvalidClientId("it has to have a path, and no fragment")
    if any(part in (".", "..") for part in parts.path.split("/")):
        raise InvalidClientId("its path has to be plain")
    return host


def check_redirect_uri(uri: str, client_host: str, *, native: bool) -> None:
    """Check where a published client has members sent back to. Raises InvalidClientMetadata."""
    parts = _redirect(uri)
    if parts.scheme == "https":
        if not parts.hostname or parts.hostname == "localhost" or parts.netloc.endswith(":443"):
            raise InvalidClientMetadata(f"not a usable redirect URI: {uri}")
        if native and parts.netloc != client_host:
            raise InvalidClientMetadata(
                f"a native client's own host is {client_host}, not in {uri}"
            )
        return
    if not native:
        raise InvalidClientMetadata(f"a web client is sent back to by https: {uri}")
    if parts.scheme == "http":
        if not _is_loopback(parts):
            raise InvalidClientMetadata(f"http only to 127.0.0.1 or [::1]: {uri}")
        return
    scheme = ".".join(reversed(client_host.split(".")))
    if (
        parts.scheme != scheme
        or not uri.startswith(f"{scheme}:/")
        or uri.startswith(f"{scheme}://")
    ):
        raise InvalidClientMetadata(f"the scheme of a native client here is {scheme}:/ , not {uri}")


def same_redirect(given: str, declared: str) -> bool:
    """Whether a redirect URI is a declared one: to the letter, but for the port on loopback."""
    if given == declared:
        return True
    try:
        one, other = _redirect(given), _redirect(declared)
    except InvalidClientMetadata:
        return False
    if not (_is_loopback(one) and _is_loopback(other)):
        return False
    rest, wanted = ((each.hostname, each.path or "/", each.query) for each in (one, other))
    return rest == wanted


def _redirect(uri: str) -> SplitResult:
    """Take a redirect URI apart. Raises InvalidClientMetadata."""
    try:
        parts = _split(uri)
    except InvalidClientId as bad:
        raise InvalidClientMetadata(f"redirect URI: {bad}") from None
    if "#" in uri or "@" in parts.netloc or not parts.scheme:
        raise InvalidClientMetadata(f"a redirect URI may have no fragment and no user: {uri}")
    return parts


def _split(text: str) -> SplitResult:
    if not 0 < len(text) <= LONGEST_ID or not text.isascii() or "\\" in text:
        raise InvalidClientId("too long, or not a URL")
    if not text.isprintable() or " " in text:
        raise InvalidClientId("not a URL")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise InvalidClientId("not a URL") from None
    return parts


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and _LOOPBACK.fullmatch(parts.netloc) is not None


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdigit()
    return True
