"""Wait until a member's own write is indexed: so that they read what they have just written."""

import asyncio

from appliance.appview.actors import ActorStore
from appliance.atproto.xrpc.pace import PACE
from appliance.firehose.inside import Haste

LONGEST_WAIT = 0.5


class IndexedRevs:
    """Who waits for which rev of which account. Used on the event loop only."""

    def __init__(self, actors: ActorStore, haste: Haste) -> None:
        self._actors = actors
        self._haste = haste
        self._waiting: dict[str, list[tuple[str, asyncio.Future[None]]]] = {}

    def rev(self, did: str) -> str | None:
        """The rev of the last commit of this account that is indexed."""
        return self._actors.rev(did)

    async def wait(
        self,
        did: str,
        rev: str,
        timeout: float = LONGEST_WAIT,  # noqa: ASYNC109
    ) -> bool:
        """Wait until this rev, or a later one, is indexed; tell whether it is.

        timeout: seconds.
        """
        if self._has(did, rev):
            return True
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (rev, future)
        waiting = self._waiting.setdefault(did, [])
        waiting.append(entry)
        try:
            with self._haste.wanted():
                async with asyncio.timeout(timeout):
                    await future
        except TimeoutError:
            return self._has(did, rev)
        finally:
            waiting.remove(entry)
            if not waiting and self._waiting.get(did) is waiting:
                del self._waiting[did]
        # One commit may wake many.
        if PACE.is_full():
            await PACE.wait()
        return True

    def indexed(self, did: str, rev: str) -> None:
        """Wake those who wait for this rev or an earlier one. Called once it is on the disk."""
        for wanted, future in self._waiting.get(did, ()):
            if wanted <= rev and not future.done():
                future.set_result(None)

    def _has(self, did: str, rev: str) -> bool:
        known = self._actors.rev(did)
        return known is not None and known >= rev
