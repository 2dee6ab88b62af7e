"""Look up who the accounts are: at first sight, after #identity, and once a day."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from appliance.appview.actors import ActorStore
from appliance.atproto.identity.errors import IdentityNotFound, IdentityUnreachable
from appliance.atproto.identity.resolver import INVALID_HANDLE, IdentityResolver
from appliance.atproto.syntax import Did

log = logging.getLogger(__name__)

AT_ONCE = 8
SECOND = 1_000_000
FRESH_US = 86_400 * SECOND
INVALID_US = 600 * SECOND
# Whom nobody could tell of is looked up again after so long, then after twice it.
UNSETTLED_SECONDS = 3.0
UNSETTLED_US = 3 * SECOND
MOST_UNSETTLED = 10_000
# Longer than any look-up takes: after this one that was interrupted is begun again.
CLAIM_US = 120 * SECOND
LOOK_AROUND_SECONDS = 60.0
LONGEST_WAIT = 0.5


class IdentityRefresher:
    """Keeps handles and PDS endpoints of all known accounts fresh. One worker runs it."""

    def __init__(
        self, actors: ActorStore, resolver: IdentityResolver, now_us: Callable[[], int]
    ) -> None:
        self._actors = actors
        self._resolver = resolver
        self._now_us = now_us
        self._wake = asyncio.Event()
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._unsettled: dict[str, int] = {}

    def wake(self) -> None:
        """Say that an account is due."""
        self._wake.set()

    async def settled(self, did: str) -> None:
        """Wait, half a second at most, while a new account is looked up for the first time.

        So whoever has just signed up sees their own name.
        """
        if not self._actors.is_unidentified(did, self._now_us() + CLAIM_US):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(did, [])
        waiting.append(future)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_WAIT):
                    await future
        finally:
            waiting.remove(future)
            if not waiting:
                self._waiting.pop(did, None)

    async def run(self) -> None:
        """Look up what is due, for ever."""
        # What was being looked up when this was ended the last time.
        now_us = self._now_us()
        await self._actors.take_up_identities(now_us, now_us + CLAIM_US)
        while True:
            self._wake.clear()
            if not await self.refresh_some():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(
                        UNSETTLED_SECONDS if self._unsettled else LOOK_AROUND_SECONDS
                    ):
                        await self._wake.wait()

    async def refresh_some(self) -> int:
        """Look up the accounts that have waited longest; return how many."""
        now_us = self._now_us()
        dids = self._actors.due_for_identity(now_us, AT_ONCE)
        if dids:
            await self._actors.put_off_identities(dids, now_us + CLAIM_US)
            await asyncio.gather(*(self._refresh_and_tell(did) for did in dids))
        return len(dids)

    async def _refresh_and_tell(self, did: Did) -> None:
        await self._refresh(did)
        for future in self._waiting.get(did, ()):
            if not future.done():
                future.set_result(None)

    async def _refresh(self, did: Did) -> None:
        try:
            identity = await self._resolver.resolve(did, fresh=True)
        except IdentityNotFound as error:
            log.info("identity not found did=%s reason=%s", did, error)
            await self._actors.set_identity(did, None, None, self._now_us() + FRESH_US)
            return
        except IdentityUnreachable as error:
            log.info("identity unreachable did=%s reason=%s", did, error)
            await self._actors.look_again(did, self._now_us() + self._patience(did))
            return
        is_valid = identity.handle != INVALID_HANDLE
        wait_us = FRESH_US if is_valid else INVALID_US
        if identity.is_settled:
            self._unsettled.pop(did, None)
        else:
            wait_us = self._patience(did)
        handle = identity.handle if is_valid else None
        await self._actors.set_identity(
            did, handle, identity.document.pds, self._now_us() + wait_us
        )

    def _patience(self, did: str) -> int:
        """Tell how long to leave somebody alone of whom nobody could tell, in µs."""
        if len(self._unsettled) >= MOST_UNSETTLED:
            self._unsettled.clear()
        tries = self._unsettled.get(did, 0)
        self._unsettled[did] = tries + 1
        return min(UNSETTLED_US << min(tries, 10), INVALID_US)
