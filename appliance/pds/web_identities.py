"""Accounts whose did:web is a name under our own domains: this server serves their documents.

Such an identity is the name itself: whoever holds the domain holds it, and nobody can take it to
another server. It needs no directory. https://atproto.com/specs/did#did-web
"""

from typing import Final

from appliance.atproto.syntax import Did, Handle, JsonObject
from appliance.base.database import Connection, Database
from appliance.pds.accounts import AccountStore
from appliance.pds.signing_keys import SigningKeys

_METHOD: Final = "did:web:"
_IS_OURS: Final = "SELECT 1 FROM web_identity WHERE did = ?"
_CONTEXT: Final = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]


class WebIdentities:
    """Makes the documents, from the accounts as they stand."""

    def __init__(
        self, db: Database, accounts: AccountStore, keys: SigningKeys, pds_url: str
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._keys = keys
        self._pds_url = pds_url

    def document(self, did: Did) -> JsonObject | None:
        """Give the document of an account, whatever its standing; None for all others."""
        if not did.startswith(_METHOD):
            return None
        account = self._accounts.find(did)
        if account is None or self._db.read_one(_IS_OURS, did) is None:
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


def note(conn: Connection, did: Did) -> None:
    """Have the document of a new account made here."""
    conn.execute("INSERT INTO web_identity (did) VALUES (?)", (did,))


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM web_identity WHERE did = ?", (did,))


def did_named(host: Handle | str) -> Did:
    """Name the did:web of a host. Raises InvalidSyntax."""
    return Did(f"{_METHOD}{host}")
