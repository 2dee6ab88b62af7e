"""Compare the index with the relay's list of accounts, and fetch what it lacks.

Needed where the stream cannot tell: on a new index, after a gap, and for safety once a day.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

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

    async def run(self, caught_up: Callable[[int], Awaitable[None]]) -> None:
        """Compare soon after the start, after each gap, and once a day; a worker.

        `caught_up` waits until the index has what the relay sent before a time.
        """
        pause = FIRST_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                    await asyncio.sleep(min(pause, FIRST_SECONDS))
            self._wake.clear()
            try:
                await self.compare(caught_up)
                pause = EVERY_SECONDS
            except (OutboundFailed, OutboundRefused) as error:
                log.warning("relay's accounts not listed reason=%s", error)
                pause = AGAIN_SECONDS

    async def compare(self, caught_up: Callable[[int], Awaitable[None]] | None = None) -> int:
        """Mark every account that the relay knows further; return how many.

        What is on its way in the stream is waited for first, if `caught_up` says how: an account
        that writes all the time is always a little behind. Raises OutboundFailed, OutboundRefused.
        """
        behind, begun_us, cursor = [], self._now_us(), ""
        while True:
            params = [("limit", str(PAGE))] + ([("cursor", cursor)] if cursor else [])
            page = await self._http.get_json(self._relay, path=PATH, params=params)
            behind += await self._db.scan(_which_are_behind, page["repos"])
            cursor = page.get("cursor") or ""
            if not cursor:
                break
        if behind and caught_up is not None:
            await caught_up(begun_us)
        marked = 0
        for start in range(0, len(behind), PAGE):
            some = behind[start : start + PAGE]
            marked += await self._db.write(_mark_behind, some, self._now_us())
        if marked:
            log.info("accounts behind the relay count=%d", marked)
            self._on_due()
        return marked


def _which_are_behind(conn: Connection, repos: list[JsonObject]) -> list[tuple[Did, str]]:
    """Name those whose rev is newer than ours, or whose account we never heard of."""
    return [(Did(repo["did"]), repo["rev"]) for repo in repos if _is_behind(conn, repo)]


def _is_behind(conn: Connection, repo: JsonObject) -> bool:
    try:
        Did(repo["did"])
    except InvalidSyntax:
        return False
    return repo.get("active", True) and actors.is_behind(conn, repo["did"], repo["rev"])


def _mark_behind(conn: Connection, known: list[tuple[Did, str]], now_us: int) -> int:
    """Ask for the repos that are still behind these revs."""
    marked = 0
    for did, rev in known:
        if actors.is_behind(conn, did, rev):
            state = actors.sync_state(conn, did, now_us)
            actors.set_pending(conn, state.actor_id, "the relay knows a later rev", now_us)
            marked += 1
    return marked
