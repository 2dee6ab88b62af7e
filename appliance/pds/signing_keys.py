"""Keys of this server: one signing key per account, and the rotation key of all our DIDs."""

from collections import OrderedDict
from pathlib import Path

from appliance.atproto.crypto import InvalidKey, PrivateKey
from appliance.atproto.syntax import Did
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.base.secret_files import read_or_create

_CACHED_KEYS = 1024
# How long a key waits for the account that it was reserved for.
RESERVED_US = 90 * 86_400 * 1_000_000
_OF_ACCOUNT = "SELECT curve, private FROM signing_key WHERE did = ? AND in_use = 1"
_OF_DID = "SELECT curve, private FROM signing_key WHERE did = ?"
_FOR_NOBODY = "SELECT curve, private FROM signing_key WHERE public = ? AND did IS NULL"
_RESERVED_FOR = "SELECT curve, private FROM signing_key WHERE did = ? AND in_use = 0"


class NoSigningKey(LookupError):
    """An account without a key: only a damaged database has one."""

    xrpc_name = "InternalServerError"


class DamagedSigningKey(NoSigningKey):
    """A key that cannot be read."""


class SigningKeys:
    """The repo signing keys of the accounts."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._cached: OrderedDict[Did, PrivateKey] = OrderedDict()

    def get(self, did: Did) -> PrivateKey:
        """The key that signs for an account. Raises NoSigningKey."""
        key = self._cached.get(did)
        if key is None:
            key = _private(self._db.read_one(_OF_ACCOUNT, did))
            if key is None:
                raise NoSigningKey(did)
            self._cached[did] = key
            if len(self._cached) > _CACHED_KEYS:
                self._cached.popitem(last=False)
        return key

    def reserved(self, did: Did) -> PrivateKey | None:
        """The key reserved for an account that is still elsewhere."""
        return _private(self._db.read_one(_RESERVED_FOR, did))

    def unassigned(self, public: str) -> PrivateKey | None:
        """The key put aside for nobody in particular that has this did:key."""
        return _private(self._db.read_one(_FOR_NOBODY, public))

    async def assign(self, did: Did, key: PrivateKey) -> None:
        """Make a key the one that signs for an account; the one before is forgotten."""
        await self._db.write(_replace, did, key, self._clock.now_us())
        self.forget(did)

    async def reserve(self, did: Did | None) -> PrivateKey:
        """Put a key aside, always the same one for the same DID; a member has one already."""
        return await self._db.write(reserve, did, PrivateKey.generate(), self._clock.now_us())

    def forget(self, did: Did) -> None:
        self._cached.pop(did, None)


def load(conn: Connection, did: Did) -> PrivateKey:
    """The key that signs for an account, inside a transaction. Raises NoSigningKey."""
    key = _private(conn.row(_OF_ACCOUNT, did))
    if key is None:
        raise NoSigningKey(did)
    return key


def reserve(conn: Connection, did: Did | None, fresh: PrivateKey, now_us: int) -> PrivateKey:
    """Give the key that is kept for a DID, or put one aside; anybody may ask, so not for ever."""
    kept = _private(conn.row(_OF_DID, did)) if did else None
    if kept is not None:
        return kept
    conn.execute(
        "DELETE FROM signing_key WHERE in_use = 0 AND created_at < ?", (now_us - RESERVED_US,)
    )
    _insert(conn, did, fresh, now_us, in_use=False)
    return fresh


def assign(conn: Connection, did: Did, key: PrivateKey, now_us: int) -> None:
    """Make a key, reserved or new, the one that signs for an account."""
    conn.execute("DELETE FROM signing_key WHERE did = ?", (did,))
    _insert(conn, did, key, now_us, in_use=True)


def _replace(conn: Connection, did: Did, key: PrivateKey, now_us: int) -> None:
    conn.execute("DELETE FROM signing_key WHERE public = ?", (key.public.did_key,))
    assign(conn, did, key, now_us)


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM signing_key WHERE did = ?", (did,))


def load_rotation_key(path: Path) -> PrivateKey:
    """Read the K-256 rotation key (hex), or make it the first time."""
    text = read_or_create(path, lambda: PrivateKey.generate().to_bytes().hex())
    return PrivateKey.from_bytes("k256", bytes.fromhex(text))


def _insert(
    conn: Connection, did: Did | None, key: PrivateKey, now_us: int, *, in_use: bool
) -> None:
    conn.execute(
        "INSERT INTO signing_key (public, did, curve, private, created_at, in_use)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (key.public.did_key, did, key.public.curve, key.to_bytes(), now_us, int(in_use)),
    )


def _private(row: tuple[str, bytes] | None) -> PrivateKey | None:
    """Read a key. Raises DamagedSigningKey."""
    try:
        return None if row is None else PrivateKey.from_bytes(row[0], row[1])  # type: ignore[arg-type]
    except InvalidKey as problem:
        raise DamagedSigningKey(str(problem)) from problem
