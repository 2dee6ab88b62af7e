"""What a client may ask for: the fields of a pushed request, checked.

https://atproto.com/specs/oauth#authorization-requests
"""

import re
from collections.abc import Mapping
from typing import Final

from appliance.pds.oauth.clients import Client
from appliance.pds.oauth.errors import OAuthError
from appliance.pds.oauth.permissions import Permissions
from appliance.pds.oauth.permissions_syntax import InvalidScope
from appliance.pds.oauth.requests import Asked

RESPONSE_MODES: Final = ("query", "fragment", "form_post")
PROMPTS: Final = ("none", "login", "consent", "select_account", "create")
LONGEST_STATE: Final = 2048
LONGEST_HINT: Final = 512
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def asked_by(client: Client, form: Mapping[str, str], dpop_jkt: str) -> Asked:
    """Check what a client asks for; the key is the one it proved. Raises OAuthError."""
    if "request_uri" in form or "request" in form:
        raise OAuthError("request_not_supported", "Requests are pushed as plain parameters")
    if form.get("response_type") != "code":
        raise OAuthError("unsupported_response_type", "response_type has to be code")
    if form.get("dpop_jkt", dpop_jkt) != dpop_jkt:
        raise OAuthError("invalid_request", "dpop_jkt is not the key of the proof")
    redirect_uri = form.get("redirect_uri", "")
    if not client.may_go_to(redirect_uri):
        raise OAuthError("invalid_request", "The redirect_uri is not one of this client's")
    if form.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "code_challenge_method has to be S256")
    challenge = form.get("code_challenge", "")
    if not _CHALLENGE.fullmatch(challenge):
        raise OAuthError("invalid_request", "code_challenge has to be a SHA-256 in base64url")
    state = form.get("state", "")
    if not 0 < len(state) <= LONGEST_STATE:
        raise OAuthError("invalid_request", f"state has to have 1 to {LONGEST_STATE} letters")
    hint = form.get("login_hint", "")
    if len(hint) > LONGEST_HINT or not hint.isprintable():
        raise OAuthError("invalid_request", "login_hint is not usable")
    return Asked(
        redirect_uri=redirect_uri,
        scope=_scope(client, form.get("scope", "")),
        state=state,
        code_challenge=challenge,
        response_mode=_choice(form, "response_mode", RESPONSE_MODES) or RESPONSE_MODES[0],
        prompt=_prompt(client, form),
        login_hint=hint,
    )


def _scope(client: Client, scope: str) -> str:
    try:
        permissions = Permissions.parse(scope)
        declared = permissions.within(client.scope)
    except InvalidScope as bad:
        raise OAuthError("invalid_scope", str(bad)) from bad
    if not declared:
        raise OAuthError("invalid_scope", "The client does not declare all of this scope")
    return str(permissions)


def _prompt(client: Client, form: Mapping[str, str]) -> str:
    prompt = _choice(form, "prompt", PROMPTS)
    if prompt == "none" and not client.is_confidential:
        raise OAuthError("invalid_request", "A public client cannot ask with prompt=none")
    return prompt


def _choice(form: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    given = form.get(name, "")
    if given and given not in choices:
        raise OAuthError("invalid_request", f"{name} has to be one of: {', '.join(choices)}")
    return given
