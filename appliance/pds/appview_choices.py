"""Which AppView a member uses: the one of this server, or another that they or the operator chose.

Apps name Bluesky's AppView whoever the member is, for its name is written into them. So a choice
also says what that name means; a call that names any other service goes there.
"""

from dataclasses import dataclass
from typing import Final, Literal

from appliance.atproto.syntax import Did, InvalidSyntax
from appliance.base.database import Connection, Database

# server: whatever the operator set for all. local: the one inside, also where an app names
# Bluesky's. any: whichever the app names. named: another, also where an app names Bluesky's.
Kind = Literal["server", "local", "any", "named"]
_WORDS: Final[dict[str, Kind]] = {"server": "server", "local": "local", "any": "any"}
LONGEST_SERVICE: Final = 64


class InvalidChoice(ValueError):
    """What is to be the AppView is none: neither a word we know nor `did#service`."""

    xrpc_name = "InvalidRequest"


@dataclass(frozen=True)
class AppViewChoice:
    """A choice; `did` and `service` are of the AppView that is named."""

    kind: Kind = "server"
    did: Did = Did.unchecked("")
    service: str = ""

    @classmethod
    def of(cls, text: str) -> "AppViewChoice":
        """Read "server", "local", "any" or `did#service`. Raises InvalidChoice."""
        word = _WORDS.get(text)
        if word is not None:
            return cls(word)
        name, _, service = text.partition("#")
        letters = service.replace("-", "_")
        if not letters.isascii() or not letters.isidentifier() or len(service) > LONGEST_SERVICE:
            raise InvalidChoice("An AppView is named as did#service")
        try:
            return cls("named", Did(name), service)
        except InvalidSyntax as bad:
            raise InvalidChoice("An AppView is named by its DID") from bad

    def __str__(self) -> str:
        return f"{self.did}#{self.service}" if self.kind == "named" else self.kind


USUAL: Final = AppViewChoice()


class AppViewChoices:
    """The choices of all members; who has made none uses what the operator set for all."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, did: Did) -> AppViewChoice:
        row = self._db.read_one("SELECT appview FROM appview_choice WHERE did = ?", did)
        return AppViewChoice.of(row[0]) if row else USUAL

    async def choose(self, did: Did, choice: AppViewChoice) -> None:
        await self._db.write(_choose, did, choice)


def delete_all(conn: Connection, did: Did) -> None:
    conn.execute("DELETE FROM appview_choice WHERE did = ?", (did,))


def _choose(conn: Connection, did: Did, choice: AppViewChoice) -> None:
    delete_all(conn, did)
    if choice != USUAL:
        conn.execute("INSERT INTO appview_choice VALUES (?, ?)", (did, str(choice)))
