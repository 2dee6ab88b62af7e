"""Accounts whose did:web is a name under our own domains: this server serves their documents.

Such an identity is the name itself: whoever holds the domain holds it, and nobody can take it to
another server. It needs no directory. https://atproto.com/specs/did#did-web
"""

from collections.abc import Sequence
from typing import Final

from appliance.atproto.syntax import Did, Handle, JsonObject
from appliance.pds.accounts import AccountStore
from appliance.pds.signing_keys import SigningKeys

_METHOD: Final = "did:web:"
_CONTEXT: Final = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]


class WebIdentities:
    """Makes the documents, from the accounts as they stand."""

    def __init__(
        self, accounts: AccountStore, keys: SigningKeys, domains: Sequence[str], pds_url: str
    ) -> None:
        self._accounts = accounts
        self._keys = keys
        self._domains = tuple(domains)
        self._pds_url = pds_url

    def document(self, did: Did) -> JsonObject | None:
        """Give the document of an account, whatever its standing; None for all others."""
        if not (did.startswith(_METHOD) and did.endswith(self._domains)):
            return None
        account = self._accounts.find(did)
        if account is None:
            return None
        return {
            "@context": list(_CONTEXT),
            "id": did,
            "alsoKnownAs": [f"at://{account.handle}"],
            "verificationMethod": [
                {
                    "id": f"{did}#atproto",
                    "type": "Multikey",
                    "controller": did,
                    "publicKeyMultibase": self._keys.get(did).public.multikey,
                }
            ],
            "service": [
                {
                    "id": "#atproto_pds",
                    "type": "AtprotoPersonalDataServer",
                    "serviceEndpoint": self._pds_url,
                }
            ],
        }


def did_named(host: Handle | str) -> Did:
    """Name the did:web of a host. Raises InvalidSyntax."""
    return Did(f"{_METHOD}{host}")
