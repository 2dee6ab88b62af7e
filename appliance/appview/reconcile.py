"""Compare the index with the relay's list of accounts, and fetch what it lacks.

Needed where the stream cannot tell: on a new index, after a gap, and for safety once a day.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from appliance.appview import actors
from appliance.atproto.syntax import Did, InvalidSyntax, JsonObject
from appliance.base.connection import Connection
from appliance.base.database import Database
from appliance.base.http import HttpClient, OutboundFailed, OutboundRefused

log = logging.getLogger(__name__)

PATH = "/xrpc/com.atproto.sync.listRepos"
PAGE = 500
# Before it is compared, the stream is given time to bring what it can.
FIRST_SECONDS = 60.0
EVERY_SECONDS = 86_400.0
AGAIN_SECONDS = 300.0


class Reconciler:
    """Marks the accounts whose repo the relay knows further than we do. One worker runs it."""

    def __init__(
        self,
        db: Database,
        http: HttpClient,
        relay: str,
        now_us: Callable[[], int],
        on_due: Callable[[], None],
    ) -> None:
        self._db = db
        self._http = http
        self._relay = relay
        self._now_us = now_us
        self._on_due = on_due
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Say that the stream has a gap."""
        self._wake.set()

    async def run(self) -> None:
        """Compare soon after the start, after each gap, and once a day."""
        pause = FIRST_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                    await asyncio.sleep(min(pause, FIRST_SECONDS))
            self._wake.clear()
            try:
                await self.compare()
                pause = EVERY_SECONDS
            except (OutboundFailed, OutboundRefused) as error:
                log.warning("relay's accounts not listed reason=%s", error)
                pause = AGAIN_SECONDS

    async def compare(self) -> int:
        """Mark every account that the relay knows further; return how many.

        Raises OutboundFailed, OutboundRefused.
        """
        marked, cursor = 0, ""
        while True:
            params = [("limit", str(PAGE))] + ([("cursor", cursor)] if cursor else [])
            page = await self._http.get_json(self._relay, path=PATH, params=params)
            marked += await self._db.write(mark_behind, page["repos"], self._now_us())
            cursor = page.get("cursor") or ""
            if not cursor:
                break
        if marked:
            log.info("accounts behind the relay count=%d", marked)
            self._on_due()
        return marked


def mark_behind(conn: Connection, repos: list[JsonObject], now_us: int) -> int:
    """Ask for the repos whose rev is newer than ours, or whose account we never heard of."""
    marked = 0
    for repo in repos:
        try:
            did = Did(repo["did"])
        except InvalidSyntax:
            continue
        state = actors.sync_state(conn, did, now_us)
        behind = state.rev is None or state.rev < repo["rev"]
        if behind and state.sync != actors.PENDING and repo.get("active", True):
            actors.set_pending(conn, state.actor_id, "the relay knows a later rev", now_us)
            marked += 1
    return marked
