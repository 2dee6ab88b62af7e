"""When the network gets another name or address: every identity says so, one after the other.

A network born at home keeps its identities in the directory inside; they are ordinary did:plc
operations. Once the network is public, their logs are handed to the public directory as they are,
then the address and the handle in them are changed by an operation of this server's rotation key,
and `#identity` tells those who follow. DIDs, posts and followers stay what they were.
https://web.plc.directory/spec/v0.1/did-plc

Each step is asked for before it is done, so this can be cut off anywhere and begun again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.atproto.identity import plc
from appliance.atproto.identity.errors import DidNotFound, IdentityUnreachable, OperationRefused
from appliance.atproto.identity.plc_client import PlcClient
from appliance.atproto.syntax import Did, Handle, InvalidSyntax, JsonObject
from appliance.base.database import Database
from appliance.pds import own_addresses
from appliance.pds.accounts import NameTaken
from appliance.pds.identities import Identities
from appliance.pds.lifecycle import Lifecycle
from appliance.pds.own_addresses import OwnAddress
from appliance.upkeep.checkup import Finding

log = logging.getLogger(__name__)

PAGE = 50
SECONDS_TO_BEGIN = 30.0
FIRST_PAUSE = 5.0
LONGEST_PAUSE = 3600.0
MOST_NAMES_TRIED = 20
MOST_TOLD = 5
SETTLING = "address-unsettled"


class Elsewhere(Exception):
    """The identity names a server that was never ours: the account has moved, or is arriving."""


@dataclass
class Progress:
    """How far it is; what could not be done yet, and why, by handle."""

    of: int = 0
    done: int = 0
    settled: bool = False
    refused: dict[str, str] = field(default_factory=dict)


class Readdressing:
    """Tells every identity where its account is now. `home` is the directory inside, if it runs."""

    def __init__(
        self,
        db: Database,
        identities: Identities,
        lifecycle: Lifecycle,
        home: PlcClient | None,
        now: OwnAddress,
    ) -> None:
        self._db = db
        self._identities = identities
        self._lifecycle = lifecycle
        self.home = home
        self._now = now
        # Cut off between the directory's answer and our own note, nobody would have been told.
        self._first = True
        self._known: Sequence[OwnAddress] = (now,)
        self.progress = Progress()

    async def begin(self) -> None:
        """See whether there is anything to do, and do what can be done before anybody is served.

        Nobody has to meet an identity that names the address of yesterday.
        """
        self._known = await self._db.write(own_addresses.note, self._now)
        if len(self._known) > 1 and not self._known[-1].settled:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SECONDS_TO_BEGIN):
                    await self._go_through()

    async def run(self) -> None:
        """Go on until every identity is right, then rest; a worker."""
        pause = FIRST_PAUSE
        while not self._known[-1].settled and not await self._go_through():
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        self.progress.settled = True
        await asyncio.Event().wait()

    async def _go_through(self) -> bool:
        """Tell all; note it when all know."""
        if settled := await self.tell_all(self._known):
            self._known = await self._db.write(own_addresses.settle)
        return settled

    async def tell_all(self, known: Sequence[OwnAddress]) -> bool:
        """Go through all accounts; tell whether all of ours are right. Raises what SQLite does."""
        progress = self.progress = Progress()
        progress.of = await self._db.scan(own_addresses.count)
        after = 0
        while page := await self._db.scan(own_addresses.accounts_after, after, PAGE):
            for number, did, handle in page:
                after = number
                try:
                    await self._tell(did, handle, known)
                except Elsewhere:
                    pass
                except (OperationRefused, IdentityUnreachable, DidNotFound, NameTaken) as problem:
                    log.warning("identity not changed did=%s reason=%s", did, problem)
                    progress.refused[str(handle)] = str(problem)
                progress.done += 1
        self._first = False
        progress.settled = not progress.refused
        return progress.settled

    async def _tell(self, did: Did, handle: Handle, known: Sequence[OwnAddress]) -> None:
        """Bring one identity up to date. Raises Elsewhere and what directories raise."""
        if not plc.is_plc_did(did):
            return  # a did:web is its owner's to change
        state = await self._state(did)
        endpoint = _endpoint(state)
        if endpoint not in {address.url for address in known}:
            raise Elsewhere
        wanted = await self._handle_now(handle, known)
        if endpoint != self._now.url or _handle(state) != wanted:
            await self._identities.readdress(did, wanted)
        if wanted != handle:
            await self._lifecycle.rename(did, wanted)
        elif endpoint != self._now.url or (self._first and len(known) > 1):
            await self._lifecycle.announce_identity(did, handle)

    async def _state(self, did: Did) -> JsonObject:
        """What the directory says, once it knows the identity: else its log is handed over."""
        try:
            return await self._identities.state(did)
        except DidNotFound:
            if self.home is None:
                raise
        for entry in await self.home.audit_log(did):
            operation = entry.get("operation")
            if isinstance(operation, dict) and not entry.get("nullified"):
                await self._identities.hand_over(did, operation)
        return await self._identities.state(did)

    async def _handle_now(self, handle: Handle, known: Sequence[OwnAddress]) -> Handle:
        """The same name under what handles end in now; one of a domain of its own stays."""
        ours = self._now.domains
        if any(handle.endswith(domain) for domain in ours):
            return handle
        former = {domain for address in known for domain in address.domains}
        ending = next((domain for domain in former if handle.endswith(domain)), None)
        if ending is None or "." in handle.removesuffix(ending):
            return handle
        front = handle.removesuffix(ending)
        for number in range(1, MOST_NAMES_TRIED):
            name = f"{front}{ours[0]}" if number == 1 else f"{front}-{number}{ours[0]}"
            try:
                wanted = Handle(name)
            except InvalidSyntax:
                break
            if await self._db.scan(own_addresses.is_free, wanted):
                return wanted
        return handle

    def findings(self) -> list[Finding]:
        """Say how far it is, while there is something to say."""
        progress = self.progress
        if progress.settled or not progress.of:
            return []
        if not progress.refused:
            seen = f"{progress.done} of {progress.of} identities name the new address"
            remedy = "nothing: this goes on"
            return [Finding("Identities", "warn", seen, "all of them", remedy, SETTLING)]
        told = [f"{name}: {why}" for name, why in list(progress.refused.items())[:MOST_TOLD]]
        return [
            Finding(
                "Identities",
                "bad",
                f"{len(progress.refused)} of {progress.of} could not be told of the new address:"
                f" {'; '.join(told)}",
                "every identity names the address of this server",
                "see that the did:plc directory can be reached; this is tried again by itself",
                SETTLING,
            )
        ]


def _endpoint(state: JsonObject) -> str:
    services = state.get("services")
    own = services.get("atproto_pds") if isinstance(services, dict) else None
    endpoint = own.get("endpoint") if isinstance(own, dict) else None
    return endpoint.rstrip("/") if isinstance(endpoint, str) else ""


def _handle(state: JsonObject) -> str:
    names = state.get("alsoKnownAs")
    first = names[0] if isinstance(names, list) and names else ""
    return first.removeprefix("at://") if isinstance(first, str) else ""
