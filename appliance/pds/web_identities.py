"""Accounts whose did:web is a name under our own domains: this server serves their documents.

Such an identity is the name itself: whoever holds the domain holds it. It needs no directory. Who
moves away has the document name the other server and the key there; it is served on, also when
the account here is deleted, and nobody else is given the name. https://atproto.com/specs/did#did-web
"""

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from appliance.atproto.crypto import InvalidKey, PublicKey
from appliance.atproto.syntax import Did, Handle, JsonObject
from appliance.base.database import Connection, Database
from appliance.pds.accounts import AccountStore
from appliance.pds.signing_keys import SigningKeys

_METHOD: Final = "did:web:"
_OF: Final = "SELECT handle, pds_url, signing_key, named FROM web_identity WHERE did = ?"
_BY_HANDLE: Final = "SELECT did FROM web_identity WHERE handle = ? AND handle IS NOT NULL"
_KEPT: Final = (
    "SELECT did, handle, pds_url, EXISTS (SELECT 1 FROM account WHERE account.did = w.did)"
    " FROM web_identity AS w WHERE handle IS NOT NULL AND handle > ? ORDER BY handle LIMIT ?"
)
_CONTEXT: Final = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]


class NotMadeHere(ValueError):
    """The document of this identity is somebody else's to change."""

    xrpc_name = "NotMadeHere"

    def __init__(self, did: Did) -> None:
        super().__init__(f"The document of {did} is not made by this server")


class StillHere(ValueError):
    """The account that keeps the name rests here: it can be woken up, and deleted first."""

    xrpc_name = "StillHere"

    def __init__(self, did: Did) -> None:
        super().__init__(f"The account of {did} is still here; its name goes when it is deleted")


class UnusablePlace(ValueError):
    """No server, or no key, that a document could name."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class Place:
    """Where an account lives: the address of its server and the key that it signs with there.

    `handle`: what it is called there, if not as here.
    """

    pds_url: str
    key: PublicKey
    handle: Handle | None = None

    @classmethod
    def of(cls, pds_url: str, did_key: str, handle: Handle | None = None) -> Self:
        """Read what somebody wrote. Raises UnusablePlace."""
        try:
            parts = urlsplit(pds_url)
            host, _ = parts.hostname, parts.port
        except ValueError as bad:
            raise UnusablePlace("This is not the address of a server") from bad
        bare = f"{parts.scheme}://{parts.netloc}"
        if parts.scheme not in ("http", "https") or not host or pds_url.rstrip("/") != bare:
            raise UnusablePlace("A server is named by its scheme and host, and nothing else")
        if "@" in parts.netloc:
            raise UnusablePlace("A server is named by its scheme and host, and nothing else")
        try:
            return cls(bare, PublicKey.parse(did_key), handle)
        except InvalidKey as bad:
            raise UnusablePlace(f"The signing key: {bad}") from bad


@dataclass(frozen=True)
class KeptName:
    """A handle that nobody is given, since its did:web lives at another server."""

    did: Did
    handle: Handle
    pds_url: str
    is_here: bool  # whether an account of it rests here


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
        row = self._db.read_one(_OF, did)
        if row is None:
            return None
        account = self._accounts.find(did)
        kept, pds_url, key, named = row
        if account is None and pds_url is None:
            return None
        handle = kept if account is None else account.handle
        if pds_url is None:
            return _document(did, handle, Place(self._pds_url, self._keys.get(did).public))
        return _document(did, named or handle, Place(pds_url, PublicKey.parse(key)))

    def is_made_here(self, did: Did) -> bool:
        return is_made_here(self._db, did)

    def away_at(self, did: Did) -> str | None:
        """The server that a document which is made here names, if it is another than this."""
        row = self._db.read_one(_OF, did)
        return None if row is None else row[1]

    def kept_names(self, after: str, limit: int) -> list[KeptName]:
        """List names that are kept, in their order; `after` is one of them, or empty."""
        return [
            KeptName(Did.unchecked(did), Handle(handle), url, bool(here))
            for did, handle, url, here in self._db.read(_KEPT, after, limit)
        ]

    async def free(self, did: Did) -> None:
        """Keep a name no longer. Raises NotMadeHere, StillHere."""
        await self._db.write(free, did)

    def is_served(self, host: Handle) -> bool:
        """Whether a name is that of a document made here, or a handle that is kept."""
        return self.did_of(host) is not None or self.document(did_named(host)) is not None

    def did_of(self, handle: Handle) -> Did | None:
        """Who has a handle: an active account, or one that took its did:web elsewhere with it."""
        found = self._accounts.find(handle)
        if found is not None and (found.is_active or found.takedown_ref is not None):
            return found.did if found.is_active else None
        return holder(self._db, handle)


def is_made_here(db: Database, did: Did) -> bool:
    return db.read_one(_OF, did) is not None


def holder(db: Database, handle: Handle) -> Did | None:
    """Tell who keeps a handle that is served from here, though they live elsewhere; inline."""
    row = db.read_one(_BY_HANDLE, handle)
    return Did.unchecked(row[0]) if row else None


def _document(did: Did, handle: str, place: Place) -> JsonObject:
    return {
        "@context": list(_CONTEXT),
        "id": did,
        "alsoKnownAs": [f"at://{handle}"],
        "verificationMethod": [
            {
                "id": f"{did}#atproto",
                "type": "Multikey",
                "controller": did,
                "publicKeyMultibase": place.key.multikey,
            }
        ],
        "service": [
            {
                "id": "#atproto_pds",
                "type": "AtprotoPersonalDataServer",
                "serviceEndpoint": place.pds_url,
            }
        ],
    }


def note(conn: Connection, did: Did) -> None:
    """Have the document of a new account made here."""
    conn.execute("INSERT INTO web_identity (did) VALUES (?)", (did,))


def point(conn: Connection, did: Did, handle: Handle, place: Place | None) -> None:
    """Have a document name another server, or with None this one. Raises NotMadeHere."""
    said: tuple[str | None, ...] = (None, None, None, None)
    if place is not None:
        said = (place.pds_url, place.key.did_key, handle, place.handle)
    conn.execute(
        "UPDATE web_identity SET pds_url = ?, signing_key = ?, handle = ?, named = ? WHERE did = ?",
        (*said, did),
    )
    if not conn.value("SELECT changes()"):
        raise NotMadeHere(did)


def free(conn: Connection, did: Did) -> None:
    """End the document of an account that lives elsewhere, and let others have its handle.

    The identity itself is never given again. Raises NotMadeHere, StillHere.
    """
    row = conn.row(_OF, did)
    if row is None or row[1] is None:
        raise NotMadeHere(did)
    if conn.value("SELECT 1 FROM account WHERE did = ?", did):
        raise StillHere(did)
    point(conn, did, Handle.unchecked(row[0]), None)


def rename(conn: Connection, did: Did, handle: Handle) -> None:
    """Have the name that is kept follow the account's."""
    conn.execute(
        "UPDATE web_identity SET handle = ? WHERE did = ? AND handle IS NOT NULL", (handle, did)
    )


def delete_all(conn: Connection, did: Did) -> None:
    """End a document with its account, unless the account lives on elsewhere."""
    conn.execute("DELETE FROM web_identity WHERE did = ? AND pds_url IS NULL", (did,))


def did_named(host: Handle | str) -> Did:
    """Name the did:web of a host. Raises InvalidSyntax."""
    return Did(f"{_METHOD}{host}")
