"""Read DID documents: handle, signing key, services.

https://atproto.com/specs/did
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from appliance.atproto.crypto import InvalidKey, PublicKey
from appliance.atproto.curves import CurveName
from appliance.atproto.syntax import Did, Handle, JsonObject

MAX_ENTRIES: Final = 100
SIGNING_KEY: Final = "#atproto"

_OLDER_KEY_TYPES: Final[Mapping[str, CurveName]] = {
    "EcdsaSecp256k1VerificationKey2019": "k256",
    "EcdsaSecp256r1VerificationKey2019": "p256",
}


class InvalidDidDocument(ValueError):
    """A document is not the DID document of the DID asked for."""

    xrpc_name: Final = "InvalidDidDocument"


@dataclass(frozen=True)
class DidDocument:
    """What the network needs of a DID document.

    handle: as claimed, not verified. pds: URL without a trailing slash. services: id ("#name") to
    (type, endpoint).
    """

    did: Did
    handle: Handle | None
    signing_key: PublicKey | None
    pds: str | None
    services: dict[str, tuple[str, str]]
    raw: JsonObject

    @classmethod
    def parse(cls, raw: Any) -> "DidDocument":
        """Read a document; parts that are malformed count as absent.

        Raises InvalidDidDocument when it is no document at all.
        """
        if not isinstance(raw, dict):
            raise InvalidDidDocument("a DID document must be an object")
        try:
            did = Did(raw.get("id") or "")
        except (TypeError, ValueError):
            raise InvalidDidDocument("a DID document must have a DID as its id") from None
        services = _services(raw, did)
        kind, endpoint = services.get("#atproto_pds", ("", ""))
        return cls(
            did,
            _handle(raw),
            _named_key(raw, did, SIGNING_KEY),
            endpoint_url(endpoint) if kind == "AtprotoPersonalDataServer" else None,
            services,
            raw,
        )

    def service(self, name: str, kind: str | None = None) -> str | None:
        """Return the URL of a service by its id ("#atproto_labeler"), if it is of the given type.

        URLs have no trailing slash; None if there is no such service or its URL is not usable.
        """
        found = self.services.get(name)
        if found is None or (kind is not None and found[0] != kind):
            return None
        return endpoint_url(found[1])

    def key(self, name: str) -> PublicKey | None:
        """Return a key by its id ("#atproto_label"); None if there is no such key or it is bad."""
        return _named_key(self.raw, self.did, name)


def endpoint_url(text: str) -> str | None:
    """Return a service URL without its trailing slash; None unless it is http(s)://host[:port]."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return None
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc:
        return None
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _objects(raw: JsonObject, name: str) -> Iterator[JsonObject]:
    entries = raw.get(name)
    if isinstance(entries, list):
        yield from (entry for entry in entries[:MAX_ENTRIES] if isinstance(entry, dict))


def _fragment(entry: JsonObject, did: Did) -> str:
    """Return an entry's id relative to its document: "#name"."""
    name = entry.get("id")
    return name.removeprefix(did) if isinstance(name, str) else ""


def _handle(raw: JsonObject) -> Handle | None:
    aliases = raw.get("alsoKnownAs")
    for alias in aliases[:MAX_ENTRIES] if isinstance(aliases, list) else ():
        if isinstance(alias, str) and alias.startswith("at://"):
            try:
                return Handle(alias.removeprefix("at://"))
            except ValueError:
                return None
    return None


def _services(raw: JsonObject, did: Did) -> dict[str, tuple[str, str]]:
    services: dict[str, tuple[str, str]] = {}
    for entry in _objects(raw, "service"):
        name, kind, endpoint = (
            _fragment(entry, did),
            entry.get("type"),
            entry.get("serviceEndpoint"),
        )
        if name.startswith("#") and isinstance(kind, str) and isinstance(endpoint, str):
            services.setdefault(name, (kind, endpoint))
    return services


def _named_key(raw: JsonObject, did: Did, name: str) -> PublicKey | None:
    for entry in _objects(raw, "verificationMethod"):
        if _fragment(entry, did) == name:
            return _key(entry)
    return None


def _key(entry: JsonObject) -> PublicKey | None:
    kind, text = entry.get("type"), entry.get("publicKeyMultibase")
    if not isinstance(kind, str) or not isinstance(text, str):
        return None
    try:
        if kind == "Multikey":
            return PublicKey.parse(text)
        curve = _OLDER_KEY_TYPES.get(kind)
        return PublicKey.from_multibase(curve, text) if curve else None
    except InvalidKey:
        return None
