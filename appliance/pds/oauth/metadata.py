"""What this server says of itself to clients that look for it.

https://atproto.com/specs/oauth#server-metadata
"""

from typing import Final

from appliance.atproto.syntax import JsonObject
from appliance.pds.oauth.permissions import FIXED
from appliance.pds.oauth.pushing import PROMPTS, RESPONSE_MODES

PAR: Final = "/oauth/par"
TOKEN: Final = "/oauth/token"  # noqa: S105
REVOKE: Final = "/oauth/revoke"
AUTHORIZE: Final = "/oauth/authorize"


def authorization_server(issuer: str) -> JsonObject:
    """RFC 8414, as the profile wants it."""
    return {
        "issuer": issuer,
        "authorization_endpoint": issuer + AUTHORIZE,
        "token_endpoint": issuer + TOKEN,
        "pushed_authorization_request_endpoint": issuer + PAR,
        "revocation_endpoint": issuer + REVOKE,
        "require_pushed_authorization_requests": True,
        "scopes_supported": list(FIXED),
        "subject_types_supported": ["public"],
        "response_types_supported": ["code"],
        "response_modes_supported": list(RESPONSE_MODES),
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "revocation_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": ["ES256"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "client_id_metadata_document_supported": True,
        "prompt_values_supported": list(PROMPTS),
        "display_values_supported": ["page", "popup", "touch"],
        "ui_locales_supported": ["en"],
        "protected_resources": [issuer],
    }


def protected_resource(issuer: str) -> JsonObject:
    """RFC 9728."""
    return {
        "resource": issuer,
        "authorization_servers": [issuer],
        "scopes_supported": [],
        "bearer_methods_supported": ["header"],
        "resource_documentation": "https://atproto.com",
    }
