"""What a client says of itself, read by the rules of the profile.

https://atproto.com/specs/oauth#client-id-metadata-document
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from appliance.atproto.syntax import JsonObject
from appliance.pds.oauth.client_ids import (
    check_client_id,
    check_redirect_uri,
    is_local,
    local_fields,
    same_redirect,
)
from appliance.pds.oauth.errors import InvalidClientMetadata

AuthMethod: TypeAlias = Literal["none", "private_key_jwt"]
MOST_LISTED: Final = 100
LONGEST_TEXT: Final = 4096
LONGEST_SCOPE: Final = 16_384


@dataclass(frozen=True)
class Client:
    """An app. What it is called is its own word, to be shown only where the operator trusts it."""

    client_id: str
    redirect_uris: tuple[str, ...]
    scope: str
    auth_method: AuthMethod = "none"
    may_refresh: bool = False
    keys: tuple[JsonObject, ...] = ()
    jwks_uri: str = ""
    name: str = ""
    policy_uri: str = ""
    tos_uri: str = ""

    @property
    def is_confidential(self) -> bool:
        return self.auth_method != "none"

    @property
    def is_local(self) -> bool:
        """Whether it runs on a developer's own machine."""
        return is_local(self.client_id)

    def may_go_to(self, redirect_uri: str) -> bool:
        return any(same_redirect(redirect_uri, declared) for declared in self.redirect_uris)


def local_client(client_id: str) -> Client:
    """Read a client in development from its name. Raises InvalidClientId, InvalidClientMetadata."""
    redirects, scope = local_fields(client_id)
    return Client(client_id, redirects, scope, may_refresh=True)


def read_client(client_id: str, document: Any) -> Client:
    """Read the document of a published client. Raises InvalidClientId, InvalidClientMetadata."""
    host = check_client_id(client_id)
    if not isinstance(document, dict):
        raise InvalidClientMetadata("the document is no object")
    if document.get("client_id") != client_id:
        raise InvalidClientMetadata("the document is about another client_id")
    _check_profile(document)
    native = _choice(document, "application_type", ("web", "native")) == "native"
    redirects = _texts(document, "redirect_uris")
    if not redirects:
        raise InvalidClientMetadata("redirect_uris is empty")
    for uri in redirects:
        check_redirect_uri(uri, host, native=native)
    method = _choice(document, "token_endpoint_auth_method", ("none", "private_key_jwt"))
    confidential = method == "private_key_jwt"
    keys, jwks_uri = _keys(document) if confidential else ((), "")
    homepage = _link(document, "client_uri")
    if homepage and _host_of(homepage) != host:
        raise InvalidClientMetadata("client_uri is on another host than client_id")
    return Client(
        client_id=client_id,
        redirect_uris=redirects,
        scope=_scope(document),
        auth_method="private_key_jwt" if confidential else "none",
        may_refresh="refresh_token" in _texts(document, "grant_types"),
        keys=keys,
        jwks_uri=jwks_uri,
        name=_text(document, "client_name"),
        policy_uri=_link(document, "policy_uri"),
        tos_uri=_link(document, "tos_uri"),
    )


def read_keys(jwks: Any) -> tuple[JsonObject, ...]:
    """Read the public keys of a client. Raises InvalidClientMetadata."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MOST_LISTED:
        raise InvalidClientMetadata("jwks holds no list of keys")
    for key in keys:
        if not isinstance(key, dict) or "d" in key or "k" in key:
            raise InvalidClientMetadata("jwks holds what is not a public key")
    return tuple(keys)


def _check_profile(document: Mapping[str, Any]) -> None:
    if document.get("dpop_bound_access_tokens") is not True:
        raise InvalidClientMetadata("dpop_bound_access_tokens has to be true")
    if "authorization_code" not in _texts(document, "grant_types"):
        raise InvalidClientMetadata("grant_types lacks authorization_code")
    if "code" not in _texts(document, "response_types"):
        raise InvalidClientMetadata("response_types lacks code")


def _scope(document: Mapping[str, Any]) -> str:
    scope = _text(document, "scope", LONGEST_SCOPE)
    if "atproto" not in scope.split(" "):
        raise InvalidClientMetadata("scope lacks atproto")
    return scope


def _keys(document: Mapping[str, Any]) -> tuple[tuple[JsonObject, ...], str]:
    """Give the keys of a confidential client, or where they are."""
    if _text(document, "token_endpoint_auth_signing_alg") not in ("", "ES256"):
        raise InvalidClientMetadata("token_endpoint_auth_signing_alg has to be ES256")
    jwks, jwks_uri = document.get("jwks"), _link(document, "jwks_uri")
    if (jwks is None) == (not jwks_uri):
        raise InvalidClientMetadata("private_key_jwt needs either jwks or jwks_uri")
    return ((), jwks_uri) if jwks is None else (read_keys(jwks), "")


def _choice(document: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str:
    """Give one of these; the first if it is not said."""
    given = _text(document, name) or choices[0]
    if given not in choices:
        raise InvalidClientMetadata(f"{name} has to be one of: {', '.join(choices)}")
    return given


def _link(document: Mapping[str, Any], name: str) -> str:
    link = _text(document, name)
    if link and not link.startswith("https://"):
        raise InvalidClientMetadata(f"{name} has to begin with https://")
    return link


def _host_of(link: str) -> str | None:
    try:
        return urlsplit(link).hostname
    except ValueError:
        return None


def _text(document: Mapping[str, Any], name: str, longest: int = LONGEST_TEXT) -> str:
    value = document.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise InvalidClientMetadata(f"{name} has to be a text of at most {longest} letters")
    return value


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = document.get(name)
    good = isinstance(values, list) and len(values) <= MOST_LISTED
    if not good or not all(isinstance(value, str) for value in values or ()):
        raise InvalidClientMetadata(f"{name} has to be a list of texts")
    return tuple(values or ())
