"""Which hosts the relay takes, and under which name."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LOOPBACK = re.compile(r"localhost(?::([1-9][0-9]{0,4}))?")
# Names that lead nowhere on the internet.
_NOWHERE = (".local", ".localhost", ".internal", ".arpa", ".onion", ".example", ".invalid", ".test")


class InvalidHostname(ValueError):
    """A text does not name a PDS host that could be followed."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True, slots=True)
class Named:
    """A host under its name, and the URL under which DID documents name it."""

    hostname: str
    url: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What we take when somebody asks.

    `development`: this machine's ports too. `open`: a host that asks is followed at once, elsewhere
    one that nobody has chosen waits for approval.
    """

    development: bool
    open: bool = False

    def name(self, text: str) -> Named:
        """Read the hostname (or URL) of a requestCrawl. Raises InvalidHostname."""
        hostname = text.strip().lower()
        scheme, separator, rest = hostname.partition("://")
        if separator:
            if scheme not in ("https", "http"):
                raise InvalidHostname("the host must be reached by https")
            hostname = rest.rstrip("/")
        if self.development and _LOOPBACK.fullmatch(hostname):
            return Named(hostname, f"http://{hostname}")
        if scheme == "http" and separator:
            raise InvalidHostname("the host must be reached by https")
        if not _NAME.fullmatch(hostname) or len(hostname) > 253 or hostname.endswith(_NOWHERE):
            raise InvalidHostname("the host must be a public domain name, without port")
        return Named(hostname, f"https://{hostname}")


def configured(url: str) -> Named:
    """Read a URL of our own settings."""
    parts = urlsplit(url.rstrip("/").lower())
    return Named(parts.netloc, f"{parts.scheme}://{parts.netloc}")
