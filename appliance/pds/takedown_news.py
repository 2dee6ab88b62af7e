"""What the operator hid or showed again, told to our own AppView until it has heard.

Accounts are told by the stream; for a record or a blob there is no event.
"""

import asyncio
import logging
from typing import Final

from appliance.atproto import data
from appliance.atproto.syntax import JsonObject
from appliance.atproto.xrpc.client import XrpcClient
from appliance.atproto.xrpc.errors import XrpcError
from appliance.base.database import Connection, Database

log = logging.getLogger(__name__)

RETRY_SECONDS: Final = 10.0
_UPDATE: Final = "internal.hearth.appview.updateSubjectStatus"


class TakedownNews:
    """Tells the AppView, in order, across restarts. `appview`: None if it is somebody else's."""

    def __init__(self, db: Database, appview: XrpcClient | None, operator: str) -> None:
        self._db = db
        self._appview = appview
        self._headers = {"Authorization": operator}
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Say that something was noted."""
        self._news.set()

    async def run(self) -> None:
        """Tell what there is, for ever; a worker. Returns at once when there is nobody to tell."""
        while self._appview is not None:
            self._news.clear()
            done = await self._tell_all(self._appview)
            try:
                async with asyncio.timeout(None if done else RETRY_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def _tell_all(self, appview: XrpcClient) -> bool:
        """Tell everything; False if the AppView does not answer now."""
        while news := await self._db.write(oldest):
            number, subject, reference = news
            takedown: JsonObject = {"applied": reference is not None}
            if reference is not None:
                takedown["ref"] = reference
            given = {"subject": subject, "takedown": takedown}
            try:
                await appview.procedure(_UPDATE, given, self._headers)
            except XrpcError as refused:
                if refused.status >= 500:
                    return False
                # It will never take this one: those behind it must not wait for ever.
                log.warning("takedown not taken subject=%s reason=%s", subject, refused.name)
            await self._db.write(forget, number)
        return True


def note(conn: Connection, subject: JsonObject, reference: str | None) -> None:
    """Note what is to be told."""
    conn.execute(
        "INSERT INTO takedown_news (subject, reference) VALUES (?, ?)",
        (data.dumps(subject), reference),
    )


def oldest(conn: Connection) -> tuple[int, JsonObject, str | None] | None:
    row = conn.row("SELECT id, subject, reference FROM takedown_news ORDER BY id LIMIT 1")
    return None if row is None else (row[0], data.loads(row[1]), row[2])


def forget(conn: Connection, number: int) -> None:
    conn.execute("DELETE FROM takedown_news WHERE id = ?", (number,))
