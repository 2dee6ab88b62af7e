"""What browser and server say to each other about passkeys (WebAuthn, levels 2 and 3).

Apart from `passkeys`, and read when first needed: the library takes 6 MB, and many a server has
nobody who uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import webauthn
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import structs
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.registration.verify_registration_response import VerifiedRegistration


class BadCeremony(ValueError):
    """The browser's answer is not what was asked for."""


@dataclass(frozen=True)
class Answer:
    """What a browser sent, and what it should have signed: the challenge, for whom, from where."""

    credential: dict[str, Any]
    challenge: bytes
    host: str
    origin: str


def creation_options(
    host: str, server: str, user: tuple[bytes, str], challenge: bytes, known: Sequence[bytes]
) -> str:
    """Say what a browser needs to make a passkey, as JSON; `known` are those it has already."""
    options = webauthn.generate_registration_options(
        rp_id=host,
        rp_name=server,
        user_id=user[0],
        user_name=user[1],
        challenge=challenge,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return webauthn.options_to_json(options)


def check_creation(answer: Answer) -> VerifiedRegistration:
    """Check what a browser made. Raises BadCeremony."""
    try:
        return webauthn.verify_registration_response(
            credential=answer.credential,
            expected_challenge=answer.challenge,
            expected_rp_id=answer.host,
            expected_origin=answer.origin,
        )
    except (WebAuthnException, ValueError, LookupError, TypeError) as bad:
        raise BadCeremony(str(bad)) from bad


def request_options(host: str, challenge: bytes, known: Sequence[bytes], *, checked: bool) -> str:
    """Say what a browser needs to use one of its passkeys, as JSON; `checked`: with its user."""
    wanted = structs.UserVerificationRequirement
    options = webauthn.generate_authentication_options(
        rp_id=host,
        challenge=challenge,
        allow_credentials=_descriptors(known),
        user_verification=wanted.REQUIRED if checked else wanted.PREFERRED,
    )
    return webauthn.options_to_json(options)


def check_use(
    answer: Answer, public_key: bytes, sign_count: int, *, checked: bool
) -> VerifiedAuthentication:
    """Check what a passkey signed. Raises BadCeremony."""
    try:
        return webauthn.verify_authentication_response(
            credential=answer.credential,
            expected_challenge=answer.challenge,
            expected_rp_id=answer.host,
            expected_origin=answer.origin,
            credential_public_key=public_key,
            credential_current_sign_count=sign_count,
            require_user_verification=checked,
        )
    except (WebAuthnException, ValueError, LookupError, TypeError) as bad:
        raise BadCeremony(str(bad)) from bad


def _descriptors(known: Sequence[bytes]) -> list[structs.PublicKeyCredentialDescriptor]:
    return [structs.PublicKeyCredentialDescriptor(id=each) for each in known]
