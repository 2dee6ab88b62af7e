"""What the front page shows of members: only of those who agreed, only what is public anyway.

Whoever asks apps to hide them from people who are not signed in (`!no-unauthenticated`) is named,
but nothing they wrote is shown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from appliance.atproto.syntax import Did, InvalidSyntax, Nsid, RecordKey
from appliance.atproto.tid import Tid
from appliance.base.clock import Clock
from appliance.base.database import Connection, Database
from appliance.pds.accounts import Account, AccountStore
from appliance.pds.records import Record, RecordNotFound, RecordStore

MOST_PEOPLE: Final = 60
MOST_POSTS: Final = 12
POSTS_OF_ONE: Final = 5
LOOKED_THROUGH: Final = 20
KEPT_US: Final = 20_000_000
LONGEST_NAME: Final = 64
_PROFILE: Final = Nsid.unchecked("app.bsky.actor.profile")
_SELF: Final = RecordKey.unchecked("self")
_POST: Final = Nsid.unchecked("app.bsky.feed.post")
_NOT_FOR_STRANGERS: Final = "!no-unauthenticated"


@dataclass(frozen=True)
class Resident:
    """A member who is shown. `is_open`: what they write is, too."""

    did: Did
    handle: str
    name: str
    about: str
    is_open: bool


@dataclass(frozen=True)
class Note:
    """A post: its words, how many pictures it has, when it was written (microseconds)."""

    by: Resident
    rkey: str
    text: str
    pictures: int
    at: int


@dataclass(frozen=True)
class Front:
    """All that is shown of members."""

    people: Sequence[Resident] = ()
    notes: Sequence[Note] = ()


class FrontPage:
    """Who agreed to be shown, and what there is to show."""

    def __init__(
        self, db: Database, accounts: AccountStore, records: RecordStore, clock: Clock
    ) -> None:
        self._db = db
        self._accounts = accounts
        self._records = records
        self._clock = clock
        self._made = Front()
        self._made_at = 0

    def shows(self, did: Did) -> bool:
        """Whether a member agreed."""
        return self._db.read_one("SELECT 1 FROM front_page WHERE did = ?", did) is not None

    async def choose(self, did: Did, *, shown: bool) -> None:
        """Agree to be shown, or not any more; it holds at once."""
        await self._db.write(choose, did, self._clock.now_us() if shown else None)
        self._made_at = 0

    async def look(self) -> Front:
        """Give what is shown; made anew every twenty seconds at most."""
        now = self._clock.now_us()
        if now - self._made_at >= KEPT_US:
            people = [one for did in await self._db.scan(everybody) if (one := self.resident(did))]
            notes = [note for one in people for note in self.notes(one, POSTS_OF_ONE)]
            notes.sort(key=lambda note: note.rkey, reverse=True)
            self._made, self._made_at = Front(people, notes[:MOST_POSTS]), now
        return self._made

    def resident(self, did: Did) -> Resident | None:
        """Describe a member who agreed and whose account is open."""
        account = self._accounts.find(did)
        if account is None or not account.is_active or not self.shows(did):
            return None
        return self._described(account)

    def notes(self, one: Resident, limit: int) -> list[Note]:
        """The newest posts of a member that answer nobody."""
        if not one.is_open:
            return []
        page = self._records.page(one.did, _POST, LOOKED_THROUGH, None, False)
        return list(_notes(one, page, self._clock.now_us()))[:limit]

    def note(self, one: Resident, rkey: str) -> Note | None:
        """One post of a member, answers too."""
        try:
            record = self._records.get(one.did, _POST, RecordKey(rkey))
        except (InvalidSyntax, RecordNotFound):
            return None
        return _note(one, record, self._clock.now_us()) if one.is_open else None

    def _described(self, account: Account) -> Resident:
        try:
            value: Any = self._records.get(account.did, _PROFILE, _SELF).value
        except RecordNotFound:
            value = {}
        profile: Mapping[str, Any] = value if isinstance(value, dict) else {}
        name = str(profile.get("displayName") or "")[:LONGEST_NAME]
        about = str(profile.get("description") or "")
        return Resident(
            account.did, account.handle, name, about, _NOT_FOR_STRANGERS not in _labels(profile)
        )


def choose(conn: Connection, did: Did, since: int | None) -> None:
    if since is None:
        conn.execute("DELETE FROM front_page WHERE did = ?", (did,))
    else:
        conn.execute("INSERT OR IGNORE INTO front_page (did, since) VALUES (?, ?)", (did, since))


def delete_all(conn: Connection, did: Did) -> None:
    choose(conn, did, None)


def everybody(conn: Connection) -> list[Did]:
    rows = conn.rows("SELECT did FROM front_page ORDER BY since LIMIT ?", MOST_PEOPLE)
    return [Did.unchecked(did) for (did,) in rows]


def _notes(one: Resident, page: Sequence[Record], now_us: int) -> Iterator[Note]:
    for record in page:
        value: Any = record.value
        if isinstance(value, dict) and "reply" not in value:
            note = _note(one, record, now_us)
            if note is not None:
                yield note


def _note(one: Resident, record: Record, now_us: int) -> Note | None:
    """Read a post. Those with a key that is no time, or of the future, are left out."""
    value: Any = record.value
    rkey = record.uri.rpartition("/")[2]
    try:
        at = Tid(rkey).to_us()
    except InvalidSyntax:
        return None
    if not isinstance(value, dict) or at > now_us or _NOT_FOR_STRANGERS in _labels(value):
        return None
    embed = value.get("embed")
    images = embed.get("images") if isinstance(embed, dict) else None
    text = str(value.get("text") or "")
    return Note(one, rkey, text, len(images) if isinstance(images, list) else 0, at)


def _labels(value: Mapping[str, Any]) -> list[str]:
    """The labels that somebody put on a record of theirs."""
    labels = value.get("labels")
    values = labels.get("values") if isinstance(labels, dict) else None
    found = values if isinstance(values, list) else ()
    return [str(each.get("val")) for each in found if isinstance(each, dict)]
