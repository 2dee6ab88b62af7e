"""What the owner has written for everybody: the rules of the house, a word of welcome."""

from typing import Literal, TypeAlias

from appliance.base.clock import Clock
from appliance.base.database import Connection, Database

Name: TypeAlias = Literal["rules", "welcome"]


class HouseTexts:
    """Texts by name, in the owner's words; empty where nothing was written."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def get(self, name: Name) -> str:
        row = self._db.read_one("SELECT text FROM house_text WHERE name = ?", name)
        return "" if row is None else str(row[0])

    async def put(self, name: Name, text: str) -> None:
        """Write a text, or with an empty one take it away."""
        await self._db.write(put, name, text, self._clock.now_us())


def put(conn: Connection, name: str, text: str, now_us: int) -> None:
    if not text:
        conn.execute("DELETE FROM house_text WHERE name = ?", (name,))
        return
    conn.execute(
        "INSERT OR REPLACE INTO house_text (name, text, changed_at) VALUES (?, ?, ?)",
        (name, text, now_us),
    )
